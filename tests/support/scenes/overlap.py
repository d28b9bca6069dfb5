"""Three cylinders, of which one arm carries one while the other reaches for the next."""

import numpy as np

from grasping.grasp_set import OBJECT
from grasping.planning.grasp_plan import GraspPlan, Phase
from grasping.planning.overlap.plan import OverlapPlan, plan_overlap
from tests.support.scenes.planning import CELL, PARKED, scene, table_view

#: As likely as each other: it is where they stand that decides.
SCENE = scene((0.02, 0.15, 0.03, 0.12), (0.05, -0.12, 0.025, 0.10), (0.1, 0.0, 0.02, 0.08), scores=(0.8, 0.8))


def lifted(plan: GraspPlan) -> dict[str, np.ndarray]:
    return PARKED | {plan.arm: plan.motions[Phase.LIFT].positions_rad[-1]}


def overlap_with(carrying: GraspPlan, grasps=SCENE, joints=None, budget_s=60.0) -> OverlapPlan:
    joints, taken = joints or lifted(carrying), [int(carrying.row[OBJECT])]
    nothing = np.zeros((0, 3))
    return plan_overlap(
        carrying,
        taken,
        grasps,
        table_view(),
        CELL,
        joints,
        nothing,
        planner="ompl",
        seed=0,
        speed=1.0,
        budget_s=budget_s,
    )
