"""The box that stands upright on the table and has a given outline.

A box that lies on any of its sides stands, too. Its outline has six corners, and it has six numbers: place, heading and
three sides. They are fitted so that the outline of the eight corners' picture passes through the mask's.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes
from scipy.optimize import least_squares
from scipy.spatial import ConvexHull

from core.image import Intrinsics
from core.transforms import rotation_z
from perception.depth_types import Plane
from perception.objects.object_map import box_around
from perception.objects.solids.crossing import LEAST_SLANT, find_foot

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]
Points = NDArray[np.float64]

#: Sides are at least and at most so long [m]; a box is no farther than this from where its foot seems to be [m].
SIDES_M, FARTHEST_M = (0.008, 0.26), 0.25
#: Fits begin at these headings from the line of sight and heights [m]; the best are then fitted to the end.
HEADINGS_RAD, HEIGHTS_M, BEST = np.deg2rad([0.0, 22.5, 45.0, 67.5]), (0.03, 0.10), 2
FEW_STEPS, MANY_STEPS = 6, 40
#: So many places on an outline are looked at; what is farther off than this [px] counts less and less.
PLACES, OUTLIER_PX = 100, 1.5
_CORNERS = np.array([[x, y, z] for z in (0.0, 1.0) for x in (-0.5, 0.5) for y in (-0.5, 0.5)])
#: About as much changes as much: metres along the table, radians, metres of a side.
_SCALES = (0.02, 0.02, 0.3, 0.03, 0.03, 0.03)
#: A box's outline that reaches farther beyond the mask's than this [px] is cut there.
_AROUND_PX = 20


@dataclass(frozen=True)
class UprightBox:
    """center_m (2,), turned by heading_rad, its sides size_m (3,), in a frame of the table under the camera: R (3, 3)
    its axes in the camera, eye_m (3,) the camera in it. explained: how much of its outline and of the mask is both
    (intersection over union)."""

    center_m: Points
    heading_rad: float
    size_m: Points
    R: Points
    eye_m: Points
    explained: float = 0.0

    @property
    def width_m(self) -> float:
        return float(self.size_m[:2].min())

    @property
    def height_m(self) -> float:
        return float(self.size_m[2])

    def seen(self, its: Mask, intrinsics: Intrinsics) -> tuple[Map, Map, Mask]:
        """(H, W) depth [m] at which rays of a mask meet it, and at which they leave it, NaN where they do not meet; and
        where that is its top, which of a vessel is its mouth (slab method)."""
        turn = rotation_z(self.heading_rad)
        along = intrinsics.rays()[its].astype(float) @ self.R @ turn
        eye_m = (self.eye_m - np.append(self.center_m, 0.0)) @ turn
        half_m = self.size_m[:2] / 2
        low_m, high_m = np.append(-half_m, 0.0), np.append(half_m, self.size_m[2])
        along = np.where(np.abs(along) < 1e-9, 1e-9, along)
        one, other = (low_m - eye_m) / along, (high_m - eye_m) / along
        enter, leave = np.minimum(one, other), np.maximum(one, other).min(axis=1)
        met = enter.max(axis=1) < leave
        front_m, back_m = (np.full(its.shape, np.nan, np.float32) for _ in range(2))
        is_top = np.zeros(its.shape, bool)
        front_m[its], back_m[its] = np.where(met, enter.max(axis=1), np.nan), np.where(met, leave, np.nan)
        is_top[its] = met & (enter.argmax(axis=1) == 2)
        return front_m, back_m, is_top


def fit_box(its: Mask, intrinsics: Intrinsics, plane: Plane) -> UprightBox | None:
    """The box of a mask (H, W), None where that is not before the camera on the table."""
    R, eye_m = plane.axes(), np.array([0.0, 0.0, -plane.offset_m])
    along = intrinsics.rays()[its].astype(float) @ R
    if (along[:, 2] > -LEAST_SLANT * np.linalg.norm(along, axis=1)).any():
        return None
    filled = binary_fill_holes(its)
    places_px = _outline(filled)
    to_picture = intrinsics.matrix @ R

    def off_px(numbers: Points) -> Points:
        """(K,) how far the outline, the border of its outermost pixels, is outside of the box's."""
        edges = ConvexHull(_corners_px(numbers, to_picture, eye_m)).equations
        return np.asarray((places_px @ edges[:, :2].T + edges[:, 2]).max(axis=1) + 0.5)

    starts = list(_starts(eye_m[:2] + along[:, :2] * (-eye_m[2] / along[:, 2:])))
    bounds = _bounds(starts[0], tallest_m=min(SIDES_M[1], 0.8 * eye_m[2]))
    first = sorted((_fit(off_px, start, bounds, FEW_STEPS) for start in starts), key=lambda found: found[0])
    x = min((_fit(off_px, at, bounds, MANY_STEPS) for _, at in first[:BEST]), key=lambda found: found[0])[1]
    explained = _overlap(filled, _corners_px(x, to_picture, eye_m))
    return UprightBox(x[:2], float(x[2]), x[3:], R, eye_m, explained)


