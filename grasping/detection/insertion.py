"""How deep the open gripper goes before it hits something, and what lies between its fingers then."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from grasping.detection.candidates import Candidates
from grasping.detection.gripper import PAD_LENGTH_M, PARTS, PRE_OPEN_MARGIN_M, TIP, lowest_corner
from grasping.detection.segmentation import Surface

#: Fingertips go at most this far past the contacts, so that these meet the middle of the pads.
MAX_DEPTH_M = 0.025
MIN_DEPTH_M = 0.001
CLEARANCE_M = 0.003
TABLE_CLEARANCE_M = 0.005
#: A lying gripper (side grasp) keeps this much more from the table: the wrist follows behind.
SIDE_CLEARANCE_M = 0.015
#: The approach is a straight line this long; what is farther back is the planner's business.
SWEEP_M = 0.22
#: Points within this of the outermost count as touched.
SKIN_M = 0.004
MIN_CONTACTS = 3
_BATCH = 192


@dataclass(frozen=True)
class Fit:
    """What B candidates meet.

    depth_m (B,): insertion past the centre, -inf where the gripper does not fit. middle_m (B,): where
    the middle between the contacts lies along the closing axis from the centre. width_m (B,). Per side
    (B, 2), every point weighing as much as it faces the finger (a top face beside the contact carries
    nothing): counts of points, their alignment with the closing axis 0..1, their seen share 0..1.
    offset_m (B,): how far the two contact patches are from facing each other.
    """

    depth_m: NDArray[np.float64]
    middle_m: NDArray[np.float64]
    width_m: NDArray[np.float64]
    counts: NDArray[np.float64]
    alignment: NDArray[np.float64]
    seen: NDArray[np.float64]
    offset_m: NDArray[np.float64]


def insert(candidates: Candidates, obstacles: Surface) -> Fit:
    """Fits every candidate against the surfaces near it and the table (z = 0)."""
    starts = range(0, len(candidates), _BATCH)
    fits = [_insert(candidates[np.arange(s, min(s + _BATCH, len(candidates)))], obstacles) for s in starts]
    return Fit(*(np.concatenate([getattr(fit, field.name) for fit in fits]) for field in fields(Fit)))


def recentred(candidates: Candidates, fit: Fit, max_opening_m: float) -> tuple[Candidates, NDArray[np.intp]]:
    """The candidates that fit and can open wide enough, their centre moved midway between contacts."""
    good = np.flatnonzero(
        (fit.depth_m >= MIN_DEPTH_M)
        & (fit.counts.min(1) >= MIN_CONTACTS)
        & (fit.width_m + PRE_OPEN_MARGIN_M <= max_opening_m)
    )
    chosen = candidates[good]
    center = chosen.center_m + chosen.R[:, :, 1] * fit.middle_m[good, None]
    return Candidates(center, chosen.R, fit.width_m[good] + PRE_OPEN_MARGIN_M), good


def _insert(candidates: Candidates, obstacles: Surface) -> Fit:
    R = candidates.R.astype(np.float32)
    points = obstacles.points_m.astype(np.float32)
    origin = np.einsum("bi,bij->bj", candidates.center_m, candidates.R).astype(np.float32)
    x, y, z = (points @ R[:, :, k].T - origin[:, k] for k in range(3))  # (M, B) each
    opening = candidates.opening_m.astype(np.float32)
    depth = np.minimum(_depth_to_obstacles(x, y, z, opening), _depth_to_table(candidates))
    depth = np.minimum(depth, MAX_DEPTH_M).astype(np.float32)
    between = (np.abs(x) < TIP.half_x_m) & (np.abs(y) < opening / 2) & (z < depth) & (z > depth - PAD_LENGTH_M)
    return _contacts(candidates, obstacles, depth, between, x, y, z)


def _depth_to_obstacles(x: NDArray, y: NDArray, z: NDArray, opening: NDArray) -> NDArray:
    """(B,) the deepest insertion at which no part has swept over a point."""
    ahead = z > -SWEEP_M
    across = np.abs(y)
    depth = np.full(x.shape[1], np.inf, np.float32)
    for part in PARTS:
        gap = opening / 2 if part.moves else 0.0
        hit = ahead & (np.abs(x) < part.half_x_m + CLEARANCE_M)
        hit &= (across > gap + part.y_inner_m) & (across < gap + part.y_outer_m + CLEARANCE_M)
        depth = np.minimum(depth, np.where(hit, z, np.inf).min(0) + part.z_start_m - CLEARANCE_M)
    return depth


def _depth_to_table(candidates: Candidates) -> NDArray:
    """(B,) the deepest insertion at which the whole gripper stays clear of the table."""
    down = -candidates.R[:, 2, 2]
    clearance = TABLE_CLEARANCE_M + SIDE_CLEARANCE_M * (1 - np.clip(down, 0, 1)) ** 2
    room = candidates.center_m[:, 2] - lowest_corner(candidates.R, candidates.opening_m) - clearance
    return np.where(down > 0.05, room / np.maximum(down, 0.05), np.where(room > 0, np.inf, -np.inf))


def _contacts(
    candidates: Candidates, obstacles: Surface, depth: NDArray, between: NDArray, x: NDArray, y: NDArray, z: NDArray
) -> Fit:
    top = np.where(between, y, -np.inf).max(0)
    bottom = np.where(between, y, np.inf).min(0)
    some = between.any(0)
    top, bottom = np.where(some, top, 0), np.where(some, bottom, 0)
    aligned = np.abs(obstacles.normals.astype(np.float32) @ candidates.R[:, :, 1].T.astype(np.float32))
    seen = obstacles.seen.astype(np.float32)[:, None]
    sides = []
    for touched in (between & (y > top - SKIN_M), between & (y < bottom + SKIN_M)):
        weight = np.where(touched, aligned**2, 0)
        count = weight.sum(0)
        share = np.maximum(count, 1e-6)
        means = [(weight * value).sum(0) / share for value in (aligned, seen, x, z)]
        sides.append((count, *means))
    left, right = sides
    offset = np.hypot(left[3] - right[3], left[4] - right[4])
    counts, alignment, seen_share = (np.stack([left[k], right[k]], 1).astype(float) for k in range(3))
    return Fit(
        depth.astype(float), (top + bottom) / 2.0, top - bottom, counts, alignment, seen_share, offset.astype(float)
    )
