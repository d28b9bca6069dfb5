"""Where a refined depth and an earlier one disagree, as JSON, as a picture and as a row of a table."""

import shutil
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.run.dry_run import parked
from core.cell import Cell
from core.files import writing
from core.image import RgbdImage
from perception.disagreement import BEYOND_MM, Comparison, Disagreement, compare
from perception.objects.masks import object_region
from perception.table.locate import locate_table

#: The folder of a comparison and what is in it, beside the two depths compared.
DISAGREEMENT, PICTURE, DELTA = "disagreement", "disagreement.png", "disagreement_mm.npy"
_LONGEST_NAME = 30
#: What made it, and the depths.
COMMAND = "refine"
#: The columns of `row_of`.
COLUMNS = ("median mm", "95 % mm", f"> {BEYOND_MM:.0f} mm", "farther mm", "only first", "only refined", "worst object")


def compare_on(
    frame: RgbdImage, cell: Cell, first_m: NDArray[np.float32], refined_m: NDArray[np.float32]
) -> Comparison:
    """Compares two depth maps of a frame over the workspace that its tags, or its table, show.

    Raises:
        PerceptionError, CalibrationError: no table that can be trusted is seen.
    """
    view = locate_table(frame, cell)
    # Nobody wrote down where the arms stood: parked, as for any recording.
    first, refined = (object_region(view, cell, frame.intrinsics, parked(cell), d) for d in (first_m, refined_m))
    return compare(first_m, refined_m, (first, refined), view.plane, frame.intrinsics)


def forget_comparison(folder: Path) -> None:
    """Removes a comparison of depths that are there no more, or with nothing.

    Raises:
        StorageError: the disk is read-only.
    """
    with writing(folder):
        if (folder / DISAGREEMENT).is_dir():
            shutil.rmtree(folder / DISAGREEMENT)


def facts_of_comparison(comparison: Comparison) -> dict[str, Any]:
    """A comparison as JSON takes it."""
    return {
        "image": facts_of_disagreement(comparison.image),
        "workspace": None if comparison.workspace is None else facts_of_disagreement(comparison.workspace),
        "objects": [{"box": list(o.box)} | facts_of_disagreement(o.disagreement) for o in comparison.objects],
    }


def facts_of_disagreement(disagreement: Disagreement) -> dict[str, Any]:
    """Rounded numbers, None for those of no pixel."""
    return {key: _rounded(value) for key, value in asdict(disagreement).items()}


def short(estimator: str) -> str:
    """An estimator's name without how it ran, where that is more than a picture or a column takes."""
    return estimator if len(estimator) <= _LONGEST_NAME else estimator.partition(" (")[0]


def how_much(facts: dict[str, Any]) -> float:
    """What comparisons are sorted by: the share of the workspace beyond the limit or known to one alone."""
    area = facts["workspace"] or facts["image"]
    return (area["beyond"] or 0.0) + area["only_first"] + area["only_second"]


def row_of(facts: dict[str, Any]) -> list[str]:
    """A comparison in the columns of a table: of the workspace, where there is one."""
    area = facts["workspace"] or facts["image"]
    worst = max(facts["objects"], key=lambda thing: thing["median_mm"] or 0.0, default=None)
    told = "–" if worst is None else f"{_number(worst['median_mm'])} mm at {worst['box'][0]},{worst['box'][1]}"
    numbers = [_number(area["median_mm"]), _number(area["p95_mm"]), _share(area["beyond"]), _number(area["shift_mm"])]
    return [*numbers, _share(area["only_first"]), _share(area["only_second"]), told]


def _rounded(value: float) -> float | int | None:
    if isinstance(value, int):
        return value
    return round(value, 5) if isfinite(value) else None


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"
