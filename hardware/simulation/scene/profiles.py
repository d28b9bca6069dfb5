"""Profiles of (radius, z) in metres that a lathe turns: smooth curves, the inside of a wall, rounded corners."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator

Points = NDArray[np.float64]


def curve(knots_rz_m: ArrayLike, count: int = 28) -> Points:
    """A smooth outside profile (count, 2) of (radius, z) through knots of increasing z, without overshoot."""
    knots = np.asarray(knots_rz_m, float)
    z = np.linspace(knots[0, 1], knots[-1, 1], count)
    return np.stack([PchipInterpolator(knots[:, 1], knots[:, 0])(z), z], 1)


def inner_wall(outer_rz: Points, wall_m: float, floor_m: float) -> Points:
    """The inside of a wall: the outside curve moved inwards by its thickness, from the floor up."""
    along = np.gradient(outer_rz, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    inner = outer_rz + wall_m * np.stack([-along[:, 1], along[:, 0]], 1)
    inner = inner[(inner[:, 0] > 1e-3) & (inner[:, 1] > floor_m)]
    inner[-1, 1] = outer_rz[-1, 1]
    return inner


def vessel_profile(below: ArrayLike, outer_rz: Points, wall_m: float, floor_m: float, round_m: float) -> Points:
    """The closed outline of a vessel: `below` (from the axis to where the outside starts), out, rim, in.

    round_m rounds the foot's edge and the inside of the floor.
    """
    inner = inner_wall(outer_rz, wall_m, floor_m)[::-1]
    middle, half = (outer_rz[-1] + inner[0]) / 2, (outer_rz[-1, 0] - inner[0, 0]) / 2
    turn = np.linspace(0.0, np.pi, 9)
    rim = middle + half * np.stack([np.cos(turn), np.sin(turn)], 1)
    outside = fillet(np.concatenate([np.reshape(below, (-1, 2)), outer_rz]), round_m)
    corner = np.array([[np.interp(floor_m, inner[::-1, 1], inner[::-1, 0]), floor_m], [0.0, floor_m]])
    inside = fillet(np.concatenate([inner, corner]), round_m)
    return np.concatenate([outside[:-1], rim, inside[1:]])


def fillet(profile_rz_m: ArrayLike, radius_m: float, steps: int = 4) -> Points:
    """Rounds the corners (over 25 degrees) of an open polyline (N, 2), with a support point each side."""
    points = np.asarray(profile_rz_m, float)
    out = [points[:1]]
    for before, corner, after in zip(points[:-2], points[1:-1], points[2:], strict=True):
        inward, outward = before - corner, after - corner
        length_in, length_out = np.linalg.norm(inward), np.linalg.norm(outward)
        if -inward @ outward > np.cos(np.radians(25.0)) * length_in * length_out:
            out.append(corner[None])
            continue
        reach = float(np.min([radius_m, 0.3 * length_in, 0.3 * length_out]))
        start, end = corner + reach * inward / length_in, corner + reach * outward / length_out
        t = np.linspace(0.0, 1.0, steps + 1)[:, None]
        curve = (1 - t) ** 2 * start + 2 * t * (1 - t) * corner + t**2 * end
        support = 0.5 * reach
        out += [(start + support * inward / length_in)[None], curve, (end + support * outward / length_out)[None]]
    return np.concatenate([*out, points[-1:]])
