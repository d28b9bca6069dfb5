"""What several estimators made of one frame, as one picture: a row each, its depth, objects, grasps and choice."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

import numpy as np
from numpy.typing import NDArray

from app.run.trial import Trial
from app.run.trial_files import SHOWN_GRASPS
from core.report.words import counted
from grasping.grasp_set import SCORE
from grasping.pictures import draw_grasps
from hardware.cameras.frame import RgbdFrame
from perception.objects.pictures import outline_objects
from perception.pictures import HOLE_RGB, Image, colour_depth, depth_range, legend, titled, write

#: Nearest and farthest depth [m] that is given a colour.
Span = tuple[float, float]
#: Every picture is this wide [px]; between rows lies a gap.
PANEL_PX, _GAP_PX = 480, 8
_LETTERS = 0.5


@dataclass(frozen=True)
class SheetRow:
    """title: who made it. words: what came of it, in a sentence. panels: pictures of one size."""

    title: str
    words: str
    panels: tuple[Image, ...]


def camera_row(frame: RgbdFrame, span_m: Span) -> SheetRow:
    """What the camera gave."""
    sensor = titled(colour_depth(frame.depth_m, *span_m), "the sensor's depth")
    return SheetRow("camera", f"{frame.source} {frame.serial}, frame {frame.number}", (frame.color, sensor))


def estimator_row(title: str, would: str, trial: Trial | None, frame: RgbdFrame, span_m: Span) -> SheetRow:
    """Depth, objects, grasps and the chosen grasp of one estimator. Without a trial there are words alone."""
    if trial is None:
        return SheetRow(title, would, ())
    metric, grasps, plan = trial.metric, trial.grasps, trial.plan
    depth = objects = found = chosen = None
    if metric is not None:
        depth = titled(colour_depth(metric.depth_m, *span_m), f"depth, {metric.residual_mm:.1f} mm residual")
        if metric.objects is not None:
            objects = titled(outline_objects(frame.color, metric.objects), counted(metric.objects.count, "object"))
    if grasps is not None and len(grasps):
        picture = draw_grasps(frame.color, grasps.rows[:SHOWN_GRASPS], frame.intrinsics)
        found = titled(picture, counted(len(grasps), "grasp"))
    if plan is not None:
        picture = draw_grasps(frame.color, plan.row[None], frame.intrinsics, [trial.rank or 1])
        chosen = titled(picture, f"chosen, {plan.arm} arm, expects {plan.row[SCORE]:.0%}")
    return SheetRow(title, would, fill_gaps((depth, objects, found, chosen), frame))


def fill_gaps(panels: Sequence[Image | None], frame: RgbdFrame) -> tuple[Image, ...]:
    """Of depth, objects, grasps and choice; what was not reached is dark, and says so."""
    missing = "no depth", "no objects told apart", "no grasps", "nothing chosen"
    dark = np.full_like(frame.color, HOLE_RGB)
    return tuple(titled(dark.copy(), gap) if one is None else one for one, gap in zip(panels, missing, strict=True))


def shared_range(frame: RgbdFrame, depths_m: Sequence[NDArray[np.float32]]) -> Span:
    """Nearest and farthest depth [m] that all maps of a sheet are coloured by."""
    return depth_range(*(depths_m or (frame.depth_m,)))


def draw_sheet(rows: Sequence[SheetRow], span_m: Span) -> Image:
    """(H, W, 3) RGB: the rows below one another, each under its title, and a legend of the depth."""
    bands = [_band(row) for row in rows]
    width = max(band.shape[1] for band in bands)
    gap = np.full((_GAP_PX, width, 3), 255, np.uint8)
    parts = [part for band in bands for part in (_wide(band, width), gap)][:-1]
    bar = legend(max(240, bands[0].shape[0]), *span_m, "metres")
    sheet = np.vstack(parts)
    column = np.full((len(sheet), bar.shape[1], 3), HOLE_RGB, np.uint8)
    column[: len(bar)] = bar[: len(sheet)]
    return np.hstack([sheet, column])


def _band(row: SheetRow) -> Image:
    """A row's pictures under a line of words or two."""
    pictures = [_panel(panel) for panel in row.panels]
    width = sum(panel.shape[1] for panel in pictures) or 4 * PANEL_PX
    lines = wrap(f"{row.title}: {row.words}", width // 9)[:3]
    head = np.full((10 + 20 * len(lines), width, 3), 40, np.uint8)
    for number, words in enumerate(lines):
        write(head, words, (8, 20 + 20 * number), _LETTERS, 1)
    return np.vstack([head, np.hstack(pictures)]) if pictures else head


def _panel(image: Image) -> Image:
    import cv2

    size = PANEL_PX, round(len(image) * PANEL_PX / image.shape[1])
    return np.ascontiguousarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _wide(band: Image, width: int) -> Image:
    filler = np.full((len(band), width - band.shape[1], 3), HOLE_RGB, np.uint8)
    return np.hstack([band, filler])