def _bounds(start: Points, tallest_m: float) -> tuple[Points, Points]:
    """The least and the most (6,) of a box's numbers."""
    reach = np.array([FARTHEST_M, FARTHEST_M, 2 * np.pi])
    low = np.append(start[:3] - reach, np.full(3, SIDES_M[0]))
    return low, np.concatenate([start[:3] + reach, [SIDES_M[1], SIDES_M[1], tallest_m]])


def _fit(
    off_px: Callable[[Points], Points], start: Points, bounds: tuple[Points, Points], steps: int
) -> tuple[float, Points]:
    """The cost, and a box's numbers (6,), so many steps after a start."""
    inside = np.clip(start, bounds[0] + 1e-4, bounds[1] - 1e-4)
    found = least_squares(
        off_px, inside, bounds=bounds, x_scale=_SCALES, loss="soft_l1", f_scale=OUTLIER_PX, max_nfev=steps
    )
    return float(found.cost), np.asarray(found.x)


def _outline(filled: Mask) -> Points:
    """Pixels (K, 2; x, y) along a mask's longest outline."""
    contours, _ = cv2.findContours(filled.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    longest = max(contours, key=len)[:, 0].astype(float)
    return longest[:: max(len(longest) // PLACES, 1)]


def _starts(table_m: Points) -> Iterator[Points]:
    """Boxes to begin with: x, y, heading, sides (6,); table_m (N, 2): where the rays of the mask meet the table."""
    away, is_low = find_foot(table_m)
    foot_m = table_m[is_low]
    width_m = float(np.ptp(foot_m @ [-away[1], away[0]]))
    place_m = foot_m.mean(axis=0) + away * 0.2 * width_m
    for heading_rad in np.arctan2(away[1], away[0]) + HEADINGS_RAD:
        for height_m in HEIGHTS_M:
            yield np.array([*place_m, heading_rad, 0.8 * width_m, 0.8 * width_m, height_m])


def _corners_px(numbers: Points, to_picture: Points, eye_m: Points) -> Points:
    """(8, 2) where the corners of a box are seen."""
    corners_m = (_CORNERS * numbers[3:]) @ rotation_z(float(numbers[2])).T + np.append(numbers[:2], 0.0)
    there = (corners_m - eye_m) @ to_picture.T
    return np.asarray(there[:, :2] / there[:, 2:])


def _overlap(filled: Mask, corners_px: Points) -> float:
    """Intersection over union of a mask and the outline of a box's corners."""
    rows, columns = box_around(filled, _AROUND_PX)
    its = filled[rows, columns]
    v, u = np.mgrid[: its.shape[0], : its.shape[1]]
    edges = ConvexHull(corners_px - [columns.start, rows.start]).equations
    drawn = (u[..., None] * edges[:, 0] + v[..., None] * edges[:, 1] + edges[:, 2] <= 0).all(axis=-1)
    return float((its & drawn).sum() / (its | drawn).sum())
