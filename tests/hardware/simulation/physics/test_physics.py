"""Properties of the digital cell's physics: things rest, servos hold, grips hold, lifts are judged."""

from collections.abc import Sequence

import numpy as np
import pytest

from core.cell import Cell, load_cell
from core.cell_parts import Fixture
from core.errors import ConfigurationError
from core.transforms import Matrix, apply, invert, rotation_z, transform
from grasping.planning.inverse_kinematics import solve
from hardware.robot.description import PARK_JOINTS
from hardware.robot.kinematics import forward_kinematics
from hardware.simulation.catalogue.layout import draw_layout, stage
from hardware.simulation.catalogue.tableware import CHROME, draw_tableware
from hardware.simulation.physics.physics import CellPhysics
from hardware.simulation.scene.scene import SceneObject
from tests.support.paths import CELLS
from tests.support.robot import link_bounds
from tests.support.scenes.fixtures import furnished

SPOT = np.array([0.0, 0.22])
LEAN_RAD = 0.35


@pytest.fixture(scope="module")
def cell() -> Cell:
    return load_cell(CELLS / "sim.yaml")


@pytest.fixture
def physics(cell: Cell) -> CellPhysics:
    return CellPhysics(cell)


def smooth_can() -> SceneObject:
    return draw_tableware(np.random.default_rng(4), "can", CHROME)


def joints_over(cell: Cell, height_m: float) -> np.ndarray:
    """Left arm's joints with the tool over SPOT, leaning outwards, closing sideways."""
    base = cell.arms["left"].T_world_base
    heading = rotation_z(float(np.arctan2(*(SPOT - base[:2, 3])[::-1])))
    sin, cos = np.sin(LEAN_RAD), np.cos(LEAN_RAD)
    tool = np.array([[-cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, -cos]])
    found = solve(invert(base) @ transform(heading @ tool, (*SPOT, height_m)))
    return found[~np.isnan(found).any(1)][0]


def lift_can(physics: CellPhysics, to_m: float, force_n: float = 10.0) -> None:
    """Grips a smooth can standing at SPOT and raises the tool to a height."""
    arm = physics.plant("left")
    physics.load(
        [(smooth_can(), transform(None, (*SPOT, 0.001)))], "reflective", {"left": joints_over(physics.cell, 0.15)}
    )
    arm.drive_gripper(0.08, force_n)
    physics.step(300)
    physics.settle()
    for height_m in np.linspace(0.15, 0.07, 80):
        arm.drive_joints(joints_over(physics.cell, height_m))
        physics.step(8)
    arm.drive_gripper(0.0, force_n)
    physics.step(500)
    for height_m in np.linspace(0.07, to_m, 80):
        arm.drive_joints(joints_over(physics.cell, height_m))
        physics.step(8)
    physics.step(200)


def shake(physics: CellPhysics, joints: Sequence[int]) -> None:
    """Two seconds at 2 Hz and about 4 cm, by swinging some joints."""
    arm = physics.plant("left")
    base = arm.joints_rad()
    for time_s in np.arange(0.0, 2.0, 0.01):
        ramp = min(time_s, 2.0 - time_s, 0.5) / 0.5
        swing = 0.1 * ramp * np.sin(2 * np.pi * 2 * time_s)
        arm.drive_joints(base + swing * np.isin(np.arange(6), joints))
        physics.step(5)


def lowest_m(T_world_object: Matrix, thing: SceneObject) -> float:
    return float(apply(T_world_object, thing.mesh.vertices_m.astype(float))[:, 2].min())


@pytest.mark.parametrize("seed", range(8))
def test_staged_objects_rest_on_the_table_and_stay(physics: CellPhysics, seed: int) -> None:
    placed = stage(physics, np.random.default_rng(seed), 3, "diffuse")
    assert [thing.instance_id for thing in placed] == [1, 2, 3]
    for thing in placed:
        assert abs(lowest_m(thing.T_world_object, thing.item)) < 0.0006
    physics.step(500)
    for before, after in zip(placed, physics.object_poses(), strict=True):
        assert np.abs(before.T_world_object - after.T_world_object).max() < 0.02
        assert np.linalg.norm(before.T_world_object[:3, 3] - after.T_world_object[:3, 3]) < 0.001


