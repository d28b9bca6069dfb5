"""The solid of revolution that stands upright on the table and has a given outline.

About one upright axis every height has its widest circle that stays within the outline; the circles together are the
solid. Nearer axes give taller solids of the same outline that stand on a point; the farthest axis that still explains
it has the widest foot, as tableware has. Silhouettes alone: as in HEAPGrasp, with one view and the table.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from core.image import Intrinsics
from perception.depth_types import Plane

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]
Points = NDArray[np.float64]

#: Solids are looked for up to this height and radius [m], in such steps.
TALLEST_M, HEIGHT_STEP_M = 0.26, 0.006
WIDEST_M, RADIUS_STEP_M = 0.075, 0.003
#: So much of a circle must lie within an outline that is a pixel off here and there.
LEAST_INSIDE = 0.95
#: Axes are tried every so far [m] on the table, then about the best one.
COARSE_M, FINE_M, ASIDE_M = 0.010, 0.005, 0.020
#: An axis explains an outline as well as another that explains this share more.
AS_WELL = 0.015
#: A solid ends where what is higher adds less than this share to its outline.
TOP_SHARE = 0.015
_TURN = np.linspace(0.0, 2 * np.pi, 24, endpoint=False)
_RING = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=-1)
_MARCH_M = 0.002


@dataclass(frozen=True)
class UprightSolid:
    """center_m (2,) of its axis and radii_m (K,) at heights_m (K,), in a frame of the table under the camera: R (3, 3)
    its axes in the camera, eye_m (3,) the camera in it. explained: the share of the outline that it fills, less what it
    fills beside it."""

    center_m: Points
    heights_m: Points
    radii_m: Points
    explained: float
    R: Points
    eye_m: Points

    @property
    def width_m(self) -> float:
        return 2 * float(self.radii_m.max())

    def front(self, its: Mask, intrinsics: Intrinsics) -> tuple[Map, Mask]:
        """(H, W) depth [m] at which rays of a mask meet it, NaN where they do not; and where that is its top, which of
        a vessel is its mouth."""
        along = intrinsics.rays()[its].astype(float) @ self.R
        heights_m = np.arange(self.heights_m[-1], -1e-6, -_MARCH_M)
        radii_m = np.interp(heights_m, self.heights_m, self.radii_m)
        depth_m = (heights_m - self.eye_m[2]) / along[:, 2:]
        beside_m = self.eye_m[:2] + along[:, None, :2] * depth_m[..., None] - self.center_m
        inside = (beside_m**2).sum(axis=-1) <= radii_m**2
        first, met = inside.argmax(axis=1), inside.any(axis=1)
        out, is_top = np.full(its.shape, np.nan, np.float32), np.zeros(its.shape, bool)
        out[its] = np.where(met, np.take_along_axis(depth_m, first[:, None], axis=1)[:, 0], np.nan)
        is_top[its] = met & (first == 0)
        return out, is_top


def fit_upright(its: Mask, intrinsics: Intrinsics, plane: Plane) -> UprightSolid | None:
    """The solid of a mask (H, W), None where no circle on the table lies within it, or none of its rays meets one."""
    outline = _Outline(its, intrinsics, plane)
    if not outline.meets_table:
        return None
    foot, aside = outline.extent()
    tried = outline.tried(np.arange(*foot, COARSE_M), aside + np.arange(-ASIDE_M, ASIDE_M + 1e-6, COARSE_M))
    if not tried:
        return None
    best = max(tried, key=lambda one: one.explained)
    away_m, aside_m = outline.place(best.center_m)
    tried += outline.tried(
        away_m + np.arange(-COARSE_M, COARSE_M + 1e-6, FINE_M), aside_m + FINE_M * np.array([-1.0, 0.0, 1.0])
    )
    most = max(one.explained for one in tried)
    as_well = [one for one in tried if one.explained >= most - AS_WELL]
    return outline.topped(max(as_well, key=lambda one: outline.place(one.center_m)[0]))


class _Outline:
    """A mask in a picture, and the table under it."""

    def __init__(self, its: Mask, intrinsics: Intrinsics, plane: Plane) -> None:
        self._its, self._lens = its, intrinsics
        z = plane.normal
        y = np.cross(z, [0.0, 0.0, 1.0] if abs(z[2]) < 0.95 else [0.0, -1.0, 0.0])
        y /= np.linalg.norm(y)
        self._R, self._eye_m = np.column_stack([np.cross(y, z), y, z]), np.array([0.0, 0.0, -plane.offset_m])
        rows, columns = np.nonzero(its)
        self._rows, self._columns = (slice(max(k.min() - 2, 0), k.max() + 3) for k in (rows, columns))
        self._box = its[self._rows, self._columns]
        rays = intrinsics.rays()[rows[::5], columns[::5]].astype(float) @ self._R
        # Rays that hardly meet the table are of no foot.
        rays = rays[rays[:, 2] < -0.05]
        self._table_m = rays[:, :2] * (-self._eye_m[2] / rays[:, 2:])
        middle = self._table_m.sum(axis=0)
        self._away = middle / max(float(np.linalg.norm(middle)), 1e-9)
        self._heights_m = np.arange(0.0, TALLEST_M, HEIGHT_STEP_M)
        self._radii_m = np.arange(0.0, WIDEST_M, RADIUS_STEP_M)

    @property
    def meets_table(self) -> bool:
        return len(self._table_m) > 0

    def place(self, center_m: Points) -> tuple[float, float]:
        """How far away and aside a place (2,) of the table is."""
        return float(center_m @ self._away), float(center_m @ [-self._away[1], self._away[0]])

    def extent(self) -> tuple[tuple[float, float], float]:
        """From where to where away an axis may stand, and how far aside the lower part is."""
        away = self._table_m @ self._away
        aside = self._table_m @ [-self._away[1], self._away[0]]
        low = away < np.percentile(away, 30)
        return (float(away.min()), float(np.percentile(away, 97))), float(np.median(aside[low]))

    def tried(self, away_m: Points, aside_m: Points) -> list[UprightSolid]:
        """The solids about axes at these places; none about one that stands on nothing within the outline."""
        across = np.array([-self._away[1], self._away[0]])
        solids = (self._about(self._away * a + across * b) for a in away_m for b in aside_m)
        return [solid for solid in solids if solid is not None]

    def topped(self, solid: UprightSolid) -> UprightSolid:
        """The solid without what is above its top: smaller and smaller circles that its outline holds by chance."""
        filled = np.bincount(self._lowest(solid)[self._box], minlength=len(solid.radii_m) + 1)[1:].cumsum()
        count = int((filled >= (1 - TOP_SHARE) * filled[-1]).argmax()) + 1
        return replace(solid, heights_m=solid.heights_m[:count], radii_m=solid.radii_m[:count])

    def _about(self, center_m: Points) -> UprightSolid | None:
        circles = np.empty((len(self._heights_m), len(self._radii_m), len(_RING), 3))
        circles[..., :2] = center_m + self._radii_m[:, None, None] * _RING
        circles[..., 2] = self._heights_m[:, None, None]
        pixels = np.rint(self._project(circles)).astype(int)
        u, v = pixels[..., 0], pixels[..., 1]
        height, width = self._its.shape
        seen = (u >= 0) & (u < width) & (v >= 0) & (v < height)
        within = seen & self._its[v.clip(0, height - 1), u.clip(0, width - 1)]
        fits = np.logical_and.accumulate(within.mean(axis=-1) >= LEAST_INSIDE, axis=1).sum(axis=1)
        if not fits[0]:
            return None
        count = int((fits == 0).argmax()) if (fits == 0).any() else len(fits)
        radii_m = self._radii_m[fits[:count] - 1]
        solid = UprightSolid(center_m, self._heights_m[:count], radii_m, 0.0, self._R, self._eye_m)
        filled = self._lowest(solid) > 0
        explained = float(((filled & self._box).sum() - (filled & ~self._box).sum()) / self._box.sum())
        return replace(solid, explained=explained)

    def _lowest(self, solid: UprightSolid) -> NDArray[np.uint8]:
        """Of each pixel of the outline's box the lowest circle that fills it, counted from 1; 0 where none does."""
        image, rings = np.zeros(self._box.shape, np.uint8), self._rings(solid)
        for number in range(len(rings), 0, -1):
            cv2.fillConvexPoly(image, rings[number - 1], number)
        return image

    def _rings(self, solid: UprightSolid) -> NDArray[np.int32]:
        """(K, 24, 2) pixels of its circles in the outline's box."""
        rings = np.empty((len(solid.radii_m), len(_RING), 3))
        rings[..., :2] = solid.center_m + solid.radii_m[:, None, None] * _RING
        rings[..., 2] = solid.heights_m[:, None]
        return np.rint(self._project(rings) - [self._columns.start, self._rows.start]).astype(np.int32)

    def _project(self, points_m: Points) -> Points:
        camera_m = (points_m - self._eye_m) @ self._R.T
        focal, middle = np.array([self._lens.fx, self._lens.fy]), np.array([self._lens.cx, self._lens.cy])
        return np.asarray(camera_m[..., :2] / camera_m[..., 2:] * focal + middle)
