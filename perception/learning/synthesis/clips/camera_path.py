"""Where the camera of a clip is: the paper's circles around the objects, perturbed by sines, or independent views.

The circles and their perturbation are those of the DKT paper (arXiv 2512.23705); which quantities swing, how far and
how often is not published and chosen here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.image import Intrinsics
from core.transforms import look_at

#: The camera's distance from the objects' centre [m], and its elevation over the table seen from there.
NEAREST_M, FARTHEST_M = 0.4, 1.2
LOWEST_RAD, HIGHEST_RAD = np.radians(20.0), np.radians(75.0)
#: Into a container one looks from higher up.
LOWEST_OVER_CONTAINER_RAD = np.radians(40.0)
#: The lens stays this far from the outermost object.
CLEARANCE_M = 0.2
#: Frames of a whole turn: shorter clips are arcs at the same speed.
FRAMES_A_TURN = 120
#: Greatest amplitudes of the sines, and how many of their cycles fit a turn.
DISTANCE_SWING_M = 0.10
ELEVATION_SWING_RAD = np.radians(8.0)
LOOK_AT_SWING_M = 0.03
#: Share of the speed around the circle: below 1, so that the camera never turns back.
SPEED_SWING = 0.5
CYCLES_A_TURN = (1.0, 3.0)
#: Focal lengths [widths of the picture's longer side]; a D435's colour camera has 0.72.
FOCAL_SHARES = (0.64, 0.84)
#: A D435's share, to which a view is called narrow.
D435_SHARE = 610.0 / 848.0
#: Independent narrow views start up to this far away [m], so that they hold more than one object.
NEAREST_NARROW_M = 0.8
#: Shift of a zoomed camera's principal point [widths, heights], as of a part of a larger picture.
SHIFT = 0.12
#: Poses are rounded: sines differ in the last bits between processors.
DECIMALS = 9


@dataclass(frozen=True)
class Focus:
    """What the camera goes around: the objects' centre [m] in the world, how far they reach from it [m], and
    whether they lie in a container."""

    centre_m: tuple[float, float, float]
    reach_m: float
    in_container: bool = False

    @property
    def nearest_m(self) -> float:
        return float(np.clip(self.reach_m + CLEARANCE_M, NEAREST_M, FARTHEST_M - 2 * DISTANCE_SWING_M))

    @property
    def lowest_rad(self) -> float:
        return float(LOWEST_OVER_CONTAINER_RAD if self.in_container else LOWEST_RAD)


def orbit(seed: Sequence[int], focus: Focus, frames: int) -> NDArray[np.float64]:
    """T_world_camera (F, 4, 4) of a clip around a focus, at FRAMES_A_TURN frames a turn."""
    rng = np.random.default_rng(seed)
    turn = np.arange(frames) / FRAMES_A_TURN
    cycles = rng.uniform(*CYCLES_A_TURN)
    wobble = SPEED_SWING * rng.uniform(0, 1) / (2 * np.pi * cycles) * _sine(rng, turn, cycles)
    azimuth = rng.uniform(0, 2 * np.pi) + rng.choice((-1.0, 1.0)) * 2 * np.pi * (turn + wobble)
    distance = _between(rng, turn, focus.nearest_m, FARTHEST_M, DISTANCE_SWING_M)
    elevation = _between(rng, turn, focus.lowest_rad, float(HIGHEST_RAD), float(ELEVATION_SWING_RAD))
    drift = np.stack([LOOK_AT_SWING_M * rng.uniform(0, 1) * _sine(rng, turn) for _ in range(3)], -1)
    return _poses(focus, distance, azimuth, elevation, drift)


def jumps(seed: Sequence[int], focus: Focus, frames: int, narrowness: float = 1.0) -> NDArray[np.float64]:
    """T_world_camera (F, 4, 4) of independent views of a focus: an image set.

    narrowness: as the function of this name tells it; a narrow view stays farther away.
    """
    rng = np.random.default_rng(seed)
    nearest_m = max(focus.nearest_m, min(NEAREST_M * narrowness, NEAREST_NARROW_M))
    distance = rng.uniform(nearest_m, FARTHEST_M, frames)
    azimuth = rng.uniform(0, 2 * np.pi, frames)
    elevation = rng.uniform(focus.lowest_rad, HIGHEST_RAD, frames)
    drift = rng.uniform(-LOOK_AT_SWING_M, LOOK_AT_SWING_M, (frames, 3))
    return _poses(focus, distance, azimuth, elevation, drift)


def draw_intrinsics(seed: Sequence[int], width: int, height: int, zoom: float = 1.0) -> Intrinsics:
    """A pinhole camera of this picture size [px].

    zoom: its focal length is up to so many times a usual one's. Above 1 the principal point is shifted too, as
    in a part of a larger picture; else it is in the middle.
    """
    rng = np.random.default_rng(seed)
    focal = rng.uniform(*FOCAL_SHARES) * max(width, height)
    shift = np.zeros(2)
    if zoom > 1:
        focal *= rng.uniform(1.0, zoom)
        shift = rng.uniform(-SHIFT, SHIFT, 2)
    focal_px = round(float(focal), 3)
    cx, cy = ((width - 1) / 2 + shift[0] * width, (height - 1) / 2 + shift[1] * height)
    return Intrinsics(width, height, focal_px, focal_px, round(float(cx), 3), round(float(cy), 3))


def narrowness(intrinsics: Intrinsics) -> float:
    """How many times longer than a D435's the focal length is; at least 1."""
    return max(1.0, intrinsics.fx / (D435_SHARE * max(intrinsics.width, intrinsics.height)))


def _sine(rng: np.random.Generator, turn: NDArray, cycles: float | None = None) -> NDArray[np.float64]:
    """A sine of amplitude 1 and random phase along the turn."""
    cycles = rng.uniform(*CYCLES_A_TURN) if cycles is None else cycles
    return np.sin(2 * np.pi * cycles * turn + rng.uniform(0, 2 * np.pi))


def _between(rng: np.random.Generator, turn: NDArray, low: float, high: float, swing: float) -> NDArray[np.float64]:
    """A drawn value with a sine of at most `swing` on it that stays within low and high."""
    amplitude = rng.uniform(0, min(swing, (high - low) / 2))
    return rng.uniform(low + amplitude, high - amplitude) + amplitude * _sine(rng, turn)


def _poses(
    focus: Focus, distance_m: NDArray, azimuth_rad: NDArray, elevation_rad: NDArray, drift_m: ArrayLike
) -> NDArray[np.float64]:
    centre = np.asarray(focus.centre_m)
    level = np.cos(elevation_rad)
    outward = np.stack([level * np.cos(azimuth_rad), level * np.sin(azimuth_rad), np.sin(elevation_rad)], -1)
    eyes = centre + distance_m[:, None] * outward
    targets = centre + np.asarray(drift_m)
    return np.round([look_at(eye, target) for eye, target in zip(eyes, targets, strict=True)], DECIMALS)
