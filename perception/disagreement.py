"""Where two depth maps of one frame disagree: by pixel, over the workspace, by object, and as a picture."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.image import Intrinsics, RgbdImage
from core.json_values import plain
from hardware.robot.description import PARK_JOINTS
from perception.depth_types import Plane
from perception.objects.masks import object_region
from perception.pictures import HOLE_RGB, Image, colour_depth, depth_range, legend, titled, viridis, write
from perception.table.locate import locate_table

Depth = NDArray[np.float32]
Mask = NDArray[np.bool_]
Box = tuple[int, int, int, int]

#: A pixel beyond this disagrees: fingers that close a centimetre off miss the rim of a glass.
BEYOND_MM = 10.0
#: What stands this high on the table, in either map, belongs to an object.
OBJECT_HEIGHT_M = 0.012
#: Smaller patches are noise [px].
OBJECT_PIXELS = 150

#: Pixels that one map alone knows.
ONE_ALONE_RGB = (150, 150, 150)
_DELTA_TITLE = "disagreement (grey: one alone)"
_BOX_RGB = (255, 255, 255)
#: The colours reach from 0 to the disagreement of most pixels, within these [mm].
_LEAST_MM, _MOST_MM = 2 * BEYOND_MM, 5 * BEYOND_MM


@dataclass(frozen=True)
class Disagreement:
    """Two maps over some pixels.

    pixels: how many both know. only_first, only_second: the share of all pixels that one alone knows.
    median_mm, p95_mm, beyond (the share beyond `BEYOND_MM`): of |second - first| where both know.
    shift_mm: median of second - first, positive where the second sees farther. NaN where no pixel is
    known to both.
    """

    pixels: int
    only_first: float
    only_second: float
    median_mm: float
    p95_mm: float
    beyond: float
    shift_mm: float

    def facts(self) -> dict[str, Any]:
        """As JSON takes it: rounded numbers, None for those of no pixel."""
        return {key: None if value is None else round(value, 5) for key, value in plain(self).items()}


@dataclass(frozen=True)
class ObjectDisagreement:
    """box: left, top, right, bottom [px] of an object's pixels."""

    box: Box
    disagreement: Disagreement


@dataclass(frozen=True)
class Comparison:
    """delta_mm: (H, W) float32, |second - first|, NaN where either has a hole. objects: largest first.

    Where no table is known there is no workspace and there are no objects.
    """

    delta_mm: NDArray[np.float32]
    image: Disagreement
    workspace: Disagreement | None
    objects: tuple[ObjectDisagreement, ...]

    def facts(self) -> dict[str, Any]:
        """As JSON takes it, without the map."""
        return {
            "image": self.image.facts(),
            "workspace": None if self.workspace is None else self.workspace.facts(),
            "objects": [{"box": list(one.box)} | one.disagreement.facts() for one in self.objects],
        }


def compare_in_cell(frame: RgbdImage, cell: Cell, first_m: Depth, second_m: Depth) -> Comparison:
    """Compares two metric maps (H, W) [m, NaN holes] of a frame over the workspace that its tags, or its table, show.

    The workspace is where by either map a point lies at which an object may stand.

    Raises:
        PerceptionError, CalibrationError: no table that can be trusted is seen.
    """
    view = locate_table(frame, cell)
    # Nobody wrote down where the arms stood: parked, as for any recording.
    joints = dict.fromkeys(cell.arms, PARK_JOINTS)
    first, second = (object_region(view, cell, frame.intrinsics, joints, depth_m) for depth_m in (first_m, second_m))
    patches = _find_objects((first_m, second_m), (first, second), view.plane, frame.intrinsics)
    objects = (ObjectDisagreement(box, measure(first_m, second_m, patch)) for box, patch in patches)
    workspace = measure(first_m, second_m, first | second)
    return replace(compare_images(first_m, second_m), workspace=workspace, objects=tuple(objects))


def compare_images(first_m: Depth, second_m: Depth) -> Comparison:
    """Compares two metric maps of which no table is known."""
    everywhere = measure(first_m, second_m, np.ones(first_m.shape, bool))
    return Comparison(delta_mm(first_m, second_m), everywhere, workspace=None, objects=())


