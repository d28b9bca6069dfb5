"""The solid of revolution that stands upright on the table and has a given outline.

About one upright axis every height has its widest circle that stays within the outline; the circles together are the
solid. Nearer axes give taller solids of the same outline that stand on a point, farther ones leave what is nearest of
it over: the farthest axis that still explains the outline has the widest foot, as most tableware has. Silhouettes
alone: as in HEAPGrasp, with one view and the table. Of what is low and wide nearly every axis explains the outline: a
bowl's is taken to be where its foot has the share of its width that bowls' of the digital cell have.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes, map_coordinates

from core.image import Intrinsics
from perception.depth_types import Plane
from perception.objects.object_map import box_around
from perception.objects.solids.crossing import LEAST_SLANT, MARCH_M, cross, cross_all, find_foot

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]
Points = NDArray[np.float64]

#: Solids are looked for up to this height [m], in such steps.
TALLEST_M, HEIGHT_STEP_M = 0.26, 0.004
#: Axes are tried every so far [m] away on the table, and so far to both sides in such steps.
AWAY_STEP_M, ASIDE_M, ASIDE_STEP_M = 0.004, 0.012, 0.003
#: An axis is no farther behind what is nearest of a thing [m].
FARTHEST_M = 0.12
#: An axis explains an outline as well as another that explains this share more.
AS_WELL = 0.012
#: A solid ends where what is higher adds less than this share to its outline.
TOP_SHARE = 0.004
#: An outline is rounded over this many pixels: a dent of one pixel would keep every circle out.
ROUNDED_PX = 1.0
#: Circles are drawn at so many pixels a metre, at fewer where the picture, with this much around the outline [px],
#: had more than so many pixels: what is so large is hardly one thing.
DENSITY_PX_M, EDGE_PX, MOST_PX = 1000.0, 3, 200_000
#: Of where rays meet the table, a thing's axis is in the nearest so many percent.
HIGHEST = 97
#: Feet of the digital cell's bowls are .50 to .62 of their widths, their walls 3 to 4.5 mm thick [m]. An axis may
#: explain this much less of an outline that has a bowl's image in it.
BOWL_FOOT, BOWL_WALL_M, BOWL_AS_WELL = 0.6, 0.003, 0.05
#: OpenCV draws at 1/16 of a pixel.
_SHIFT, _SUBPIXELS = 4, 16


@dataclass(frozen=True)
class UprightSolid:
    """center_m (2,) of its axis and radii_m (K,) at heights_m (K,), in a frame of the table under the camera: R (3, 3)
    its axes in the camera, eye_m (3,) the camera in it. explained: the share of the outline that it fills; wall_m: how
    thick its wall and floor are, None where it has no inside."""

    center_m: Points
    heights_m: Points
    radii_m: Points
    explained: float
    R: Points
    eye_m: Points
    wall_m: float | None = None

    @property
    def width_m(self) -> float:
        return 2 * float(self.radii_m.max())

    @property
    def height_m(self) -> float:
        return float(self.heights_m[-1])

    def seen(self, its: Mask, intrinsics: Intrinsics) -> tuple[Map, Map, Mask]:
        """(H, W) depth [m] at which rays of a mask meet it, and at which they leave it for good, NaN where they do
        not meet; and where that is its top, which of a vessel is its mouth."""
        return cross_all(its, intrinsics.rays()[its].astype(float) @ self.R, self._follow)

    def _follow(self, along: Points) -> tuple[Points, Points, Mask]:
        """As `seen`, of rays (N, 3)."""
        heights_m = np.arange(self.heights_m[-1], -1e-6, -MARCH_M)
        radii_m = np.interp(heights_m, self.heights_m, self.radii_m)
        depth_m = (heights_m - self.eye_m[2]) / along[:, 2:]
        # Of eye + depth * ray, how far beside the axis, squared.
        start_m, level = self.eye_m[:2] - self.center_m, along[:, :2]
        square = (level**2).sum(axis=1)[:, None]
        beside2 = start_m @ start_m + (2 * (level @ start_m)[:, None] + square * depth_m) * depth_m
        within = beside2 <= radii_m**2
        if self.wall_m is None:
            front_m, back_m, met, first = cross(depth_m, within)
            return front_m, back_m, met & (first == 0)
        inside = (beside2 < np.maximum(radii_m - self.wall_m, 0.0) ** 2) & (heights_m > self.wall_m)
        front_m, back_m, met, _ = cross(depth_m, within & ~inside)
        return front_m, back_m, met & inside[:, 0]


def widest_foot(solids: Sequence[UprightSolid]) -> UprightSolid | None:
    """Of `fit_axes`, the farthest that explains the outline as well as any; None of none."""
    most = max((solid.explained for solid in solids), default=0.0)
    return next((solid for solid in reversed(solids) if solid.explained >= most - AS_WELL), None)


def as_bowl(solids: Sequence[UprightSolid]) -> UprightSolid:
    """Of `fit_axes`, one at least, the one with a bowl's foot, made hollow and as wide above as below."""
    most = max(solid.explained for solid in solids)
    able = [solid for solid in solids if solid.explained >= most - BOWL_AS_WELL]
    found = min(able, key=lambda solid: abs(2 * solid.radii_m[0] / solid.width_m - BOWL_FOOT))
    return replace(found, radii_m=np.maximum.accumulate(found.radii_m), wall_m=BOWL_WALL_M)