def test_lying_objects_rest_too(physics: CellPhysics) -> None:
    on_side = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    rng = np.random.default_rng(1)
    for family in ("tumbler", "bottle", "jar", "can", "shaker"):
        thing = draw_tableware(rng, family)
        height = -lowest_m(transform(on_side), thing) + 0.001
        physics.load([(thing, transform(on_side, (0.0, 0.1, height)))])
        assert physics.settle()
        (placed,) = physics.object_poses()
        assert abs(placed.T_world_object[2, 2]) < 0.2
        assert abs(lowest_m(placed.T_world_object, thing)) < 0.0008


@pytest.mark.parametrize("seed", [31, 43])
def test_what_rocks_for_long_is_at_rest_before_its_scene_is_told(cell: Cell, seed: int) -> None:
    """Jars on their sides, which rock for more than three seconds."""
    physics = CellPhysics(cell)
    before = stage(physics, np.random.default_rng(seed), 4, "reflective")
    physics.step(1000)
    for one, later in zip(before, physics.object_poses(), strict=True):
        assert np.abs(one.T_world_object - later.T_world_object).max() < 1e-4


def test_a_scene_that_does_not_come_to_rest_is_not_at_rest(cell: Cell) -> None:
    physics = CellPhysics(cell)
    physics.load([(smooth_can(), transform(None, (*SPOT, 0.5)))])
    assert not physics.settle(max_s=0.2) and physics.settle()


def test_staging_is_deterministic_and_takes_no_time(cell: Cell) -> None:
    poses = []
    for _ in range(2):
        physics = CellPhysics(cell)
        physics.step(100)
        poses.append([thing.T_world_object for thing in stage(physics, np.random.default_rng(3), 3, "translucent")])
        assert physics.time_s == pytest.approx(0.2)
    assert np.array_equal(*poses)


@pytest.mark.slow
def test_layouts_leave_room_between_objects_and_around_tags(cell: Cell) -> None:
    for seed in range(10):
        points = [
            apply(T, t.mesh.vertices_m.astype(float)) for t, T in draw_layout(cell, np.random.default_rng(seed), 4)
        ]
        for i, a in enumerate(points):
            for tag in cell.tags:
                assert np.linalg.norm(a[:, :2] - tag.position_m, axis=1).min() > tag.size_m / np.sqrt(2)
            for b in points[i + 1 :]:
                assert np.linalg.norm(a[::7, None, :2] - b[None, ::7, :2], axis=2).min() > 0.019


def test_too_many_objects_are_refused(cell: Cell) -> None:
    with pytest.raises(ConfigurationError, match="fewer objects"):
        draw_layout(cell, np.random.default_rng(0), 30)


def test_an_unknown_surface_is_refused_and_the_scene_kept(physics: CellPhysics) -> None:
    physics.load([(smooth_can(), transform(None, (*SPOT, 0.001)))])
    with pytest.raises(ConfigurationError, match="reflective"):
        physics.load([], "marble")
    assert len(physics.object_poses()) == 1


def test_the_simulated_arm_stands_where_its_kinematics_say(physics: CellPhysics, cell: Cell) -> None:
    joints = np.array([0.4, 1.3, -1.1, 0.5, 0.3, -0.7])
    for name, mount in cell.arms.items():
        physics.load([], joints_rad={name: joints})
        hand = physics.data.body(f"{name}_link6")
        T_world_tcp = transform(hand.xmat.reshape(3, 3), hand.xpos) @ transform(None, (0, 0, 0.1358))
        assert np.abs(T_world_tcp - mount.T_world_base @ forward_kinematics(joints)).max() < 1e-9