def delta_mm(first_m: Depth, second_m: Depth) -> NDArray[np.float32]:
    """|second - first| [mm], NaN where either has a hole."""
    return (1000 * np.abs(second_m.astype(float) - first_m)).astype(np.float32)


def measure(first_m: Depth, second_m: Depth, where: Mask) -> Disagreement:
    """The disagreement over the pixels `where`."""
    first, second = first_m[where].astype(float), second_m[where].astype(float)
    has_first, has_second = np.isfinite(first), np.isfinite(second)
    signed_mm = 1000 * (second - first)[has_first & has_second]
    size_mm = np.abs(signed_mm)
    median = p95 = beyond = shift = float("nan")
    if len(signed_mm):
        median, p95 = (float(x) for x in np.percentile(size_mm, [50, 95]))
        beyond, shift = float((size_mm > BEYOND_MM).mean()), float(np.median(signed_mm))
    total = max(1, len(first))
    only_first = int((has_first & ~has_second).sum()) / total
    only_second = int((has_second & ~has_first).sum()) / total
    return Disagreement(len(signed_mm), only_first, only_second, median, p95, beyond, shift)


def _find_objects(
    depths_m: tuple[Depth, Depth], regions: tuple[Mask, Mask], plane: Plane, intrinsics: Intrinsics
) -> list[tuple[Box, Mask]]:
    """Box and (H, W) mask of each connected patch of what stands on the table in either map, largest first."""
    import cv2

    rays = intrinsics.rays()
    stands = np.zeros(regions[0].shape, bool)
    for depth_m, region in zip(depths_m, regions, strict=True):
        stands |= region & (plane.height(rays * depth_m[..., None]) > OBJECT_HEIGHT_M)
    # Lone pixels at edges would join what lies apart.
    cleaned = cv2.morphologyEx(stands.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(cleaned, connectivity=8)
    largest_first = sorted(range(1, count), key=lambda label: -stats[label, cv2.CC_STAT_AREA])
    objects = []
    for label in largest_first:
        left, top, width, height, area = (int(value) for value in stats[label])
        if area >= OBJECT_PIXELS:
            objects.append(((left, top, left + width, top + height), labels == label))
    return objects


def disagreement_picture(
    color: Image, first_m: Depth, second_m: Depth, comparison: Comparison, titles: tuple[str, str]
) -> Image:
    """Colour with the objects numbered, the disagreement, and below them both maps, with two legends."""
    delta = comparison.delta_mm
    seen = np.isfinite(delta)
    far_mm = float(np.clip(np.percentile(delta[seen], 98), _LEAST_MM, _MOST_MM)) if seen.any() else _LEAST_MM
    image = viridis(np.clip(255 * np.where(seen, delta, 0) / far_mm, 0, 255).astype(np.uint8))
    image[~seen] = HOLE_RGB
    image[np.isfinite(first_m) != np.isfinite(second_m)] = ONE_ALONE_RGB
    near_m, far_m = depth_range(first_m, second_m)
    above = [
        titled(_with_boxes(color, comparison), "colour"),
        titled(_with_boxes(image, comparison), _DELTA_TITLE),
        legend(len(color), far_mm, 0, "mm", digits=0, colour=viridis),
    ]
    below = [
        titled(colour_depth(first_m, near_m, far_m), titles[0]),
        titled(colour_depth(second_m, near_m, far_m), titles[1]),
        legend(len(color), near_m, far_m, "metres"),
    ]
    return np.vstack([np.hstack(above), np.hstack(below)])


def _with_boxes(image: Image, comparison: Comparison) -> Image:
    """The objects framed, numbered from the largest."""
    import cv2

    image = image.copy()
    scale = image.shape[1] / 1100
    thick = max(1, round(2 * scale))
    for number, thing in enumerate(comparison.objects, 1):
        left, top, right, bottom = thing.box
        cv2.rectangle(image, (left, top), (right - 1, bottom - 1), _BOX_RGB, max(1, thick // 2), cv2.LINE_AA)
        write(image, str(number), (left + round(5 * scale), bottom - round(7 * scale)), scale, thick)
    return image
