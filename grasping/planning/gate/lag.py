"""The configurations that the gate looks at: along a motion, and where an arm gets that follows it late: as a low-pass
does, it cuts the corners."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_banded

from hardware.arms.trajectory import JointTrajectory

#: Configurations are checked no farther apart than this, in the joint that moves most.
SAMPLE_RAD = np.deg2rad(0.5)
#: An arm may follow as a low-pass of this time constant [s] does. The digital cell's three, of 0.07 s together, cut a
#: corner a sixth as far; a PiPER's is not measured.
TIME_CONSTANT_S = 0.1
#: How finely a lagging arm is followed [s], and for how many time constants after the motion's end.
_TICK_S, _TAIL = TIME_CONSTANT_S / 10, 6
#: Where it is within this of the path [rad], between two of its samples, the path's own check has told.
_ON_PATH_RAD = np.deg2rad(0.1)
#: There one sample of so many tells how the tool goes.
_THIN = 4


@dataclass(frozen=True)
class GateWay:
    """times_s (M,), joints_rad (M, 6), and which of them (M,) may touch nothing: those of an arm that lags, where it is
    not on the path. whose: words for that arm."""

    times_s: NDArray[np.float64]
    joints_rad: NDArray[np.float64]
    is_looked_at: NDArray[np.bool_]
    whose: str = ""


def both_ways(motion: JointTrajectory) -> Iterator[GateWay]:
    """As an arm is told to go, and as one goes that lags, where that is elsewhere."""
    yield as_told(motion)
    late = lag_motion(motion)
    off_rad = _off_path_rad(late.positions_rad, _at(motion, late.times_s))
    if off_rad.max() > _ON_PATH_RAD:
        way = as_told(late)
        is_off = np.interp(way.times_s, late.times_s, off_rad) > _ON_PATH_RAD
        kept = is_off | (np.arange(len(is_off)) % _THIN == 0) | (np.arange(len(is_off)) == len(is_off) - 1)
        yield GateWay(way.times_s[kept], way.joints_rad[kept], is_off[kept], ", where the arm lags")


def lag_motion(motion: JointTrajectory) -> JointTrajectory:
    """Where an arm gets that follows a motion late, until it is at its end."""
    times_s = np.arange(0.0, motion.duration_s + (_TAIL + 1) * TIME_CONSTANT_S, _TICK_S)
    told, left = _at(motion, times_s), np.exp(-_TICK_S / TIME_CONSTANT_S)
    # Each place less `left` of the one before is the rest of what is told: two diagonals, since scipy.signal's filter
    # takes half a second to import.
    diagonals = np.stack([np.ones(len(told)), np.full(len(told), -left)])
    steps = np.concatenate([told[:1], (1.0 - left) * told[1:]])
    return JointTrajectory(times_s, solve_banded((1, 0), diagonals, steps, check_finite=False))


def as_told(motion: JointTrajectory) -> GateWay:
    """Every SAMPLE_RAD of travel, both ends among them."""
    moved = np.abs(np.diff(motion.positions_rad, axis=0)).max(axis=1)
    travelled = np.concatenate([[0.0], np.cumsum(moved)])
    count = max(int(np.ceil(travelled[-1] / SAMPLE_RAD)), 1) + 1
    along = np.linspace(0.0, travelled[-1], count)
    times_s = np.interp(along, travelled + np.arange(len(travelled)) * 1e-12, motion.times_s)
    times_s[0], times_s[-1] = motion.times_s[0], motion.times_s[-1]
    return GateWay(times_s, _at(motion, times_s), np.ones(count, bool))


def _at(motion: JointTrajectory, times_s: NDArray) -> NDArray[np.float64]:
    """(M, 6) at times (M,)."""
    return np.stack([np.interp(times_s, motion.times_s, column) for column in motion.positions_rad.T], axis=1)


def _off_path_rad(went: NDArray, told: NDArray) -> NDArray[np.float64]:
    """(N,) how far joints (N, 6) are from those of two time constants before on a path (N, 6), straight from sample to
    sample."""
    back = round(2 * TIME_CONSTANT_S / _TICK_S)
    # A tenth of a degree is asked for: single precision will do, and takes half the time.
    path = np.concatenate([np.repeat(told[:1], back, axis=0), told]).T.astype(np.float32)
    steps = np.diff(path, axis=1)
    squares = np.maximum(np.square(steps).sum(axis=0), 1e-18)
    # Of each moment the steps before it, (back, N): joint by joint, so that numpy works along time.
    recent = np.arange(back)[:, None] + np.arange(len(told))
    step, away = steps[:, recent], went.T[:, None].astype(np.float32) - path[:, recent]
    along = np.clip((step * away).sum(axis=0) / squares[recent], 0.0, 1.0)
    return np.abs(away - along * step).max(axis=0).min(axis=0)
