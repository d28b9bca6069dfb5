"""One arm's pick, beside which the other's is planned."""

import pytest

from grasping.planning.grasp_plan import GraspPlan
from grasping.planning.planner import plan_grasp
from tests.support.scenes.overlap import SCENE
from tests.support.scenes.planning import CELL, PARKED, table_view


@pytest.fixture(scope="module")
def carrying() -> GraspPlan:
    return plan_grasp(SCENE, table_view(), CELL, PARKED, budget_s=60)
