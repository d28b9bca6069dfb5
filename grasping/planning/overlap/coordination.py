"""Two arms' motions laid onto one time axis: the planner's own check of all twelve joints at once, by spheres.

The paths stay as they were planned, each with the other arm parked; what is found is when the reaching arm may set
out: fixed-path coordination. With the whole of the other's motion waited for there is always such a time.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from grasping.planning.arm_model import COVER, ArmModel
from grasping.planning.collision import HELD_RADIUS_M, Held
from grasping.planning.grasp_plan import GraspPlan, Phase
from grasping.planning.overlap.time_line import carry_steps, reach_steps
from hardware.arms.together import TimedStep

#: Both arms are placed this often [s], and kept apart by this much [m] on top of their spheres: what they move
#: towards each other in between, and more.
SAMPLE_S, APART_M = 0.04, 0.03
#: Either arm may be this many samples behind the other: arms lag behind their commands, not all alike.
_BEHIND = 2
#: Times to set out are tried this many samples apart.
_DELAY = 4
#: Spheres of links that move: the base and the shoulder stand still.
_MOVES = np.flatnonzero(COVER.frame >= 2)
#: Where what is not held is meanwhile [m]: each arm's elsewhere, far from either.
_AWAY_M = 100.0


def possible_starts_s(
    carrying: GraspPlan, reaching: GraspPlan, held: Mapping[str, Held], cell: Cell, latest_s: float
) -> Iterator[float]:
    """When [s] the reaching arm may set out, from when the carrying arm does, the earliest first.

    Args:
        held: by arm, what each holds or will hold.
        latest_s: no later.
    """
    line, way = carry_steps(carrying), reach_steps(reaching, 0.0)
    carried = _course(carrying, line, held[carrying.arm], cell, held_until_s=line[1].end_s)
    lifts_s = next(step.begin_s for step in way if step.name == Phase.LIFT)
    reached = _course(reaching, way, held[reaching.arm], cell, held_from_s=lifts_s)
    apart = _Apart(carried, reached)
    for start in range(0, int(latest_s / SAMPLE_S) + 1, _DELAY):
        if apart.all_along(start):
            yield start * SAMPLE_S


class _Apart:
    """Whether two courses, (T, K, 3) ball centres and (K,) radii each, keep apart when the second begins so many
    samples after the first."""

    def __init__(self, first: tuple[NDArray, NDArray[np.float32]], second: tuple[NDArray, NDArray[np.float32]]) -> None:
        self._first, self._second = first[0], second[0]
        self._least_m2 = np.square(first[1][:, None] + second[1] + np.float32(APART_M))
        self._known: dict[int, bool] = {}

    def all_along(self, start: int) -> bool:
        return all(self._are_apart(start + behind) for behind in (0, -_BEHIND, _BEHIND))

    def _are_apart(self, start: int) -> bool:
        if start not in self._known:
            count = max(len(self._first), len(self._second) + start)
            one = self._first[np.clip(np.arange(count), 0, len(self._first) - 1)]
            other = self._second[np.clip(np.arange(count) - start, 0, len(self._second) - 1)]
            squared = np.square(one).sum(-1)[:, :, None] + np.square(other).sum(-1)[:, None]
            squared -= 2.0 * (one @ other.transpose(0, 2, 1))
            self._known[start] = bool((squared >= self._least_m2).all())
        return self._known[start]


def _course(
    plan: GraspPlan,
    steps: Sequence[TimedStep],
    held: Held,
    cell: Cell,
    held_from_s: float = -np.inf,
    held_until_s: float = np.inf,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Ball centres (T, K, 3) of an arm and of what it holds, from its first step's begin on, and radii (K,) [m]."""
    times = np.arange(steps[0].begin_s, steps[-1].end_s + SAMPLE_S, SAMPLE_S)
    joints = np.empty((len(times), 6))
    for step in steps:
        if step.trajectory is not None:
            later = times >= step.begin_s
            joints[later] = [step.trajectory.at(time_s - step.begin_s) for time_s in times[later]]
    placed = ArmModel(plan.arm, cell.arms[plan.arm]).place(joints, plan.pre_open_m)
    load = held.in_world(placed.T_world_tcp)
    load[(times < held_from_s) | (times > held_until_s)] = _AWAY_M * np.sign(held_from_s)
    radii = np.concatenate([COVER.radius_m[_MOVES], np.full(load.shape[1], HELD_RADIUS_M)])
    return np.concatenate([placed.centers_m[:, _MOVES], load], axis=1).astype(np.float32), radii.astype(np.float32)