def test_servos_reach_their_targets_and_hold_them(physics: CellPhysics) -> None:
    target = np.array([0.8, 1.6, -1.2, 0.6, 0.5, -0.5])
    arm = physics.plant("right")
    for part in np.linspace(0.0, 1.0, 200):
        arm.drive_joints(PARK_JOINTS + part * (target - PARK_JOINTS))
        physics.step(5)
    physics.step(250)
    assert np.abs(arm.joints_rad() - target).max() < np.radians(0.05)
    assert np.abs(arm.velocities_rad_s()).max() < 1e-3
    assert np.abs(arm.torques_nm()[1:3]).max() > 1.0, "holding a raised arm takes torque"


def test_without_power_the_arm_falls_and_with_power_it_holds(physics: CellPhysics) -> None:
    raised = np.array([0.0, 1.2, -0.8, 0.0, 0.3, 0.0])
    physics.load([], joints_rad={"left": raised})
    arm = physics.plant("left")
    arm.set_power(False)
    physics.step(500)
    assert np.abs(arm.joints_rad() - raised).max() > 0.2
    here = arm.joints_rad()
    arm.drive_joints(here)
    arm.set_power(True)
    physics.step(500)
    assert np.abs(arm.joints_rad() - here).max() < np.radians(1.0)


def test_an_empty_gripper_closes_without_force(physics: CellPhysics) -> None:
    arm = physics.plant("left")
    arm.drive_gripper(0.1, 10.0)
    physics.step(500)
    assert arm.gripper_width_m() == pytest.approx(0.1, abs=5e-4)
    arm.drive_gripper(0.0, 10.0)
    physics.step(500)
    assert arm.gripper_width_m() == pytest.approx(0.0, abs=5e-4)
    assert arm.gripper_force_n() == 0.0


@pytest.mark.parametrize("force_n", [8.0, 20.0])
def test_the_gripper_stops_at_a_can_and_presses_as_hard_as_told(physics: CellPhysics, force_n: float) -> None:
    lift_can(physics, 0.07, force_n)
    arm = physics.plant("left")
    assert arm.gripper_width_m() == pytest.approx(smooth_can().parameters["diameter_m"], abs=8e-4)
    assert arm.gripper_force_n() == pytest.approx(force_n, rel=0.1)


def test_a_smooth_can_stays_in_the_hand_through_lift_and_shake(physics: CellPhysics) -> None:
    lift_can(physics, 0.18)
    hand, can = physics.data.body("left_link6"), physics.data.body("object0")
    before = hand.xmat.reshape(3, 3).T @ (can.xipos - hand.xpos)
    shake(physics, (0, 2))
    shake(physics, (1, 4))
    physics.step(200)
    after = hand.xmat.reshape(3, 3).T @ (can.xipos - hand.xpos)
    assert np.linalg.norm(after - before) < 0.010
    verdict = physics.verdict()
    assert verdict.success and "left hand; held" in verdict.detail


def test_a_lift_that_ends_in_the_bin_says_so(physics: CellPhysics, cell: Cell) -> None:
    lift_can(physics, 0.18)
    arm = physics.plant("left")
    joints, base = arm.joints_rad(), cell.arms["left"].T_world_base
    to_bin = apply(invert(base), np.array([*cell.bin.center_m, 0.0]))
    turn = np.arctan2(to_bin[1], to_bin[0]) - joints[0]
    for part in np.linspace(0.0, 1.0, 60):
        arm.drive_joints(joints + np.array([turn * part**2 * (3 - 2 * part), *[0.0] * 5]))
        physics.step(8)
    arm.drive_gripper(0.09, 10.0)
    physics.step(600)
    verdict = physics.verdict()
    assert verdict.success and verdict.detail.endswith("in bin")


def test_a_hop_of_three_centimetres_is_no_lift(physics: CellPhysics) -> None:
    lift_can(physics, 0.10)
    assert not physics.verdict().success


