"""The gate catches what a broken planner could send."""

from itertools import pairwise

import numpy as np
import pytest

from core.cell import Cell
from core.transforms import apply, invert, rotation_z, transform
from grasping.planning.arm_model import ArmModel
from grasping.planning.collision import CollisionChecker, Surroundings
from grasping.planning.gate.check import check_motions
from grasping.planning.gate.model import GateWorld
from grasping.planning.grasp_plan import Phase
from grasping.planning.inverse_kinematics import solve
from grasping.planning.obstacles import DistanceField
from grasping.planning.planner import plan_grasp
from grasping.planning.scene_fields import fixed_boxes
from grasping.scene_cloud import SceneCloud
from hardware.arms.trajectory import JointTrajectory, chain
from hardware.robot.description import JOINT_LOWER_RAD, JOINT_UPPER_RAD, PARK_JOINTS
from tests.support.scenes.planning import CELL, PARKED, cylinder, scene, table_view

GLASS = (0.02, 0.12, 0.03, 0.12)


@pytest.fixture(scope="module")
def plan():
    return plan_grasp(scene(GLASS), table_view(), CELL, PARKED, budget_s=60)


def check(plan, motions=None, cell: Cell = CELL, **changed):
    cloud = SceneCloud.from_grasps(scene(GLASS), table_view())
    known = {
        "arm": plan.arm,
        "T_world_tcp": plan.T_world_tcp,
        "pre_open_m": plan.pre_open_m,
        "grasp_width_m": 0.06,
        "measured": PARKED,
        "target_points_m": cloud.of(0),
        "other_points_m": np.zeros((0, 3)),
    }
    return check_motions(cell, plan.motions if motions is None else motions, **(known | changed))


def changed(plan, phase: Phase, times_s=None, positions_rad=None):
    motion = plan.motions[phase]
    times = motion.times_s if times_s is None else times_s
    positions = motion.positions_rad if positions_rad is None else positions_rad
    return plan.motions | {phase: JointTrajectory(times, positions)}


def along(a: np.ndarray, b: np.ndarray, seconds: float = 6.0) -> JointTrajectory:
    """A gentle straight joint motion, at rest at both ends."""
    share = np.linspace(0.0, 1.0, int(seconds * 100))
    eased = share**3 * (10 - 15 * share + 6 * share**2)
    return JointTrajectory(share * seconds, a + (b - a) * eased[:, None])


def joints_at(arm: str, T_world_tcp: np.ndarray, near: np.ndarray) -> np.ndarray:
    mount = CELL.arms[arm]
    solutions = solve(invert(mount.T_world_base) @ T_world_tcp, mount.firmware)
    return solutions[np.nanargmin(np.abs(solutions - near).max(axis=1))]


def detour(a: np.ndarray, by: np.ndarray, b: np.ndarray) -> JointTrajectory:
    return chain([along(a, by), along(by, b)])


def test_a_sound_plan_passes_with_room_to_spare(plan):
    report = check(plan)
    assert report.passed, report.violations
    assert report.configurations_checked > 300
    assert 0.0 < report.worst_clearance_m <= 0.02


def test_what_the_planner_calls_free_the_gate_finds_free_as_well():
    rng = np.random.default_rng(11)
    joints = rng.uniform(JOINT_LOWER_RAD, JOINT_UPPER_RAD, (4000, 6))
    points = SceneCloud.from_grasps(scene(GLASS), table_view()).points_m
    left = ArmModel("left", CELL.arms["left"])
    field = DistanceField.empty(CELL).with_boxes(fixed_boxes(CELL, "left", PARKED))
    around = Surroundings(*[field.with_points(points)] * 2)
    free = joints[CollisionChecker(left, CELL.workspace, around, 0.05).free(joints)]
    world = GateWorld(CELL, "left", PARKED, points)
    touched = 0
    for q in joints[:300]:
        world.move(q, 0.05)
        touched += any(touch.gap_m < 0 for touch in world.touches())
    assert touched > 50 and len(free) > 200
    for q in free:
        world.move(q, 0.05)
        assert not [touch for touch in world.touches() if touch.gap_m < 0]