def fit_axes(its: Mask, intrinsics: Intrinsics, plane: Plane) -> list[UprightSolid]:
    """The best solid of a mask (H, W) about axes at every distance, the nearest first; none where no circle on the
    table lies within it, or none of its rays meets the table."""
    R, eye_m = plane.axes(), np.array([0.0, 0.0, -plane.offset_m])
    along = intrinsics.rays()[its].astype(float) @ R
    # Rays that hardly meet the table are of no foot.
    along = along[along[:, 2] < -LEAST_SLANT * np.linalg.norm(along, axis=1)]
    if not len(along):
        return []
    ground = _Ground(along[:, :2] * (-eye_m[2] / along[:, 2:]))
    outline = _Outline(its, intrinsics, R, eye_m, ground.foot_m)
    tried = [[outline.solid_about(center_m) for center_m in row] for row in ground.centers_m]
    return [max(found, key=lambda solid: solid.explained) for row in tried if (found := [one for one in row if one])]


class _Ground:
    """Where on the table a mask's thing may stand. foot_m (2,): about where its foot is; centers_m (A, B, 2): axes, so
    far away, the nearest first, and so far aside."""

    def __init__(self, table_m: Points) -> None:
        """table_m (N, 2): where the rays of the mask meet the table."""
        away, is_low = find_foot(table_m)
        across = np.array([-away[1], away[0]])
        away_m, aside_m = table_m @ away, table_m @ across
        self.foot_m = away * np.median(away_m[is_low]) + across * np.median(aside_m[is_low])
        # What is nearest of it is its foot, or hangs over that.
        farthest_m = min(float(np.percentile(away_m, HIGHEST)), float(away_m.min()) + FARTHEST_M)
        places_m = np.arange(away_m.min(), farthest_m, AWAY_STEP_M)
        asides_m = np.median(aside_m[is_low]) + np.arange(-ASIDE_M, ASIDE_M + 1e-9, ASIDE_STEP_M)
        self.centers_m = places_m[:, None, None] * away + asides_m[None, :, None] * across


