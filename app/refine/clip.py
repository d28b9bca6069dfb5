"""A recording worked through by two models, and where they disagree.

first/         the smaller model's depth, as `depth` writes it
refined/       the larger one's
disagreement/  disagreement_mm.npy (F, H, W), disagreement.png, summary.json
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.clips.clip_run import ClipRequest
from app.clips.depth import depth_of_clip
from app.clips.map_file import METRIC, MapFile
from app.clips.previews import sample_numbers
from app.console import Console
from app.paths import cell_file
from app.refine.disagreements import (
    COMMAND,
    DELTA,
    DISAGREEMENT,
    PICTURE,
    compare_on,
    facts_of_comparison,
    forget_comparison,
    short,
)
from core.cell import Cell, load_cell
from core.errors import CalibrationError, PerceptionError
from core.files import writing
from core.image_file import write_image
from core.work import Work, digest_of
from hardware.cameras.clips.clip import Clip, ClipFrame, Progress
from hardware.cameras.clips.files import open_clip
from perception.disagreement import BEYOND_MM, Comparison, compare_images, delta_mm
from perception.disagreement_pictures import disagreement_picture

FIRST, REFINED = "first", "refined"
#: Frames are shown below one another, each no wider than this.
_WIDTH_PX, _GAP_PX = 1200, 6


@dataclass(frozen=True)
class Maps:
    """The metric maps (F, H, W) of both models, on disk, and what they are called."""

    first_m: NDArray[np.float32]
    refined_m: NDArray[np.float32]
    names: tuple[str, str]


def refine_clip(refined: ClipRequest, first: ClipRequest | None, cell_name: str, console: Console) -> dict[str, Any]:
    """Works the clip through with both models, one after the other; the summary of all of it.

    Raises:
        VitroError: what `depth` raises for either.
    """
    out = refined.out
    summaries: dict[str, Any] = {FIRST: None}
    if first is not None:
        console.say(f"[bold]{first.estimator}[/], to compare with")
        summaries[FIRST] = depth_of_clip(replace(first, out=out / FIRST), cell_name, console)
    console.say(f"[bold]{refined.estimator}[/]")
    summaries[REFINED] = depth_of_clip(replace(refined, out=out / REFINED), cell_name, console)
    facts, why_not = None, "nothing to compare with was asked for"
    if summaries[FIRST] is not None:
        lacking = [name for name in (FIRST, REFINED) if not (out / name / METRIC).exists()]
        why_not = "; ".join(f"{name} is not in metres: {summaries[name]['not_scaled']}" for name in lacking)
        if not lacking:
            facts = _compare(refined, summaries, cell_name, console)
    if facts is None:
        forget_comparison(out)
    return {"out": str(out), **summaries, DISAGREEMENT: facts, "not_compared": None if facts else why_not}


def _compare(request: ClipRequest, summaries: dict[str, Any], cell_name: str, console: Console) -> dict[str, Any]:
    made_from = {name: str(summaries[name]["fingerprint"]) for name in (FIRST, REFINED)}
    work = Work(
        request.out / DISAGREEMENT, COMMAND, made_from | {"cell": digest_of(cell_file(cell_name))}, (DELTA, PICTURE)
    )
    done = work.finished()
    if done is not None and not request.fresh:
        return done
    first_m, refined_m = (np.load(request.out / name / METRIC, mmap_mode="r") for name in (FIRST, REFINED))
    maps = Maps(first_m, refined_m, (summaries[FIRST]["estimator"], summaries[REFINED]["estimator"]))
    with work.opened(request.fresh):
        medians_mm, beyond = _write_deltas(maps, work.folder / DELTA, console)
        worst = int(np.argmax(np.nan_to_num(beyond)))
        numbers = {*sample_numbers(len(beyond)), worst}
        with console.frames_bar("looking") as show:
            facts, picture = _look_at(numbers, open_clip(request.source, show), maps, cell_name, show)
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


def _look_at(
    numbers: set[int], clip: Clip, maps: Maps, cell_name: str, show: Progress
) -> tuple[list[dict[str, Any]], NDArray[np.uint8]]:
    """Some frames in full: what disagrees in each, as JSON, and their pictures below one another."""
    cell = load_cell(cell_file(cell_name))
    facts: list[dict[str, Any]] = []
    pictures: list[NDArray[np.uint8]] = []
    for number, clip_frame in enumerate(clip.frames()):
        show(number + 1, clip.count)
        if number not in numbers:
            continue
        first_m, refined_m = np.array(maps.first_m[number]), np.array(maps.refined_m[number])
        comparison = _compared(clip_frame, cell, first_m, refined_m)
        titles = (f"{short(maps.names[0])}, frame {number}", short(maps.names[1]))
        picture = disagreement_picture(clip_frame.color, first_m, refined_m, comparison, titles)
        facts.append({"frame": number} | facts_of_comparison(comparison))
        small = _small(picture)
        pictures += [small, np.full((_GAP_PX, *small.shape[1:]), 255, np.uint8)]
    return facts, np.vstack(pictures[:-1])


def _compared(frame: ClipFrame, cell: Cell, first_m: NDArray[np.float32], refined_m: NDArray[np.float32]) -> Comparison:
    """Object by object where the frame shows its table, else over the image alone."""
    if frame.rgbd is not None:
        try:
            return compare_on(frame.rgbd, cell, first_m, refined_m)
        except (PerceptionError, CalibrationError):
            pass
    return compare_images(first_m, refined_m)


def _small(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    import cv2

    share = min(1.0, _WIDTH_PX / picture.shape[1])
    return np.asarray(cv2.resize(picture, None, fx=share, fy=share, interpolation=cv2.INTER_AREA), np.uint8)


def _median(values: NDArray[np.float64]) -> float | None:
    """Over the frames that have one."""
    seen = values[np.isfinite(values)]
    return round(float(np.median(seen)), 5) if len(seen) else None
