"""Where a two-finger gripper might close: opposite points of a surface, and ways to come at them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grasping.detection.gripper import LEAST_MARGIN_M, pre_opening
from grasping.detection.point_cloud import PointCloud

#: The friction cone that opposite normals must share with the closing axis (half angle 40 deg:
#: wider than any real cone, since the normals are noisy; scoring is what prefers the centre).
CONE = np.cos(np.deg2rad(40.0))
#: The closing axis may tilt this far out of the horizontal.
MAX_TILT = np.sin(np.deg2rad(30.0))
#: Of more points than this a random choice is searched for contacts, from so many starting points.
POOL, MAX_SAMPLES = 2000, 320
#: Approaches turn about the closing axis by these angles from the steepest one.
LEANS_RAD = np.deg2rad(np.arange(-90.0, 91.0, 15.0))


@dataclass(frozen=True)
class Proposals:
    """Grasps before they are inserted, in the table's frame.

    center_m (B, 3) midway between the contacts; R (B, 3, 3) the tcp's columns x, y closing,
    z approach; opening_m (B,) the free gap between the fingers on the way in.
    """

    center_m: NDArray[np.float64]
    R: NDArray[np.float64]
    opening_m: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.center_m)

    def __getitem__(self, index: NDArray) -> "Proposals":
        return Proposals(self.center_m[index], self.R[index], self.opening_m[index])


def propose(surface: PointCloud, max_opening_m: float, budget: int, rng: np.random.Generator) -> Proposals:
    """Proposals on one object's (completed) surface, a few times `budget` before anything is ruled out."""
    max_width_m = max_opening_m - LEAST_MARGIN_M
    center, closing, width = _contact_pairs(surface, max_width_m, min(budget // 3, MAX_SAMPLES), rng)
    steepest = np.array([0.0, 0.0, -1.0]) + closing[:, 2:] * closing
    steepest /= np.linalg.norm(steepest, axis=1, keepdims=True)
    sideways = np.cross(closing, steepest)
    lean = LEANS_RAD[None, :, None]
    approach = np.cos(lean) * steepest[:, None] + np.sin(lean) * sideways[:, None]
    pair, turn = np.nonzero(approach[:, :, 2] < 0.05)
    z, y = approach[pair, turn], closing[pair]
    R = np.stack([np.cross(y, z), y, z], axis=2)
    return Proposals(center[pair], R, pre_opening(width[pair], max_opening_m))


def _contact_pairs(
    surface: PointCloud, max_width_m: float, count: int, rng: np.random.Generator
) -> tuple[NDArray, NDArray, NDArray]:
    """Midpoints (P, 3), closing axes (P, 3) and widths (P,) of opposite points.

    For each sampled point, what lies straight behind it with the opposite normal: the farthest
    such point within reach (across the body) and the nearest (across the wall, a rim pinch).
    """
    pool = surface[rng.choice(len(surface), POOL, replace=False)] if len(surface) > POOL else surface
    level = np.flatnonzero(np.abs(pool.normals[:, 2]) < np.sin(np.deg2rad(50.0)))
    first = rng.choice(level, min(count, len(level)), replace=False) if len(level) else level
    p, inward = pool.points_m[first], -pool.normals[first]
    # Nearly always level: a tilted gripper puts one finger into the table.
    inward = inward * np.column_stack([np.ones((len(first), 2)), rng.choice([0.0, 0.5], len(first), p=[0.7, 0.3])])
    inward /= np.linalg.norm(inward, axis=1, keepdims=True)
    to = pool.points_m[None] - p[:, None]
    ahead = np.einsum("pmi,pi->pm", to, inward)
    aside = np.linalg.norm(to - ahead[..., None] * inward[:, None], axis=2)
    opposed = inward @ pool.normals.T > CONE
    fits = (aside < 0.006) & opposed & (ahead > 0.001) & (ahead < max_width_m)
    far = np.where(fits, ahead, -np.inf).argmax(1)
    near = np.where(fits, ahead, np.inf).argmin(1)
    some = fits.any(1)
    thin = some & (ahead[np.arange(len(first)), far] - ahead[np.arange(len(first)), near] > 0.01)
    i = np.concatenate([np.flatnonzero(some), np.flatnonzero(thin)])
    j = np.concatenate([far[some], near[thin]])
    q = pool.points_m[j]
    width = ahead[i, j]
    center = p[i] + inward[i] * width[:, None] / 2 + (q - p[i] - inward[i] * width[:, None]) / 2
    level_enough = np.abs(inward[i, 2]) < MAX_TILT
    return center[level_enough], inward[i][level_enough], width[level_enough]