class _Outline:
    """A mask as a camera sees it that looks at its foot, with pixels so low that circles on the table are circles: how
    wide one may be about a place is then that pixel's distance to the outline."""

    def __init__(self, its: Mask, intrinsics: Intrinsics, R: Points, eye_m: Points, foot_m: Points) -> None:
        self._R, self._eye_m = R, eye_m
        forward = np.append(foot_m, 0.0) - eye_m
        distance_m = float(np.linalg.norm(forward))
        forward /= distance_m
        right = np.array([forward[1], -forward[0], 0.0]) / max(float(np.hypot(*forward[:2])), 1e-9)
        self._axes = np.stack([right, np.cross(forward, right), forward])
        to_ray = self._axes @ R.T @ np.linalg.inv(intrinsics.matrix)
        along = np.column_stack([np.argwhere(its)[:, ::-1], np.ones(int(its.sum()))]) @ to_ray.T
        along = along[:, :2] / np.maximum(along[:, 2:], LEAST_SLANT)
        focal_px = np.array([1.0, 1.0 / -forward[2]]) * DENSITY_PX_M * distance_m
        size_px = float((np.ptp(along, axis=0) * focal_px).prod())
        self._focal_px = focal_px * min(1.0, np.sqrt(MOST_PX / max(size_px, 1.0)))
        low_px, high_px = (extreme(axis=0) * self._focal_px for extreme in (along.min, along.max))
        self._corner_px = low_px - EDGE_PX
        width, height = np.ceil(high_px - self._corner_px + EDGE_PX + 1).astype(int).tolist()
        to_picture = _shift(-self._corner_px) @ np.diag([*self._focal_px, 1.0]) @ to_ray
        self._mask = _warped(its, to_picture, (width, height))
        self._reach_px = cv2.distanceTransform(self._mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)

    def solid_about(self, center_m: Points) -> UprightSolid | None:
        """The solid about an axis (2,), None if it stands on nothing within the outline."""
        heights_m = np.arange(0.0, TALLEST_M, HEIGHT_STEP_M)
        centers_m = np.column_stack([np.broadcast_to(center_m, (len(heights_m), 2)), heights_m])
        there = (centers_m - self._eye_m) @ self._axes.T
        pixels = there[:, :2] / there[:, 2:] * self._focal_px - self._corner_px
        radii_px = map_coordinates(self._reach_px, pixels.T[::-1], order=1) - 0.5
        count = int(np.append(radii_px <= 0, True).argmax())
        if not count:
            return None
        areas = self._areas(pixels[:count], radii_px[:count])
        top = int((areas >= (1 - TOP_SHARE) * areas[-1]).argmax()) + 1
        radii_m = radii_px * there[:, 2] / self._focal_px[0]
        explained = float(areas[-1] / self._mask.sum())
        return UprightSolid(center_m, heights_m[:top], radii_m[:top], explained, self._R, self._eye_m)

    def _areas(self, pixels: Points, radii_px: Points) -> NDArray[np.int64]:
        """(K,) pixels of the outline that circles (K,) fill together, from the lowest up to each."""
        filled = np.zeros_like(self._mask)
        areas = np.zeros(len(pixels), np.int64)
        for k, (at, radius) in enumerate(zip(np.rint(pixels * _SUBPIXELS).astype(int).tolist(), radii_px, strict=True)):
            cv2.circle(filled, at, int(radius * _SUBPIXELS), 1, -1, cv2.LINE_8, _SHIFT)
            areas[k] = cv2.countNonZero(filled & self._mask)
        return areas


def _warped(its: Mask, to_picture: Points, size: tuple[int, int]) -> NDArray[np.uint8]:
    """A mask without holes and dents, seen in a picture of a size (width, height), by the homography (3, 3) to it."""
    rows, columns = box_around(its, EDGE_PX)
    rounded = cv2.GaussianBlur(binary_fill_holes(its[rows, columns]).astype(np.float32), (0, 0), ROUNDED_PX)
    to_picture = to_picture @ _shift(np.array([columns.start, rows.start], float))
    return (cv2.warpPerspective(rounded, to_picture, size, flags=cv2.INTER_LINEAR) > 0.5).astype(np.uint8)


def _shift(by_px: Points) -> Points:
    return np.array([[1.0, 0.0, by_px[0]], [0.0, 1.0, by_px[1]], [0.0, 0.0, 1.0]])
