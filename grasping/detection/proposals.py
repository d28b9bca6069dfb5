"""Where a two-finger gripper might close: opposite points of a surface and ways to come at them; how deep it goes
there before it hits something, and what lies between its fingers then."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from grasping.detection.gripper import LEAST_MARGIN_M, PAD_LENGTH_M, PARTS, TIP, lowest_corner, pre_opening
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
#: Fingertips go at most this far past the contacts, so that these meet the middle of the pads.
MAX_DEPTH_M = 0.025
MIN_DEPTH_M = 0.001
CLEARANCE_M = 0.003
#: What is lower than this is flat: its sides are upright for a finger's purposes.
FLAT_M = 0.025
TABLE_CLEARANCE_M = 0.005
#: A lying gripper (side grasp) keeps this much more from the table: the wrist follows behind.
SIDE_CLEARANCE_M = 0.015
#: The approach is a straight line this long; what is farther back is the planner's business.
SWEEP_M = 0.22
#: What is this far behind the outermost point is not touched; nearer points weigh the more, the nearer.
SKIN_M = 0.004
MIN_CONTACTS = 1.5
#: So far the palm stays off what stands between the fingers, for depth errs by more than `CLEARANCE_M`, as long as the
#: fingers then still go so far past the contacts.
PALM_ROOM_M, ROOMY_DEPTH_M = 0.020, 0.010
_BATCH = 192


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


def propose(
    surface: PointCloud, max_opening_m: float, margin_m: float, budget: int, rng: np.random.Generator
) -> Proposals:
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
    return Proposals(center[pair], R, pre_opening(width[pair], max_opening_m, margin_m))


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


@dataclass(frozen=True)
class Fit:
    """What B proposals meet.

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


def clear_of_table(proposals: Proposals, top_m: float = 0.0) -> Proposals:
    """The proposals that the table (z = 0) alone does not forbid, on an object of height `top_m`.

    Of what is flat those whose contacts are too low for the fingers take what they meet higher up on it, for it has
    hardly any others; on what is round a finger would come down on its side there.
    """
    top_m = top_m if top_m < FLAT_M else 0.0
    short_m = np.nan_to_num(MIN_DEPTH_M - _depth_to_table(proposals), posinf=0.0, neginf=0.0)
    raised_m = np.maximum(short_m, 0) * np.maximum(-proposals.R[:, 2, 2], 0)
    center_m = proposals.center_m + np.outer(raised_m, [0.0, 0.0, 1.0])
    is_within = (raised_m == 0) | (center_m[:, 2] <= top_m)
    raised = Proposals(center_m, proposals.R, proposals.opening_m)
    return raised[np.flatnonzero(is_within & (_depth_to_table(raised) >= MIN_DEPTH_M - 1e-9))]


def insert(proposals: Proposals, obstacles: PointCloud) -> Fit:
    """Fits every candidate against the surfaces near it and the table (z = 0)."""
    starts = range(0, max(len(proposals), 1), _BATCH)
    fits = [_insert(proposals[np.arange(s, min(s + _BATCH, len(proposals)))], obstacles) for s in starts]
    return Fit(*(np.concatenate([getattr(fit, field.name) for fit in fits]) for field in fields(Fit)))


def holds(fit: Fit) -> NDArray[np.bool_]:
    """(B,) True where the gripper goes in and both fingers find something."""
    return (fit.depth_m >= MIN_DEPTH_M) & (fit.counts.min(1) >= MIN_CONTACTS)


def recentre(proposals: Proposals, fit: Fit, max_opening_m: float, margin_m: float) -> Proposals:
    """The proposals that fit and can open wide enough, their centre moved midway between contacts."""
    good = np.flatnonzero(holds(fit) & (fit.width_m + LEAST_MARGIN_M <= max_opening_m))
    chosen = proposals[good]
    center = chosen.center_m + chosen.R[:, :, 1] * fit.middle_m[good, None]
    return Proposals(center, chosen.R, pre_opening(fit.width_m[good], max_opening_m, margin_m))