@pytest.mark.parametrize(
    ("one", "other", "joints"),
    [
        ("link2", "gripper_base", (-1.578042, 2.500992, -0.142164, 0.056324, 0.649734, -0.531436)),
        ("link1", "link4", (0.097592, 0.063799, 0.110044, 0.193081, -0.456323, 0.161134)),
    ],
)
def test_links_that_share_points_are_found_to_meet(one: str, other: str, joints: tuple[float, ...]):
    """By 0.8 and 5.5 mm, as points drawn within both tell; given a margin, MuJoCo misses both."""
    world = GateWorld(CELL, "left", PARKED, np.zeros((0, 3)))
    world.move(np.array(joints), 0.05)
    assert {f"left {one}", f"left {other}"} in [{touch.moving, touch.other} for touch in world.touches()]


@pytest.mark.parametrize(("columns", "is_full"), [(20, False), (28, True)])
def test_of_thousands_of_contacts_all_are_seen_or_none_is_told(columns: int, is_full: bool, tmp_path, monkeypatch):
    """What is held amid neighbours may meet them when it is lifted; that must not crowd out what the fingers meet."""
    monkeypatch.chdir(tmp_path)  # MuJoCo logs where it is
    side = (np.arange(columns) - columns / 2) * 0.006 + 0.003
    points_m = np.stack(np.meshgrid(side, side, (0.0, 0.1)), axis=-1).reshape(-1, 3)
    tool_m = GateWorld(CELL, "left", PARKED, np.zeros((0, 3))).move(PARK_JOINTS, 0.05)[:3, 3]
    world = GateWorld(CELL, "left", PARKED, points_m + tool_m, held_points_tcp_m=points_m)
    world.show(held=True)
    world.move(PARK_JOINTS, 0.05)
    if is_full:
        with pytest.raises(RuntimeError, match="room"):
            list(world.touches())
    else:
        met = {touch.moving for touch in world.touches() if touch.other == "object" and touch.gap_m < 0.0}
        assert {"held", "left gripper_base", "left link7", "left link8"} <= met


def test_a_way_is_told_to_meet_what_its_configurations_meet_one_by_one(plan):
    """So no configuration's distances are another's, and nothing that stands has been left where it was not put."""
    cloud = SceneCloud.from_grasps(scene(GLASS), table_view())
    way = np.concatenate([plan.motions[phase].positions_rad[::3] for phase in (Phase.APPROACH, Phase.RETREAT)])
    looks, told = np.arange(len(way)) % 4 > 0, {}
    tools, encounters = GateWorld(CELL, plan.arm, PARKED, cloud.of(0)).go(way, 0.05, looks)
    for one in encounters:
        told |= {(at, one.moving, one.other): gap_m for at, gap_m in zip(one.numbers, one.gaps_m, strict=True)}
    found = {}
    for at in np.flatnonzero(looks):
        alone = GateWorld(CELL, plan.arm, PARKED, cloud.of(0))
        assert np.array_equal(alone.move(way[at], 0.05), tools[at])
        found |= {(at, touch.moving, touch.other): touch.gap_m for touch in alone.touches()}
    assert told == found and len({gap_m for gap_m in told.values() if gap_m < 0.0}) > 10


def test_a_path_through_the_table_is_caught(plan):
    grasp, retreat = plan.motions[Phase.APPROACH].positions_rad[-1], plan.motions[Phase.RETREAT].positions_rad
    plunge = joints_at(plan.arm, transform(translation_m=(0.0, 0.0, -0.11)) @ plan.T_world_tcp, near=grasp)
    report = check(plan, plan.motions | {Phase.RETREAT: detour(retreat[0], plunge, retreat[-1])})
    assert any("table" in violation for violation in report.violations)


