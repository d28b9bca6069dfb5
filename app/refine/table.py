"""Where a refined depth and an earlier one disagree, as rows of a table."""

from collections.abc import Mapping
from typing import Any

from perception.disagreement import BEYOND_MM

COLUMNS = ("median mm", "95 % mm", f"> {BEYOND_MM:.0f} mm", "farther mm", "only first", "only refined", "worst object")
_LONGEST_NAME = 30


def row(facts: Mapping[str, Any]) -> list[str]:
    """The facts of a `Comparison` in the columns: of the workspace, where there is one."""
    area = facts["workspace"] or facts["image"]
    worst = max(facts["objects"], key=lambda one: one["median_mm"] or 0.0, default=None)
    place = "–" if worst is None else f"{_number(worst['median_mm'])} mm at {worst['box'][0]},{worst['box'][1]}"
    numbers = [_number(area["median_mm"]), _number(area["p95_mm"]), _share(area["beyond"]), _number(area["shift_mm"])]
    return [*numbers, _share(area["only_first"]), _share(area["only_second"]), place]


def how_much(facts: Mapping[str, Any]) -> float:
    """What comparisons are sorted by: the share of the workspace beyond the limit or known to one alone."""
    area = facts["workspace"] or facts["image"]
    return float((area["beyond"] or 0.0) + area["only_first"] + area["only_second"])


def short(estimator: str) -> str:
    """An estimator's name without how it ran, where that is more than a picture or a column takes."""
    return estimator if len(estimator) <= _LONGEST_NAME else estimator.partition(" (")[0]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"