def _insert(proposals: Proposals, obstacles: PointCloud) -> Fit:
    # (3, M, B) coordinates of the obstacles' points along every candidate's axes, from its centre.
    origin = np.einsum("bi,bik->kb", proposals.center_m, proposals.R)
    weights = np.concatenate([proposals.R.transpose(2, 1, 0), -origin[:, None]], axis=1)
    homogeneous = np.column_stack([obstacles.points_m, np.ones(len(obstacles))])
    # Contiguous single-precision matrix products: five times faster than products of strided views.
    x, y, z = homogeneous.astype(np.float32) @ np.ascontiguousarray(weights, np.float32)
    opening = proposals.opening_m.astype(np.float32)
    ahead, across = z > -SWEEP_M, np.abs(y)
    depth = np.full(x.shape[1], np.inf, np.float32)
    for part in PARTS:
        gap = opening / 2 if part.moves else 0.0
        hit = ahead & (np.abs(x) < part.half_x_m + CLEARANCE_M)
        hit &= (across > gap + part.y_inner_m) & (across < gap + part.y_outer_m + CLEARANCE_M)
        limit = np.where(hit, z, np.inf).min(0) + part.z_start_m - CLEARANCE_M
        if not part.moves:
            limit = np.minimum(limit, np.maximum(limit - PALM_ROOM_M, ROOMY_DEPTH_M))
        depth = np.minimum(depth, limit)
    depth = np.minimum(depth, _depth_to_table(proposals))
    depth = np.minimum(depth, MAX_DEPTH_M).astype(np.float32)
    between = (np.abs(x) < TIP.half_x_m) & (np.abs(y) < opening / 2) & (z < depth) & (z > depth - PAD_LENGTH_M)
    point, grasp = np.nonzero(between)
    places = np.stack([axis[point, grasp] for axis in (x, y, z)], 1).astype(float)
    aligned = np.abs(np.einsum("ni,ni->n", obstacles.normals[point], proposals.R[grasp, :, 1]))
    return _contacts(depth.astype(float), grasp, places, aligned, obstacles.seen[point])


def _depth_to_table(proposals: Proposals) -> NDArray:
    """(B,) the deepest insertion at which the whole gripper stays clear of the table."""
    down = -proposals.R[:, 2, 2]
    clearance = TABLE_CLEARANCE_M + SIDE_CLEARANCE_M * (1 - np.clip(down, 0, 1)) ** 2
    room = proposals.center_m[:, 2] - lowest_corner(proposals.R, proposals.opening_m) - clearance
    return np.where(down > 0.05, room / np.maximum(down, 0.05), np.where(room > 0, np.inf, -np.inf))


def _contacts(depth: NDArray, grasp: NDArray, places: NDArray, aligned: NDArray, seen: NDArray) -> Fit:
    """Contacts from the K points between the fingers: the grasp (K,) each is in, its place (K, 3) there,
    how it faces the fingers (K,) and how well it was seen (K,)."""
    count = len(depth)
    top, bottom = np.full(count, -np.inf), np.full(count, np.inf)
    np.maximum.at(top, grasp, places[:, 1])
    np.minimum.at(bottom, grasp, places[:, 1])
    top, bottom = np.where(np.isfinite(top), top, 0.0), np.where(np.isfinite(bottom), bottom, 0.0)
    sides = []
    for off in (top[grasp] - places[:, 1], places[:, 1] - bottom[grasp]):
        weight = aligned**2 * np.clip(1 - off / SKIN_M, 0, None)
        total = np.bincount(grasp, weight, count)
        values = (aligned, seen, places[:, 0], places[:, 2])
        sides.append((total, *(np.bincount(grasp, weight * v, count) / np.maximum(total, 1e-6) for v in values)))
    left, right = sides
    counts, alignment, seen_share = (np.stack([left[k], right[k]], 1) for k in range(3))
    offset = np.hypot(left[3] - right[3], left[4] - right[4])
    return Fit(depth, (top + bottom) / 2, top - bottom, counts, alignment, seen_share, offset)