def test_a_grasp_elsewhere_than_promised_is_caught(plan):
    for offset in (transform(translation_m=(0.0, 0.004, 0.0)), transform(rotation_z(0.02))):
        report = check(plan, T_world_tcp=plan.T_world_tcp @ offset)
        assert any("promised grasp" in violation for violation in report.violations)


def test_numbers_that_are_not_finite_are_caught(plan):
    for phase in Phase:
        positions = plan.motions[phase].positions_rad.copy()
        positions[len(positions) // 2, 3] = np.nan
        assert any("finite" in v for v in check(plan, changed(plan, phase, positions_rad=positions)).violations)


def test_malformed_motions_are_caught(plan):
    motion = plan.motions[Phase.LIFT]
    backwards = motion.times_s.copy()
    backwards[5] = backwards[4]
    assert not check(plan, changed(plan, Phase.LIFT, times_s=backwards)).passed
    assert not check(plan, changed(plan, Phase.LIFT, positions_rad=motion.positions_rad[:, :5])).passed
    assert not check(plan, {phase: plan.motions[phase] for phase in Phase if phase is not Phase.RETREAT}).passed


def test_a_teleport_is_caught(plan):
    inside = plan.motions[Phase.TRANSIT].positions_rad.copy()
    inside[len(inside) // 2 :, 0] += 0.1
    assert not check(plan, changed(plan, Phase.TRANSIT, positions_rad=inside)).passed
    between = plan.motions[Phase.PLACE].positions_rad + 0.01
    report = check(plan, changed(plan, Phase.PLACE, positions_rad=between))
    assert any("place starts" in violation for violation in report.violations)


def test_running_too_fast_is_caught(plan):
    hurried = changed(plan, Phase.TRANSIT, times_s=plan.motions[Phase.TRANSIT].times_s / 4)
    report = check(plan, hurried)
    assert any("rad/s" in violation for violation in report.violations)


def test_leaving_a_joint_limit_is_caught(plan):
    far = plan.motions[Phase.RETREAT].positions_rad[-1] + [0.0, -0.1, 0.0, 0.0, 0.0, 0.0]
    start = plan.motions[Phase.RETREAT].positions_rad[0]
    report = check(plan, plan.motions | {Phase.RETREAT: along(start, far)})
    assert any("limits" in violation for violation in report.violations)


def test_starting_elsewhere_than_the_arm_stands_is_caught(plan):
    moved = PARK_JOINTS + np.array([0.03, 0, 0, 0, 0, 0])
    report = check(plan, measured=PARKED | {plan.arm: moved})
    assert any("starts 1.7 deg from" in violation for violation in report.violations)


def test_the_other_arm_in_the_way_is_caught(plan):
    other = next(name for name in CELL.arms if name != plan.arm)
    alone = CELL.model_copy(update={"arms": {other: CELL.arms[other]}})
    also = plan_grasp(scene(GLASS), table_view(), alone, PARKED, budget_s=60)
    assert also.arm == other
    report = check(plan, measured=PARKED | {other: also.motions[Phase.APPROACH].positions_rad[-1]})
    assert any(f"{other} " in violation for violation in report.violations)


def test_self_collision_is_caught(plan):
    retreat = plan.motions[Phase.RETREAT].positions_rad
    folded = np.array([retreat[0, 0], 0.0, 0.0, 0.0, 1.22, 0.0])
    report = check(plan, plan.motions | {Phase.RETREAT: along(retreat[0], folded)})
    assert any(v.count(f"{plan.arm} link") + v.count("gripper") >= 2 for v in report.violations), report.violations


def test_a_neighbour_in_the_way_is_caught(plan):
    way = plan.T_world_tcp[:3, 3] - 0.06 * plan.T_world_tcp[:3, 2]
    report = check(plan, other_points_m=cylinder(way[0], way[1] + 0.05, 0.02, way[2] + 0.05))
    assert any("object" in violation for violation in report.violations)


def test_the_target_is_an_obstacle_until_the_fingers_close_in(plan):
    start, grasp = plan.motions[Phase.TRANSIT].positions_rad[0], plan.motions[Phase.APPROACH].positions_rad[-1]
    through = {Phase.TRANSIT: along(start, grasp), Phase.APPROACH: along(grasp, grasp + 1e-5)}
    report = check(plan, plan.motions | through)
    assert any("target" in violation for violation in report.violations)


def test_what_is_held_must_clear_the_bin(plan):
    high = CELL.bin.model_copy(update={"size_m": (0.2, 0.2, 0.3)})
    report = check(plan, cell=CELL.model_copy(update={"bin": high}))
    assert any("bin" in violation for violation in report.violations)


def test_leaving_the_workspace_is_caught(plan):
    low = CELL.workspace.model_copy(update={"tool_z_m": (0.004, 0.15)})
    report = check(plan, cell=CELL.model_copy(update={"workspace": low}))
    assert any("workspace" in violation for violation in report.violations)


def lift_by(plan, *offsets_m: tuple[float, float, float]) -> dict[Phase, JointTrajectory]:
    """The plan with a lift through the grasp moved by these offsets, and a gentle way on to the bin."""
    path = [plan.motions[Phase.APPROACH].positions_rad[-1]]
    for offset_m in offsets_m:
        path.append(joints_at(plan.arm, transform(translation_m=offset_m) @ plan.T_world_tcp, near=path[-1]))
    lift = along(path[0], path[1])
    for here, there in pairwise(path[1:]):
        more = along(here, there)
        times = np.concatenate([lift.times_s, lift.duration_s + more.times_s[1:]])
        lift = JointTrajectory(times, np.concatenate([lift.positions_rad, more.positions_rad[1:]]))
    return plan.motions | {Phase.LIFT: lift, Phase.PLACE: along(path[-1], plan.motions[Phase.PLACE].positions_rad[-1])}


def test_a_lift_that_sweeps_what_is_held_through_a_neighbour_is_caught(plan):
    x, y, _ = plan.T_world_tcp[:3, 3]
    beside = cylinder(x, y - 0.08, 0.02, 0.06)  # below the fingers, in the way of what they hold
    sweep = lift_by(plan, (0.0, -0.12, 0.005), (0.0, -0.12, 0.1))
    assert check(plan, other_points_m=beside).passed
    assert any("sideways" in v for v in check(plan, sweep, other_points_m=beside).violations)
    after = lift_by(plan, (0.0, 0.0, 0.035), (0.0, -0.12, 0.035), (0.0, -0.12, 0.1))
    assert any("held meets object" in v for v in check(plan, after, other_points_m=beside).violations)


def test_a_lift_that_pushes_down_or_stays_is_caught(plan):
    low = transform(translation_m=(0.0, 0.0, 0.03)) @ plan.T_world_tcp
    grasp = plan.motions[Phase.APPROACH].positions_rad[-1]
    assert np.abs(joints_at(plan.arm, low, grasp) - grasp).max() < 1.0
    assert any("mm down" in v for v in check(plan, lift_by(plan, (0, 0, -0.02), (0, 0, 0.1))).violations)
    assert any("raises what is held" in v for v in check(plan, lift_by(plan, (0, 0, 0.01))).violations)


def leaning(**changes) -> Cell:
    """The cell with its arms' mounts changed."""
    arms = {name: mount.model_copy(update=changes) for name, mount in CELL.arms.items()}
    return CELL.model_copy(update={"arms": arms})


def test_the_gates_tool_is_the_planners_where_a_base_leans():
    cell, joints = leaning(tilt_rad=(0.02, -0.03), yaw_rad=0.4), np.array([0.3, 1.0, -1.2, 0.2, 0.5, -0.4])
    T_world_tool = GateWorld(cell, "left", PARKED, np.zeros((0, 3))).move(joints, 0.05)
    T_world_tcp = ArmModel("left", cell.arms["left"]).place(joints[None], 0.05).T_world_tcp[0]
    assert np.allclose(T_world_tool, T_world_tcp, atol=1e-6)


def test_arms_that_lean_a_little_still_pick():
    cell = leaning(tilt_rad=(0.02, -0.02), zero_offset_rad=(0.0, 0.02, -0.02, 0.01, 0.0, 0.0))
    picked = plan_grasp(scene(GLASS), table_view(), cell, PARKED, budget_s=60)
    assert picked.gate.passed and check(picked, cell=cell).passed


def test_a_base_that_leans_by_more_than_the_plan_knew_is_caught(plan):
    assert not check(plan, cell=leaning(tilt_rad=(0.03, 0.0))).passed


def test_what_the_controller_would_not_go_to_is_caught(plan):
    """Its limits are where it takes its joints to be: the parked joint 2 is 3.4 degrees off its stop."""
    report = check(plan, cell=leaning(zero_offset_rad=(0.0, 0.08, 0.0, 0.0, 0.0, 0.0)))
    assert any("leaves its controller's limits" in v for v in report.violations), report.violations
    assert check(plan, cell=leaning(zero_offset_rad=(0.0, 0.03, 0.0, 0.0, 0.0, 0.0))).passed


def test_a_place_that_does_not_reach_the_bin_is_caught(plan):
    place, retreat = plan.motions[Phase.PLACE].positions_rad, plan.motions[Phase.RETREAT].positions_rad
    for end in (place[0], place[len(place) // 4]):
        report = check(plan, plan.motions | {Phase.PLACE: along(place[0], end), Phase.RETREAT: along(end, retreat[-1])})
        assert any("never reaches the bin" in v for v in report.violations), report.violations


def test_what_was_seen_falls_no_deeper_whatever_is_taken_to_be_below_it(plan):
    """A foot that nobody saw, 4 cm above the rim, holds nothing up that is let go of 12.5 cm above it."""
    cloud = SceneCloud.from_grasps(scene(GLASS), table_view()).of(0)
    place, retreat = plan.motions[Phase.PLACE].positions_rad, plan.motions[Phase.RETREAT].positions_rad
    tool = ArmModel(plan.arm, CELL.arms[plan.arm]).place(place[-1:], 0.05).T_world_tcp[0]
    foot_m = apply(tool @ invert(plan.T_world_tcp), cloud)[:, 2].min()
    up_m = CELL.bin.size_m[2] + 0.04 - foot_m
    end = joints_at(plan.arm, transform(translation_m=(0.0, 0.0, up_m)) @ tool, near=place[-1])
    motions = plan.motions | {Phase.PLACE: along(place[0], end), Phase.RETREAT: along(end, retreat[-1])}
    for target, is_refused in ((cloud, False), (cloud[cloud[:, 2] > 0.085], True)):
        report = check(plan, motions, target_points_m=target)
        assert any("above the bin's rim" in v for v in report.violations) == is_refused, report.violations


def test_an_approach_from_the_side_or_from_nowhere_is_caught(plan):
    grasp = plan.motions[Phase.APPROACH].positions_rad[-1]
    side = joints_at(plan.arm, plan.T_world_tcp @ transform(translation_m=(0.02, 0.0, -0.06)), near=grasp)
    start = plan.motions[Phase.TRANSIT].positions_rad[0]
    report = check(plan, plan.motions | {Phase.TRANSIT: along(start, side), Phase.APPROACH: along(side, grasp)})
    assert any("beside the tool's axis" in v for v in report.violations), report.violations
    near = joints_at(plan.arm, plan.T_world_tcp @ transform(translation_m=(0.0, 0.0, -0.02)), near=grasp)
    report = check(plan, plan.motions | {Phase.TRANSIT: along(start, near), Phase.APPROACH: along(near, grasp)})
    assert any("before the grasp" in v for v in report.violations), report.violations


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"pre_open_m": 0.12}, "stroke"),
        ({"pre_open_m": np.nan}, "stroke"),
        ({"pre_open_m": -0.01}, "stroke"),
        ({"pre_open_m": np.inf}, "stroke"),
        ({"grasp_width_m": 0.11}, "stroke"),
        ({"grasp_width_m": np.nan}, "stroke"),
        ({"pre_open_m": 0.03}, "comes in 30.0 mm open"),
        ({"pre_open_m": 0.052, "grasp_width_m": 0.05}, "come down on the target"),
        ({"pre_open_m": 0.002, "grasp_width_m": 0.001}, "come down on the target"),
        ({"target_points_m": np.zeros((0, 3))}, "nothing is known of the target"),
        ({"target_points_m": cylinder(0.1, -0.1, 0.03, 0.1)}, "close on nothing"),
        ({"target_points_m": np.full((5, 3), np.nan)}, "not all points of the target"),
        ({"target_points_m": np.zeros(3)}, "no (M, 3)"),
        ({"target_points_m": None}, "no (M, 3)"),
        ({"other_points_m": np.full((5, 3), np.inf)}, "not all points of the other objects"),
        ({"arm": "third"}, "no arm 'third'"),
        ({"arm": None}, "no arm"),
        ({"measured": {}}, "was not measured"),
        ({"measured": {"left": PARK_JOINTS}}, "where the right arm stands was not measured"),
        ({"measured": {"right": PARK_JOINTS}}, "where the left arm stands was not measured"),
        ({"measured": PARKED | {"third": PARK_JOINTS}}, "'third' was measured"),
        ({"measured": PARKED | {"left": np.zeros(5)}}, "unusable"),
        ({"measured": PARKED | {"left": None}}, "unusable"),
        ({"measured": None}, "cannot be checked"),
        ({"T_world_tcp": np.full((4, 4), np.nan)}, "no pose"),
        ({"T_world_tcp": 2 * np.eye(4)}, "no rigid pose"),
        ({"T_world_tcp": None}, "no pose"),
    ],
)
def test_what_a_plan_may_not_say_is_refused_with_the_reason_and_never_raised(plan, changes, why):
    report = check(plan, **changes)
    assert not report.passed and report.seal == ""
    assert any(why in violation for violation in report.violations), report.violations


