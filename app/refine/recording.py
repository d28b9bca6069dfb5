"""`python main.py refine RECORDING`: a recording worked through by two models, and where they disagree.

first/         the smaller model's depth, as `depth` writes it
refined/       the larger one's
disagreement/  disagreement_mm.npy (F, H, W), disagreement.png, summary.json
"""

import hashlib
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from app.clips.depth import estimate_depth
from app.clips.map_file import METRIC, MapFile
from app.clips.options import DepthOptions
from app.clips.previews import sample_numbers
from app.console import Console
from app.paths import cell_file, home
from app.refine.options import LOGGED, NOTHING, RefineOptions
from app.refine.refiner import DELTA, DISAGREEMENT, PICTURE, REFINED, comparison_work, demand_models, forget_comparison
from app.refine.table import COLUMNS, how_much, row, short
from core.cell import load_cell
from core.errors import CalibrationError, PerceptionError
from core.files import writing
from core.image_file import write_image
from hardware.cameras.clips.clip import Clip, Progress
from hardware.cameras.clips.files import open_clip
from perception.disagreement import (
    BEYOND_MM,
    Comparison,
    compare_images,
    compare_in_cell,
    delta_mm,
    disagreement_picture,
)

FIRST = "first"
#: What a recording's refined depth is compared with where nothing else is named.
CELL_MODEL = "dkt-1.3b"
#: Frames are shown below one another, each no wider than this.
_WIDTH_PX, _GAP_PX = 1200, 6


@dataclass(frozen=True)
class Maps:
    """The metric maps (F, H, W) of both models, on disk, and what they are called."""

    first_m: NDArray[np.float32]
    refined_m: NDArray[np.float32]
    names: tuple[str, str]


def refine_recording(options: RefineOptions, recording: Path) -> int:
    """Works a recording through with both models; 0 when all is on disk.

    Raises:
        VitroError: what `depth` raises for either model.
    """
    console = Console(options.as_json)
    if options.against == LOGGED:
        options = replace(options, against=CELL_MODEL)
    demand_models(options)
    # A folder of its own for every recording, the same again when a run that was cut off goes on.
    whole = recording.resolve()
    name = f"{whole.stem}-{hashlib.sha256(str(whole).encode()).hexdigest()[:6]}"
    out = options.out or home() / "refined" / name
    summary = _refine(options, recording, out, console)
    if (facts := summary[DISAGREEMENT]) is None:
        console.say(f"  not compared: {summary['not_compared']}")
    else:
        frames = sorted(facts["frames"], key=how_much, reverse=True)
        rows = [[str(frame["frame"]), *row(frame)] for frame in frames]
        console.table(f"{facts['refined']} against {facts['first']}", ("frame", *COLUMNS), rows)
    console.say(f"refined depth in [bold]{out!s}[/]")
    console.result(summary)
    return 0


def _refine(options: RefineOptions, recording: Path, out: Path, console: Console) -> dict[str, Any]:
    """Works the clip through with both models, one after the other; the summary of all of it."""
    cell = options.cell or "sim"
    first = {FIRST: (options.against, options.against_settings)} if options.against != NOTHING else {}
    summaries: dict[str, Any] = {FIRST: None}
    for into, (estimator, settings) in (first | {REFINED: (options.estimator, options.settings)}).items():
        console.say(f"[bold]{estimator}[/]" + (", to compare with" if into == FIRST else ""))
        depth = DepthOptions(
            source=recording, out=out / into, estimator=estimator, cell=cell, fresh=options.fresh, **vars(settings)
        )
        summaries[into] = estimate_depth(depth, console)
    facts, why_not = None, "nothing to compare with was asked for"
    if first:
        lacking = [name for name in (FIRST, REFINED) if not (out / name / METRIC).exists()]
        why_not = "; ".join(f"{name} is not in metres: {summaries[name]['not_scaled']}" for name in lacking)
        if not lacking:
            facts = _compare(recording, out, summaries, cell_file(cell), options.fresh, console)
    if facts is None:
        forget_comparison(out)
    return {"out": str(out), **summaries, DISAGREEMENT: facts, "not_compared": None if facts else why_not}


