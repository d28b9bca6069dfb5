"""The solid of revolution that lies on the table and has a given outline.

Its outline is symmetric about the picture of its axis, and as far from it, at each place, as the solid is wide there.
How high the axis is, the table tells: on it lies what is widest, or what is left and right of the middle of its weight.
Silhouettes alone: as in HEAPGrasp, with one view and the table.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes, median_filter

from core.image import Intrinsics
from perception.depth_types import Plane
from perception.objects.solids.crossing import LEAST_SLANT, MARCH_M, cross, cross_all

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]
Points = NDArray[np.float64]

#: The picture of an axis is fitted anew about the last one so often, to the middles of this inner part of the outline.
ROUNDS, INNER = 3, (0.1, 0.9)
#: Half widths are medians over so many pixels along the axis: a dent or a spur of a few pixels is no shape.
SMOOTH_PX = 9
#: Fewer pixels along the axis are no outline.
LEAST_LENGTH_PX = 12
#: An end is at most this share of the length nearer than the outline's, by the round face that is seen there.
MOST_OF_END = 0.3
#: What is met so near to an end [m] is met on its face, which of a vessel is its mouth.
FACE_M = 0.003


@dataclass(frozen=True)
class LyingSolid:
    """radii_m (K,) about an axis through origin_m (3,) along axis (3,; unit), at along_m (K,) from the origin, rising.

    All in a frame of the table under the camera: R (3, 3) its axes in the camera, eye_m (3,) the camera in it.
    explained: the share of the outline that it fills.
    """

    origin_m: Points
    axis: Points
    along_m: Points
    radii_m: Points
    R: Points
    eye_m: Points
    explained: float = 1.0

    @property
    def width_m(self) -> float:
        return 2 * float(self.radii_m.max())

    @property
    def length_m(self) -> float:
        return float(self.along_m[-1] - self.along_m[0])

    def seen(self, its: Mask, intrinsics: Intrinsics) -> tuple[Map, Map, Mask]:
        """(H, W) depth [m] at which rays of a mask meet it, and at which they leave it for good, NaN where they do
        not meet; and where that is one of its round ends, which of a vessel is its mouth."""
        return cross_all(its, intrinsics.rays()[its].astype(float) @ self.R, self._follow)

    def _follow(self, rays: Points) -> tuple[Points, Points, Mask]:
        """As `seen`, of rays (N, 3)."""
        middle_m = self.origin_m + self.axis * self.along_m.mean() - self.eye_m
        reach_m = self.length_m / 2 + self.width_m
        square = (rays**2).sum(axis=1)[:, None]
        depth_m = (rays @ middle_m)[:, None] / square + np.arange(-reach_m, reach_m, MARCH_M)
        # A place on a ray is eye + depth * ray; how far along the axis it is, and away from that, follow from products.
        start_m = self.eye_m - self.origin_m
        along_m = start_m @ self.axis + (rays @ self.axis)[:, None] * depth_m
        away2 = start_m @ start_m + (2 * (rays @ start_m)[:, None] + square * depth_m) * depth_m - along_m**2
        inside = (along_m >= self.along_m[0]) & (along_m <= self.along_m[-1]) & (away2 <= self.radii_m.max() ** 2)
        inside[inside] = away2[inside] <= np.interp(along_m[inside], self.along_m, self.radii_m) ** 2
        front_m, back_m, met, first = cross(depth_m, inside)
        at_m = np.take_along_axis(along_m, first[:, None], axis=1)[:, 0]
        return front_m, back_m, met & ((at_m < self.along_m[0] + FACE_M) | (at_m > self.along_m[-1] - FACE_M))


def fit_lying(its: Mask, intrinsics: Intrinsics, plane: Plane) -> LyingSolid | None:
    """The solid of a mask (H, W), None where the mask is too small, or not before the camera on the table."""
    pixels_px, half_px = _axis(its)
    if len(half_px) < LEAST_LENGTH_PX:
        return None
    R, eye_m = plane.axes(), np.array([0.0, 0.0, -plane.offset_m])
    rays = np.column_stack([pixels_px, np.ones(len(pixels_px))]) @ np.linalg.inv(intrinsics.matrix).T @ R
    if (rays[:, 2] > -LEAST_SLANT * np.linalg.norm(rays, axis=1)).any():
        return None
    points_m, radii_m = _rest(rays, half_px / intrinsics.fx, eye_m)
    axis = points_m[-1] - points_m[0]
    axis /= np.linalg.norm(axis)
    along_m = (points_m - points_m[0]) @ axis
    kept = _without_faces(along_m, radii_m, axis, points_m - eye_m)
    solid = LyingSolid(points_m[0], axis, along_m[kept], radii_m[kept], R, eye_m)
    return replace(solid, explained=float(np.isfinite(solid.seen(its, intrinsics)[0][its]).mean()))


def _axis(its: Mask) -> tuple[Points, Points]:
    """Pixels (K, 2; x, y) along the axis of an outline, one a pixel of its length, and how far (K,) the outline is from
    there, on the side where it is nearer."""
    pixels = np.argwhere(binary_fill_holes(its))[:, ::-1].astype(float)
    middle = pixels.mean(axis=0)
    along = np.linalg.svd(pixels - middle, full_matrices=False)[2][0]
    for _ in range(ROUNDS):
        across = np.array([-along[1], along[0]])
        t, u = (pixels - middle) @ along, (pixels - middle) @ across
        place = np.floor(t - t.min()).astype(int)
        low, high = np.full(place.max() + 1, np.inf), np.full(place.max() + 1, -np.inf)
        np.minimum.at(low, place, u)
        np.maximum.at(high, place, u)
        at = np.arange(len(low)) + t.min() + 0.5
        known = np.isfinite(low)
        known[: int(INNER[0] * len(low))] = known[max(int(INNER[1] * len(low)), 2) :] = False
        slope, aside = np.polyfit(at[known], (low[known] + high[known]) / 2, 1)
        middle, along = middle + aside * across, along + slope * across
        along /= np.linalg.norm(along)
    half = np.minimum(high - aside - slope * at, aside + slope * at - low) + 0.5
    half = np.maximum(median_filter(np.where(np.isfinite(half), half, 0.0), SMOOTH_PX), 0.5)
    return middle + at[:, None] * along, half


def _rest(rays: Points, half: Points, eye_m: Points) -> tuple[Points, Points]:
    """Places (K, 3) of an axis along rays (K, 3; in the table's frame, z = 1 in the camera) and radii (K,) there [m].

    What has these half widths (K,), at a depth of one, lies on the table then.
    """
    heights_m = np.zeros(len(rays))
    for _ in range(6):
        depth_m = (heights_m - eye_m[2]) / rays[:, 2]
        points_m, radii_m = eye_m + rays * depth_m[:, None], half * depth_m
        level = points_m[-1, :2] - points_m[0, :2]
        at_m = (points_m[:, :2] - points_m[0, :2]) @ level / max(float(np.linalg.norm(level)), 1e-9)
        heights_m = _line_over(at_m, radii_m)
    return points_m, radii_m


def _line_over(at_m: Points, radii_m: Points) -> Points:
    """(K,) the lowest straight line above radii (K,) that touches them left and right of the middle of the weight."""
    order = np.argsort(at_m)
    hull: list[int] = []
    for k in order.tolist():
        while len(hull) > 1 and _is_left(at_m, radii_m, hull[-2], hull[-1], k):
            hull.pop()
        hull.append(k)
    middle_m = float(np.average(at_m, weights=radii_m**2))
    right = next((n for n in range(1, len(hull)) if at_m[hull[n]] >= middle_m), len(hull) - 1)
    a, b = hull[right - 1], hull[right]
    slope = (radii_m[b] - radii_m[a]) / max(float(at_m[b] - at_m[a]), 1e-9)
    return np.asarray(radii_m[a] + slope * (at_m - at_m[a]))


def _is_left(x: Points, y: Points, a: int, b: int, c: int) -> bool:
    """Whether b is on or under the line from a to c."""
    return bool((x[b] - x[a]) * (y[c] - y[a]) >= (x[c] - x[a]) * (y[b] - y[a]))


def _without_faces(along_m: Points, radii_m: Points, axis: Points, sights_m: Points) -> NDArray[np.bool_]:
    """(K,) Which places are between the middles of both ends: a round face seen askew reaches beyond its own."""
    kept = np.ones(len(along_m), bool)
    length_m = along_m[-1] - along_m[0]
    for end_m, sight_m, inward in ((along_m[0], sights_m[0], 1.0), (along_m[-1], sights_m[-1], -1.0)):
        cos = abs(float(axis @ sight_m)) / float(np.linalg.norm(sight_m))
        near = np.abs(along_m - end_m) < MOST_OF_END * length_m
        face_m = float(np.median(radii_m[near])) * cos / max(np.sqrt(1 - cos**2), 0.1)
        kept &= inward * (along_m - end_m) >= min(face_m, MOST_OF_END * length_m)
    return kept if kept.sum() > 1 else np.ones(len(along_m), bool)
