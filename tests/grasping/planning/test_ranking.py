from dataclasses import replace

import numpy as np
import pytest

from grasping.detection.gripper import PRE_OPEN_MARGINS_M
from grasping.grasp_set import SCORE, GraspSet
from grasping.planning.arm_model import ArmModel
from grasping.planning.collision import CollisionChecker, Surroundings, least_clearance_m
from grasping.planning.grasp_plan import GraspPlan, Merits
from grasping.planning.obstacles import DistanceField
from grasping.planning.planner import plan_grasp
from grasping.planning.ranking import LEAST_CLEAR, MOST_MANIPULABLE_M3, WEIGHTS, manipulability, value_of
from hardware.robot.description import JOINT_LOWER_RAD, JOINT_UPPER_RAD
from hardware.robot.kinematics import forward_kinematics
from tests.support.robot import random_joints
from tests.support.scenes.planning import CELL, GLASS, PARKED, cylinder, scene, table_view

ARM = ArmModel("left", CELL.arms["left"])
#: What no figure costs anything of.
FLAWLESS = Merits(0.9, **{name: best for name, (_, _, best) in WEIGHTS.items()})
#: A planner of goal sets that writes down how likely the candidates are that it may choose of, and chooses the last.
OF_GOAL_SETS = """
from dataclasses import replace
from pathlib import Path

from grasping.planning.motions import PLANNER as OMPL

def choose_first(candidates, start_rad, around, cell, seed):
    with open({told!r}, "a") as file:
        file.write("".join(f"{{one.merits.success}}\\n" for one in candidates))
    return len(candidates) - 1

PLANNER = replace(OMPL, name="of goal sets", choose_first=choose_first)
"""


def plan_for(grasps: GraspSet, **options) -> GraspPlan:
    return plan_grasp(grasps, table_view(), CELL, PARKED, budget_s=60.0, **options)


def test_what_is_clearly_likelier_to_succeed_is_never_behind_whatever_else_tells_for_the_other():
    rng = np.random.default_rng(0)
    for figures in rng.uniform(-1.0, 10.0, (2000, 2, len(WEIGHTS))):
        success = rng.uniform(LEAST_CLEAR, 1.0)
        one, other = (Merits(0.0, **dict(zip(WEIGHTS, some, strict=True))) for some in figures)
        likelier, less = replace(one, success=success), replace(other, success=success - LEAST_CLEAR - 1e-9)
        assert value_of(likelier) > value_of(less)


@pytest.mark.parametrize("figure", WEIGHTS)
def test_of_two_that_are_as_likely_the_one_with_the_better_figure_is_ahead(figure):
    _, worst, best = WEIGHTS[figure]
    values = [value_of(replace(FLAWLESS, **{figure: at})) for at in np.linspace(worst, best, 9)]
    assert (np.diff(values) > 0).all() and values[-1] == FLAWLESS.success


def test_manipulability_is_how_much_the_tool_can_move_by_what_the_joints_do():
    joints = random_joints(40)
    told, h = manipulability(ARM.frames(joints)), 1e-6
    for q, share in zip(joints, told, strict=True):
        here = forward_kinematics(q[None], "new")[0]
        there = forward_kinematics(q + h * np.eye(6), "new")
        turn = (there[:, :3, :3] - here[:3, :3]) @ here[:3, :3].T / h
        jacobian = np.c_[(there[:, :3, 3] - here[:3, 3]) / h, turn[:, 2, 1], turn[:, 0, 2], turn[:, 1, 0]]
        volume_m3 = np.sqrt(np.linalg.det(jacobian @ jacobian.T).clip(0.0))
        assert share == pytest.approx(volume_m3 / MOST_MANIPULABLE_M3, abs=1e-4)


def test_nowhere_is_the_arm_more_manipulable_than_its_most_and_somewhere_it_nearly_is():
    joints = np.random.default_rng(3).uniform(JOINT_LOWER_RAD, JOINT_UPPER_RAD, (20_000, 6))
    assert 0.9 < manipulability(ARM.frames(joints)).max() <= 1.0
    straight = joints * (1, 1, 1, 1, 0, 1)  # two axes of the wrist are one
    assert manipulability(ARM.frames(straight)) == pytest.approx(0.0, abs=1e-9)


def test_the_least_clearance_is_the_most_that_a_check_may_ask_for():
    field = DistanceField.empty(CELL).with_points(cylinder(*GLASS))
    placed, around = ARM.place(joints := random_joints(300), 0.05), Surroundings(field, field)
    least_m = least_clearance_m(ARM, placed, around)
    for asked_m in (0.0, 0.02, 0.05):
        asked = Surroundings(field, field, clearance_m=asked_m, table_m=asked_m)
        free = CollisionChecker(ARM, CELL.workspace, asked, 0.05).free(joints)
        assert free.any() and (least_m[free] >= asked_m).all()


def test_a_plan_tells_what_its_grasp_was_ranked_by():
    plan = plan_for(scene(GLASS))
    merits = plan.merits
    assert merits.success == plan.row[SCORE] and 0.0 < merits.manipulability <= 1.0
    assert 1.0 < merits.duration_s <= plan.duration_s  # no pick is quicker than it can be
    assert 0.0 < merits.clearance_m < max(PRE_OPEN_MARGINS_M) + GLASS[3]
    nearest_rad = min(
        np.minimum(motion.positions_rad - JOINT_LOWER_RAD, JOINT_UPPER_RAD - motion.positions_rad).min()
        for motion in plan.motions.values()
    )
    assert merits.limit_margin_rad >= nearest_rad


def test_a_grasp_that_is_clearly_likelier_is_taken_however_far_its_object_is():
    near, far = (-0.06, 0.12, 0.03, 0.12), (0.12, 0.0, 0.03, 0.12)
    unlikely = scene(near, far, graspable=0, scores=(0.6, 0.6))
    likely = scene(near, far, graspable=1, scores=(0.8, 0.8))
    both = replace(likely, rows=np.concatenate([likely.rows[::2], unlikely.rows[::2]]))
    assert plan_for(both[both.rows[:, SCORE] < 0.7]).gate.passed
    assert plan_for(both).row[SCORE] == 0.8


def test_a_planner_of_goal_sets_chooses_among_those_that_are_about_as_likely_alone(tmp_path):
    file, told = tmp_path / "own.py", tmp_path / "told"
    file.write_text(OF_GOAL_SETS.format(told=str(told)))
    plan = plan_for(scene(GLASS), planner=str(file))
    offered = np.loadtxt(told)
    assert len(offered) > 1 and np.ptp(offered) <= LEAST_CLEAR
    assert plan.merits.success >= offered.max() - LEAST_CLEAR
