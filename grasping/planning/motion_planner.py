"""What a motion planner says of itself: it makes a candidate into motions; the search and the gate are Vitro's."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.errors import PlanningError
from grasping.planning.candidates import Around, Candidate
from grasping.planning.grasp_plan import Phase
from hardware.arms.trajectory import JointTrajectory

#: From a candidate, the arm's joints (6,) [rad], what is around it, the target's points (M, 3) in the world, the cell
#: and a seed to one motion for every phase, the last one ending at the park pose. Raises NoPathError.
PlanMotions = Callable[
    [Candidate, NDArray[np.float64], Around, NDArray[np.float64], Cell, int], dict[Phase, JointTrajectory]
]


#: From candidates of one arm, its joints, what is around it on the way to them, the cell and a seed to which of them
#: is reached first, None where none is.
ChooseFirst = Callable[[Sequence[Candidate], NDArray[np.float64], Around, Cell, int], int | None]


class NoPlanError(PlanningError):
    """No grasp can be carried out. rejections: how many grasps and candidates came to nothing, by reason; fates: what
    became of each grasp, as `candidates.Rejections` tells it."""

    def __init__(self, cause: str, remedy: str, rejections: Mapping[str, int], fates: tuple[str, ...]) -> None:
        super().__init__(cause, remedy)
        self.rejections, self.fates = rejections, fates


class NoPathError(Exception):
    """A candidate came to nothing; the message says where, for the planner's tally."""


@dataclass(frozen=True)
class PlannerSpecification:
    """One planner: `PLANNER` in its own file.

    name: what people type, what logs show. description: one line for people. missing: what keeps it from planning
    on this machine, '' if nothing. choose_first: of a planner that plans to one of several goals at once, which
    candidate to begin with. prepare: of one that takes long to be ready, makes it so for a cell; nothing is planned
    meanwhile. Raises PlanningError.
    """

    name: str
    description: str
    plan_motions: PlanMotions
    missing: Callable[[], str] = lambda: ""
    choose_first: ChooseFirst | None = None
    prepare: Callable[[Cell], None] | None = None