def _compare(
    recording: Path, out: Path, summaries: dict[str, Any], cell_path: Path, fresh: bool, console: Console
) -> dict[str, Any]:
    """Where the two disagree, as JSON; map and picture of it go to `out`."""
    work = comparison_work(out, str(summaries[FIRST]["fingerprint"]), str(summaries[REFINED]["fingerprint"]), cell_path)
    summary = work.result()
    if summary is not None and not fresh:
        return summary
    first_m, refined_m = (np.load(out / name / METRIC, mmap_mode="r") for name in (FIRST, REFINED))
    maps = Maps(first_m, refined_m, (summaries[FIRST]["estimator"], summaries[REFINED]["estimator"]))
    with work.hold(fresh):
        medians_mm, beyond = _write_deltas(maps, work.folder / DELTA, console)
        worst = int(np.argmax(np.nan_to_num(beyond)))
        numbers = {*sample_numbers(len(beyond)), worst}
        with console.frames_bar("looking") as show:
            facts, picture = _compare_frames(numbers, open_clip(recording, show), maps, cell_path, show)
        with writing(work.folder):
            write_image(work.folder / PICTURE, picture)
        whole = {
            "first": maps.names[0],
            "refined": maps.names[1],
            "median_mm": _median(medians_mm),
            "beyond": _median(beyond),
            "worst_frame": worst,
            "frames": facts,
        }
        return work.publish({name: work.folder / name for name in (DELTA, PICTURE)}, whole)


def _write_deltas(maps: Maps, path: Path, console: Console) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Writes |refined - first| [mm] of every frame; each frame's median and its share beyond the limit."""
    deltas = MapFile(path, maps.first_m.shape)
    medians_mm, beyond = np.full((2, len(maps.first_m)), np.nan)
    with writing(path), console.frames_bar("comparing") as show:
        deltas.start()
        for number, (first_m, refined_m) in enumerate(zip(maps.first_m, maps.refined_m, strict=True)):
            delta = delta_mm(first_m, refined_m)
            deltas.append([delta])
            seen = delta[np.isfinite(delta)]
            if len(seen):
                medians_mm[number], beyond[number] = np.median(seen), (seen > BEYOND_MM).mean()
            show(number + 1, len(maps.first_m))
        deltas.close()
    return medians_mm, beyond


def _compare_frames(
    numbers: set[int], clip: Clip, maps: Maps, cell_path: Path, show: Progress
) -> tuple[list[dict[str, Any]], NDArray[np.uint8]]:
    """Some frames in full: what disagrees in each, as JSON, and their pictures below one another.

    Object by object where the frame shows its table, else over the image alone.
    """
    cell = load_cell(cell_path)
    facts: list[dict[str, Any]] = []
    pictures: list[NDArray[np.uint8]] = []
    for number, frame in enumerate(clip.frames()):
        show(number + 1, clip.count)
        if number not in numbers:
            continue
        first_m, refined_m = np.array(maps.first_m[number]), np.array(maps.refined_m[number])
        comparison: Comparison | None = None
        if frame.rgbd is not None:
            with suppress(PerceptionError, CalibrationError):
                comparison = compare_in_cell(frame.rgbd, cell, first_m, refined_m)
        comparison = comparison or compare_images(first_m, refined_m)
        titles = (f"{short(maps.names[0])}, frame {number}", short(maps.names[1]))
        facts.append({"frame": number} | comparison.facts())
        picture = disagreement_picture(frame.color, first_m, refined_m, comparison, titles)
        share = min(1.0, _WIDTH_PX / picture.shape[1])
        small = cv2.resize(picture, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
        pictures.append(np.asarray(small, np.uint8))
    gap = np.full((_GAP_PX, *pictures[0].shape[1:]), 255, np.uint8)
    return facts, np.vstack([part for picture in pictures for part in (picture, gap)][:-1])


def _median(values: NDArray[np.float64]) -> float | None:
    """Over the frames that have one."""
    seen = values[np.isfinite(values)]
    return round(float(np.median(seen)), 5) if len(seen) else None