def test_corners_between_sparse_samples_are_caught(plan):
    start, end = plan.motions[Phase.TRANSIT].positions_rad[[0, -1]]
    corners = JointTrajectory(np.array([0.0, 2.0, 4.0]), np.array([start, (start + end) / 2, end]))
    assert any("rad/s²" in v for v in check(plan, plan.motions | {Phase.TRANSIT: corners}).violations)


def test_motions_that_are_none_are_refused(plan):
    for nothing in (None, "transit", JointTrajectory(np.zeros(0), np.zeros((0, 6))), JointTrajectory(None, None)):
        assert not check(plan, plan.motions | {Phase.TRANSIT: nothing}).passed
    assert not check(plan, plan.motions | {"wave": plan.motions[Phase.LIFT]}).passed
    assert not check(plan, {}).passed
    hour = changed(plan, Phase.PLACE, times_s=plan.motions[Phase.PLACE].times_s * 600)
    assert any("allowed" in v for v in check(plan, hour).violations)


def test_a_pick_that_ends_elsewhere_than_parked_is_caught(plan):
    retreat = plan.motions[Phase.RETREAT].positions_rad
    report = check(plan, plan.motions | {Phase.RETREAT: along(retreat[0], retreat[-1] + [0.1, 0, 0, 0, 0, 0])})
    assert any("parked pose" in v for v in report.violations)


def test_phases_in_each_other_s_place_are_caught(plan):
    for one, other in pairwise(Phase):
        swapped = plan.motions | {one: plan.motions[other], other: plan.motions[one]}
        assert not check(plan, swapped).passed


def test_what_passed_is_sealed(plan):
    assert plan.is_sealed and check(plan, grasp_width_m=float(plan.row[1])).seal == plan.gate.seal