def test_a_dropped_object_is_reported_on_the_table(physics: CellPhysics) -> None:
    lift_can(physics, 0.18)
    physics.plant("left").drive_gripper(0.09, 10.0)
    physics.step(500)
    assert physics.verdict().detail.endswith("dropped on table")


def test_an_untouched_scene_is_no_success(physics: CellPhysics) -> None:
    stage(physics, np.random.default_rng(0), 2, "diffuse")
    physics.step(200)
    verdict = physics.verdict()
    assert not verdict.success and "no object was held" in verdict.detail


def test_drawn_fingers_are_where_the_pads_are(physics: CellPhysics, cell: Cell) -> None:
    arm = physics.plant("left")
    physics.load([], joints_rad={"left": joints_over(cell, 0.12)})
    arm.drive_gripper(0.06, 10.0)
    physics.step(500)
    T_world_tcp = cell.arms["left"].T_world_base @ forward_kinematics(arm.joints_rad())
    pads = [s for s in physics.robot_shapes() if s.shape.size_m == pytest.approx((0.011, 0.0225, 0.005))]
    near = [invert(T_world_tcp) @ s.T_world_shape for s in pads]
    inner = sorted(abs(T[1, 3]) - 0.005 for T in near)[:2]
    assert inner == pytest.approx([0.03, 0.03], abs=1e-3)
    assert link_bounds("link7")[1][1] == 0.0, "the tip of the finger is at the tool centre point"


def test_an_arm_is_stopped_by_a_fixture_and_stands_on_its_pedestal_unmoved(cell: Cell) -> None:
    joints, turned = np.array([0.0, 1.6, -1.3, 0.0, 0.6, 0.0]), np.array([1.0, 0, 0, 0, 0, 0])
    tip = apply(cell.arms["left"].T_world_base @ forward_kinematics(joints + 0.5 * turned), np.zeros(3))
    post = Fixture(name="post", center_m=tuple(tip[:2]), size_m=(0.05, 0.05, 0.6))
    reached = {}
    for fixtures in ((), (post,)):
        physics = CellPhysics(furnished(*fixtures, height_m=0.12))
        physics.load([], joints_rad={"left": joints})
        assert physics.data.ncon == 0
        arm = physics.plant("left")
        for share in np.linspace(0.0, 1.0, 100):
            arm.drive_joints(joints + share * turned)
            physics.step(10)
        physics.step(300)
        reached[len(fixtures)] = arm.joints_rad()[0]
    assert reached[0] == pytest.approx(1.0, abs=0.01) and 0.1 < reached[1] < 0.5


def test_things_let_go_over_a_pedestal_come_to_rest_on_it(cell: Cell) -> None:
    shelf = Fixture(name="shelf", center_m=(0.30, 0.0), size_m=(0.2, 0.2, 0.10))
    physics = CellPhysics(furnished(shelf))
    physics.load([(smooth_can(), transform(None, (0.30, 0.0, 0.102)))])
    assert physics.settle()
    (placed,) = physics.object_poses()
    assert lowest_m(placed.T_world_object, placed.item) == pytest.approx(0.10, abs=0.001)


def test_layouts_keep_clear_of_what_is_fixed(cell: Cell) -> None:
    right = cell.workspace.objects_x_m[1]
    wall = Fixture(name="wall", center_m=(right + 0.02, 0.0), size_m=(0.03, 0.44, 0.2))
    nearest_m, crowded = right + 0.005 - 0.02, 0
    for seed in range(6):
        for among, room in ((cell, None), (furnished(wall), wall)):
            for thing, T in draw_layout(among, np.random.default_rng(seed), 3):
                far_m = apply(T, thing.mesh.vertices_m.astype(float))[:, 0].max()
                crowded += room is None and far_m > nearest_m
                assert room is None or far_m < nearest_m
    assert crowded
