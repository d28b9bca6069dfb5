"""The gate knows by itself what never moves: nothing of an arm meets it, but the base that stands on its pedestal."""

import numpy as np
import pytest

from core.cell import Cell
from core.cell_parts import Fixture
from grasping.planning.gate.check import check_motions, check_transit
from grasping.planning.gate.model import GateWorld
from grasping.planning.grasp_plan import Phase
from grasping.planning.planner import plan_grasp
from grasping.scene_cloud import SceneCloud
from hardware.arms.trajectory import JointTrajectory
from hardware.robot.description import JOINT_LOWER_RAD, JOINT_UPPER_RAD, PARK_JOINTS
from hardware.robot.fixtures import LEAST_PEDESTAL_M, fixtures_of
from tests.support.robot import random_joints
from tests.support.scenes.fixtures import HEIGHT_M, LAMP, RAISED, STAND, furnished
from tests.support.scenes.planning import GLASS, PARKED, scene, table_view

NOTHING = np.zeros((0, 3))
#: The tool may go wherever the arm can.
EVERYWHERE = {"tool_x_m": (-2.0, 2.0), "tool_y_m": (-2.0, 2.0), "tool_z_m": (0.0, 2.0)}


def along(a: np.ndarray, b: np.ndarray, seconds: float = 12.0) -> JointTrajectory:
    share = np.linspace(0.0, 1.0, int(seconds * 100))
    eased = share**3 * (10 - 15 * share + 6 * share**2)
    return JointTrajectory(share * seconds, a + (b - a) * eased[:, None])


def met(cell: Cell, arm: str, joints_rad: np.ndarray) -> set[str]:
    """What overlaps with something of an arm at joints (6,)."""
    world = GateWorld(cell, arm, PARKED, NOTHING)
    world.move(joints_rad, 0.05)
    return {touch.other for touch in world.touches() if touch.gap_m < 0.0}


def into(cell: Cell, arm: str, what: str) -> np.ndarray:
    """Joints (6,) at which an arm meets one thing alone."""
    world = GateWorld(cell, arm, PARKED, NOTHING)
    for joints in random_joints(30000, seed=7):
        world.move(joints, 0.05)
        if {touch.other for touch in world.touches() if touch.gap_m < 0.0} == {what}:
            return joints
    raise AssertionError(f"nothing of the {arm} arm meets the {what} alone")


@pytest.mark.parametrize("yaw_rad", [0.0, 0.8])
def test_it_puts_them_where_all_others_have_them(yaw_rad: float) -> None:
    cell = furnished(STAND, LAMP, height_m=HEIGHT_M, yaw_rad=yaw_rad)
    names = ["fixture camera stand", "fixture lamp", "pedestal of left", "pedestal of right"]
    world = GateWorld(cell, "left", PARKED, NOTHING)
    world.move(PARK_JOINTS, 0.0)
    data = world._contacts.data
    for name, expected in zip(names, fixtures_of(cell), strict=True):
        geom = world.model.body(name).geomadr[0]
        np.testing.assert_allclose(world.model.geom_size[geom], expected.half_m, atol=1e-9)
        np.testing.assert_allclose(data.geom_xpos[geom], expected.T_world_box[:3, 3], atol=1e-9)
        np.testing.assert_allclose(data.geom_xmat[geom].reshape(3, 3), expected.T_world_box[:3, :3], atol=1e-9)


def test_an_arm_stands_on_its_own_pedestal() -> None:
    for arm in RAISED.arms:
        assert met(RAISED, arm, PARK_JOINTS) == set()


@pytest.mark.parametrize("what", ["fixture camera stand", "fixture lamp", "pedestal of left", "pedestal of right"])
def test_a_motion_into_one_is_refused_by_its_name(what: str) -> None:
    """Into the other arm's pedestal, and with its own links into its own."""
    there = into(RAISED, "left", what)
    near = there + np.random.default_rng(1).normal(0.0, 0.15, (500, 6))
    beside = next(q for q in np.clip(near, JOINT_LOWER_RAD, JOINT_UPPER_RAD) if met(RAISED, "left", q) == set())
    given = {"arm": "left", "width_m": 0.05, "measured": PARKED | {"left": beside}, "other_points_m": NOTHING}
    roomy = RAISED.model_copy(update={"workspace": RAISED.workspace.model_copy(update=EVERYWHERE)})
    report = check_transit(roomy, along(beside, there), **given)
    assert report.violations and all(f"meets {what}" in violation for violation in report.violations)


def test_what_is_held_may_meet_none_either() -> None:
    free = next(q for q in random_joints(5000, seed=3) if met(RAISED, "left", q) == set())
    world = GateWorld(RAISED, "left", PARKED, NOTHING)
    T_world_tcp = world.move(free, 0.05)
    middle = np.append(STAND.center_m, 0.2)
    held = (middle - T_world_tcp[:3, 3]) @ T_world_tcp[:3, :3]
    carrying = GateWorld(RAISED, "left", PARKED, NOTHING, held_points_tcp_m=held[None])
    carrying.move(free, 0.05)
    assert ("held", "fixture camera stand") in {(one.moving, one.other) for one in carrying.touches()}


@pytest.mark.parametrize("name", ["target", "held", "table", "left link6", "left/link6"])
def test_no_name_hides_a_fixture_or_makes_it_part_of_an_arm(name: str) -> None:
    named = furnished(Fixture.model_validate(LAMP.model_dump() | {"name": name}), height_m=HEIGHT_M)
    joints = into(RAISED, "left", "fixture lamp")
    world = GateWorld(named, "left", PARKED, NOTHING)
    world.show(target=False, held=False)
    world.move(joints, 0.05)
    assert [one for one in world.touches() if one.other.startswith("fixture") and one.gap_m < 0.0]


def test_a_pick_from_pedestals_passes_and_one_planned_without_a_fixture_on_its_way_does_not() -> None:
    open_cell, grasps = furnished(height_m=HEIGHT_M), scene(GLASS, scores=(0.8, 0.8))
    plan = plan_grasp(grasps, table_view(open_cell), open_cell, PARKED, budget_s=60)
    way = plan.motions[Phase.PLACE].positions_rad
    world = GateWorld(open_cell, plan.arm, PARKED, NOTHING)
    later = way[len(way) // 3 :: len(way) // 20]  # not above the object itself, which none could lift then
    at_m = max((world.move(q, 0.05)[:3, 3] for q in later), key=lambda at: at[2])
    above = Fixture(name="beam", center_m=tuple(at_m[:2]), size_m=(0.04, 0.04, 0.04), bottom_m=at_m[2] - 0.02)
    blocked = open_cell.model_copy(update={"fixtures": (above,)})
    target = SceneCloud.from_grasps(grasps, table_view()).of(0)
    given = {
        "arm": plan.arm,
        "T_world_tcp": plan.T_world_tcp,
        "pre_open_m": plan.pre_open_m,
        "grasp_width_m": 0.06,
        "measured": PARKED,
        "target_points_m": target,
        "other_points_m": NOTHING,
    }
    assert check_motions(open_cell, plan.motions, **given).passed
    assert any("meets fixture beam" in said for said in check_motions(blocked, plan.motions, **given).violations)
    around = plan_grasp(grasps, table_view(blocked), blocked, PARKED, budget_s=60)
    assert around.gate.passed and around.is_sealed


@pytest.mark.parametrize("height_m", [-0.05, 0.0, LEAST_PEDESTAL_M - 1e-6, LEAST_PEDESTAL_M, 0.3])
def test_it_has_a_pedestal_under_an_arm_where_all_others_have_one(height_m: float) -> None:
    cell = furnished(height_m=height_m)
    model = GateWorld(cell, "left", PARKED, NOTHING).model
    names = [model.body(body).name for body in range(model.nbody)]
    assert sum(name.startswith("pedestal of") for name in names) == len(fixtures_of(cell))
