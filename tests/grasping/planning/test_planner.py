import numpy as np
import pytest

from app.run.stages import plan_line
from core.cell import Cell
from core.errors import ConfigurationError, PlanningError
from core.transforms import apply, invert, rotation_z, transform
from grasping.detection.gripper import PRE_OPEN_MARGINS_M
from grasping.grasp_set import OBJECT, WIDTH, GraspSet
from grasping.planning.arm_model import COVER, ArmModel
from grasping.planning.candidates import CHOSEN, NOT_LOOKED_AT, NOT_TRIED, SHUT_IN
from grasping.planning.collision import CollisionChecker, Held, Surroundings, off_stops
from grasping.planning.grasp_plan import Phase
from grasping.planning.inverse_kinematics import solve
from grasping.planning.motion_planner import NoPlanError
from grasping.planning.obstacles import FAR_M, VOXEL_M, DistanceField, bin_boxes
from grasping.planning.paths import (
    ACCELERATION_SHARE,
    SPEED_SHARE,
    connect,
    is_path_free,
    least_time_s,
    smooth,
    time_path,
)
from grasping.planning.planner import plan_grasp
from grasping.planning.remedies import LATE, STOPPED, remedy_of
from grasping.scene_cloud import SceneCloud
from hardware.robot.description import (
    JOINT_LOWER_RAD,
    JOINT_UPPER_RAD,
    MAX_ACCELERATION_RAD_S2,
    MAX_SPEED_RAD_S,
    PARK_JOINTS,
    SHAPES,
)
from hardware.robot.kinematics import forward_kinematics, link_poses
from tests.support.robot import random_joints
from tests.support.scenes.planning import CELL, GLASS, PARKED, cylinder, scene, table_view

FREE = DistanceField.empty(CELL)
PATIENT_S = 60.0


#: Nothing stands hidden behind what is seen.
#: In a corner of the workspace, beyond both arms.
OUT_OF_REACH = (0.345, 0.595, 0.03, 0.06)
SEES_ALL = CELL.model_copy(update={"workspace": CELL.workspace.model_copy(update={"hidden": "free"})})


def plan_for(grasps: GraspSet, cell: Cell = CELL, joints=None, **options):
    return plan_grasp(grasps, table_view(cell), cell, joints or PARKED, **({"budget_s": PATIENT_S} | options))


def tool_path(plan, phase: Phase, cell: Cell = CELL) -> np.ndarray:
    mount = cell.arms[plan.arm]
    return mount.T_world_base @ forward_kinematics(plan.motions[phase].positions_rad, mount.firmware)


def checker(around: DistanceField = FREE, arm: str = "left", **options) -> CollisionChecker:
    model = ArmModel(arm, CELL.arms[arm])
    return CollisionChecker(model, CELL.workspace, Surroundings(around, around), 0.05, **options)


@pytest.fixture(scope="module")
def plan():
    return plan_for(scene(GLASS))


# The whole pick


def test_a_pick_runs_from_where_the_arm_is_to_where_it_parks_without_a_jump(plan):
    here = PARKED[plan.arm]
    for phase in Phase:
        positions = plan.motions[phase].positions_rad
        assert np.allclose(positions[0], here, atol=1e-6)
        here = positions[-1]
    assert np.allclose(here, PARK_JOINTS)
    assert plan.gate.passed and plan.gate.configurations_checked > 300


def test_slowed_down_every_motion_keeps_its_path_and_the_gate_has_seen_it_so(plan):
    slow = plan_for(scene(GLASS), speed=0.2)
    for phase in Phase:
        np.testing.assert_allclose(slow.motions[phase].positions_rad, plan.motions[phase].positions_rad)
        assert slow.motions[phase].duration_s == pytest.approx(5 * plan.motions[phase].duration_s)
    assert slow.gate.passed


def test_the_approach_is_a_straight_line_along_the_tool_onto_the_promised_grasp(plan):
    path = tool_path(plan, Phase.APPROACH)
    assert np.allclose(path[-1], plan.T_world_tcp, atol=1e-6)
    behind = invert(plan.T_world_tcp) @ path
    assert np.abs(behind[:, :2, 3]).max() < 5e-4
    assert 0.08 <= -behind[0, 2, 3] + 1e-6 <= 0.10
    assert np.abs(behind[:, :3, :3] - np.eye(3)).max() < 5e-3


def test_the_lift_goes_straight_up_and_stays_level_at_first(plan):
    rise = tool_path(plan, Phase.LIFT) @ invert(plan.T_world_tcp)
    path = tool_path(plan, Phase.LIFT)[:, :3, 3] - plan.T_world_tcp[:3, 3]
    assert np.abs(path[:, :2]).max() < 1e-3
    assert path[-1, 2] == pytest.approx(0.12, abs=1e-4)
    assert np.abs(rise[path[:, 2] < 0.025][:, :3, :3] - np.eye(3)).max() < 5e-3


def test_what_is_held_is_lowered_between_the_bins_walls_nearly_onto_its_floor(plan):
    held = apply(invert(plan.T_world_tcp), cylinder(*GLASS))
    way = np.array([apply(tool, held) for tool in tool_path(plan, Phase.PLACE)])
    inner_m = np.array(CELL.bin.size_m[:2]) / 2 - CELL.bin.wall_m
    low = way[way[:, :, 2].min(axis=1) < CELL.bin.size_m[2] + 0.005]
    assert (np.abs(low[..., :2] - CELL.bin.center_m) < inner_m).all()
    assert CELL.bin.wall_m + 0.01 < way[-1, :, 2].min() < CELL.bin.wall_m + 0.04


def test_the_gripper_withdraws_from_what_it_let_go_before_it_turns_away(plan):
    release = tool_path(plan, Phase.PLACE)[-1]
    path = tool_path(plan, Phase.RETREAT)
    first = path[np.linalg.norm(path[:, :3, 3] - release[:3, 3], axis=1) < 0.03]
    sideways = np.abs((invert(release) @ first)[:, 1, 3])
    assert len(first) > 5 and sideways.max() < 2e-3


def test_motions_keep_to_their_share_of_the_arms_limits(plan):
    for phase, motion in plan.motions.items():
        speed = np.diff(motion.positions_rad, axis=0) / np.diff(motion.times_s)[:, None]
        change = np.diff(speed, axis=0) / np.diff(motion.times_s)[1:, None]
        assert np.abs(speed).max() <= 1.02 * SPEED_SHARE[phase] * MAX_SPEED_RAD_S
        assert np.abs(change).max() <= 1.1 * ACCELERATION_SHARE[phase] * MAX_ACCELERATION_RAD_S2


def test_the_same_seed_plans_the_same_pick(plan):
    again = plan_for(scene(GLASS))
    assert again.arm == plan.arm
    for phase in Phase:
        assert np.array_equal(again.motions[phase].positions_rad, plan.motions[phase].positions_rad)


def test_the_nearer_arm_is_taken():
    assert plan_for(scene((0.0, 0.18, 0.03, 0.10), scores=(0.8, 0.8))).arm == "left"
    assert plan_for(scene((0.0, -0.18, 0.03, 0.10), scores=(0.8, 0.8))).arm == "right"


@pytest.mark.parametrize("firmware", ["new", "old"])
def test_both_firmwares_are_planned_for(firmware):
    arms = {name: mount.model_copy(update={"firmware": firmware}) for name, mount in CELL.arms.items()}
    cell = CELL.model_copy(update={"arms": arms})
    found = plan_for(scene(GLASS), cell)
    assert np.allclose(tool_path(found, Phase.APPROACH, cell)[-1], found.T_world_tcp, atol=1e-6)


def test_neighbours_and_a_stretched_out_arm_are_avoided():
    crowd = [(0.02, 0.15, 0.03, 0.12), (0.02, 0.03, 0.03, 0.19), (-0.07, 0.21, 0.025, 0.216), (0.11, 0.20, 0.03, 0.135)]
    reach = plan_for(scene((0.02, -0.12, 0.03, 0.12)))
    stretched = PARKED | {"right": reach.motions[Phase.LIFT].positions_rad[-1]}
    found = plan_for(scene(*crowd, graspable=0, scores=(0.8, 0.8)), SEES_ALL, joints=stretched)
    assert found.gate.passed
    with pytest.raises(PlanningError, match="can be carried out"):  # what they hide is in the way, and counts
        plan_for(scene(*crowd, graspable=0, scores=(0.8, 0.8)), joints=stretched)


def test_the_fingers_open_wide_where_there_is_room_and_less_between_neighbours():
    x, y, radius = 0.02, 0.10, 0.02
    wide, narrow = PRE_OPEN_MARGINS_M
    assert plan_for(scene((x, y, radius, 0.12))).pre_open_m == pytest.approx(2 * radius + wide)
    ring = [(x + 0.0875 * np.cos(a), y + 0.0875 * np.sin(a), 0.015, 0.12) for a in np.arange(12) * np.pi / 6]
    among = plan_for(scene((x, y, radius, 0.12), *ring, graspable=0, scores=(0.8, 0.8)), SEES_ALL)
    assert among.gate.passed and among.pre_open_m == pytest.approx(2 * radius + narrow)


# What cannot be planned


def test_an_object_out_of_reach_is_refused_with_the_reasons_counted():
    with pytest.raises(PlanningError, match=r"out of reach \d+x"):
        plan_for(scene(OUT_OF_REACH))


def test_an_object_walled_in_is_refused():
    x, y = 0.02, 0.10
    ring = [(x + 0.065 * np.cos(a), y + 0.065 * np.sin(a), 0.02, 0.30) for a in np.arange(8) * np.pi / 4]
    with pytest.raises(PlanningError, match="collision at the grasp"):
        plan_for(scene((x, y, 0.02, 0.05), *ring, graspable=0))


def test_no_time_is_a_clean_failure():
    with pytest.raises(PlanningError, match="time ran out"):
        plan_for(scene(GLASS), budget_s=0.0)


def test_rows_that_are_no_grasps_are_left_out():
    good = scene(GLASS)
    bad = good.rows.copy()
    bad[:, 4:13] *= 1.3
    bad[0, 13] = np.nan
    with pytest.raises(PlanningError, match=f"malformed row {len(bad)}x"):
        plan_for(GraspSet(bad, good.cloud_m, good.labels, "test"))
    mixed = GraspSet(np.concatenate([bad, good.rows]), good.cloud_m, good.labels, "test")
    assert plan_for(mixed).gate.passed


@pytest.mark.parametrize("width_m", [-0.02, -1e-9, np.nan, np.inf])
def test_a_width_that_is_none_reaches_no_gate(width_m: float):
    good = scene(GLASS)
    rows = good.rows.copy()
    rows[:, WIDTH] = width_m
    with pytest.raises(NoPlanError, match=f"malformed row {len(rows)}x") as refusal:
        plan_for(GraspSet(rows, good.cloud_m, good.labels, "test"))
    assert "--detector" in refusal.value.remedy and set(refusal.value.rejections) == {"malformed row"}


def test_the_remedy_is_for_what_most_grasps_came_to():
    def remedy(grasps: GraspSet, cell: Cell = CELL, **options) -> str:
        with pytest.raises(NoPlanError) as refusal:
            plan_for(grasps, cell, **options)
        return refusal.value.remedy

    good = scene(GLASS)
    wide = good.rows.copy()
    wide[:, WIDTH] = 0.12
    low = CELL.workspace.model_copy(update={"tool_z_m": (0.3, 0.6)})
    x, y = 0.02, 0.10
    ring = [(x + 0.065 * np.cos(a), y + 0.065 * np.sin(a), 0.02, 0.30) for a in np.arange(8) * np.pi / 4]
    told = {
        "narrower side": remedy(GraspSet(wide, good.cloud_m, good.labels, "test")),
        "away from its neighbours": remedy(scene((x, y, 0.02, 0.05), *ring, graspable=0)),
        "widen workspace": remedy(good, CELL.model_copy(update={"workspace": low})),
        "nearer to an arm": remedy(scene(OUT_OF_REACH)),
        "no grasp was given": remedy(good[np.zeros(0, int)]),
        "more time": remedy(good, budget_s=0.0),
    }
    for words, advice in told.items():
        assert words in advice and advice.endswith(".")
    assert len(set(told.values())) == len(told)


def test_the_commonest_end_of_those_within_reach_tells_and_where_there_are_none_of_all():
    ends = ["out of reach"] * 9 + ["no way to the bin"] * 2 + ["collision at the grasp"]
    assert remedy_of(ends, {}, ()).startswith("Empty the bin")
    assert remedy_of(["out of reach", "wider than the gripper"] + ["malformed row"] * 2, {}, ()).endswith("--detector.")
    assert "allow more time" in remedy_of(["out of reach"], {LATE: 1}, ())
    assert remedy_of(["out of reach"], {}, (), "Free the left arm.").endswith("nearer to an arm. Free the left arm.")
    gated = remedy_of([STOPPED, STOPPED, "out of reach"], {}, ["lift at 0.10 s: link5 meets object"])
    assert "lift at 0.10 s: link5 meets object" in gated
    assert remedy_of([NOT_LOOKED_AT], {}, (), "Free the left arm.") == "Free the left arm."


def test_an_arm_that_rests_at_a_stop_starts_though_it_reads_a_hair_beyond_it():
    parked = PARKED["left"].copy()
    parked[1:3] = -1e-8, 1e-8
    assert plan_for(scene(GLASS), joints={name: parked for name in PARKED}).gate.passed
    for joint in range(6):
        for stop, outward in ((JOINT_LOWER_RAD, -1), (JOINT_UPPER_RAD, 1)):
            beyond = np.zeros(6)
            beyond[joint] = stop[joint] + outward * 1e-8
            assert off_stops(beyond, CELL.arms["left"])[joint] == stop[joint]
            beyond[joint] = stop[joint] + outward * np.deg2rad(0.1)
            assert off_stops(beyond, CELL.arms["left"]) is beyond


def test_what_came_to_nothing_is_counted_with_a_plan_and_without(plan):
    assert plan.rejections["out of reach"] > 0
    with pytest.raises(NoPlanError) as refusal:
        plan_for(scene(OUT_OF_REACH))
    assert refusal.value.rejections["out of reach"] > 0
    assert "nearer to an arm" in refusal.value.remedy and "time" not in refusal.value.remedy


def test_each_grasp_is_told_what_became_of_it_with_a_plan_and_without(plan):
    """A reason of a grasp is one that is counted; only grasps that passed all tests have none."""
    given = scene(GLASS)
    assert len(plan.fates) == len(given) and plan.fates.count(CHOSEN) == 1
    np.testing.assert_array_equal(given.rows[plan.fates.index(CHOSEN)], plan.row)
    with pytest.raises(NoPlanError) as refusal:
        plan_for(scene(OUT_OF_REACH))
    for fates, counts in ((plan.fates, plan.rejections), (refusal.value.fates, refusal.value.rejections)):
        for fate in set(fates) - {CHOSEN, NOT_TRIED, NOT_LOOKED_AT}:
            assert 0 < fates.count(fate) <= counts[fate]
    assert not {CHOSEN, NOT_TRIED, NOT_LOOKED_AT} & set(refusal.value.fates)


def test_arms_that_touch_something_do_not_start():
    lying = np.array([0.0, 2.6, -0.3, 0.0, 0.0, 0.0])
    with pytest.raises(PlanningError, match="No arm can start") as refusal:
        plan_for(scene(GLASS), joints={name: lying for name in CELL.arms})
    assert "the left arm touches the table; the right arm touches the table" in refusal.value.cause
    assert "the left arm" in refusal.value.remedy and "the right arm" in refusal.value.remedy


def test_an_arm_that_cannot_start_leaves_the_pick_to_the_other_and_that_is_told():
    sagged = PARK_JOINTS.copy()
    sagged[1] = -np.deg2rad(0.4)
    found = plan_for(scene(GLASS), joints=PARKED | {"left": sagged})
    assert found.arm == "right" and found.hindered == ("the left arm stands 0.4° beyond joint 2's stop",)
    assert "0.4° beyond joint 2's stop, so it cannot start" in plan_line(found)
    stood_in = (*np.round(tool_of_parked("left")[:2], 2), 0.05, 0.47)
    with pytest.raises(PlanningError, match="left arm touches something that was seen") as refusal:
        plan_for(scene(stood_in, OUT_OF_REACH, graspable=1))
    assert "so it cannot start" in refusal.value.cause


def tool_of_parked(arm: str) -> np.ndarray:
    return (CELL.arms[arm].T_world_base @ forward_kinematics(PARK_JOINTS))[:3, 3]


def test_an_arm_that_stands_in_what_another_object_hides_goes_for_no_other():
    grasps = scene((-0.08, 0.20, 0.05, 0.47), GLASS)
    other = grasps[np.flatnonzero(grasps.rows[:, OBJECT] == 1)]
    for hidden, is_shut_in in (("occupied", True), ("free", False)):
        workspace = CELL.workspace.model_copy(update={"hidden": hidden})
        with pytest.raises(NoPlanError) as refusal:
            plan_for(other, CELL.model_copy(update={"workspace": workspace}), arms=("left",))
        assert (set(refusal.value.fates) == {SHUT_IN}) == is_shut_in == (SHUT_IN in refusal.value.rejections)


def test_states_that_cannot_be_trusted_are_refused():
    with pytest.raises(ConfigurationError, match="right"):
        plan_for(scene(GLASS), joints={"left": PARK_JOINTS})
    with pytest.raises(PlanningError, match="no usable joints"):
        plan_for(scene(GLASS), joints=PARKED | {"left": PARK_JOINTS * np.nan})


OWN_PLANNER = """
from grasping.planning.motion_planner import PlannerSpecification
from grasping.planning.motions import plan_motions
from hardware.arms.trajectory import JointTrajectory

def own(*given):
    return {p: JointTrajectory(m.times_s / FACTOR, m.positions_rad) for p, m in plan_motions(*given).items()}

PLANNER = PlannerSpecification("own", "as ompl's, at another pace", own)
"""


@pytest.mark.slow
def test_a_planner_of_ones_own_is_a_file_and_its_motions_pass_the_same_gate(tmp_path):
    file = tmp_path / "own.py"
    file.write_text(OWN_PLANNER.replace("FACTOR", "1.0"))
    assert plan_for(scene(GLASS), planner=str(file)).planner == "own"
    (reckless := tmp_path / "reckless.py").write_text(OWN_PLANNER.replace("FACTOR", "9.0"))
    with pytest.raises(PlanningError, match="stopped by the gate"):
        plan_for(scene(GLASS), planner=str(reckless))
    (broken := tmp_path / "broken.py").write_text(OWN_PLANNER)
    with pytest.raises(PlanningError, match=r"broken.py cannot be run: NameError in line 7"):
        plan_for(scene(GLASS), planner=str(broken))


def test_planners_that_cannot_run_say_what_is_missing():
    with pytest.raises(ConfigurationError, match="ompl, curobo"):
        plan_for(scene(GLASS), planner="rrt")
    with pytest.raises(ConfigurationError, match="--planner ompl"):
        plan_for(scene(GLASS), planner="curobo")


# Its parts


def test_the_spheres_cover_every_link():
    rng = np.random.default_rng(5)
    arm = ArmModel("left", CELL.arms["left"])
    for joints in random_joints(5, seed=5):
        centers = arm.place(joints[None], 0.06).centers_m[0]
        poses = link_poses(joints, 0.06)
        for link, shapes in SHAPES.items():
            for shape in shapes:
                points = rng.uniform(-1, 1, (200, 3)) * shape.half_extents_m
                if shape.kind == "cylinder":
                    points = points[np.hypot(points[:, 0], points[:, 1]) <= shape.size_m[0]]
                world = apply(arm.T_world_base @ poses[link] @ shape.T_link_shape, points)
                inside = np.linalg.norm(world[:, None] - centers, axis=-1) <= COVER.radius_m + 1e-9
                assert inside.any(axis=1).all(), link


def test_the_lowest_point_is_exact():
    arm = ArmModel("left", CELL.arms["left"])
    joints = random_joints(20, seed=6)
    lowest = arm.lowest_m(arm.place(joints, 0.08))
    for q, claimed in zip(joints, lowest, strict=True):
        poses = link_poses(q, 0.08)
        depths = []
        for link, shapes in SHAPES.items():
            if link in ("base_link", "link1"):
                continue
            for shape in shapes:
                corners = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, -1).T * shape.half_extents_m
                if shape.kind == "cylinder":
                    turn = np.linspace(0, 2 * np.pi, 720)
                    rim = np.stack([np.cos(turn), np.sin(turn)], axis=1) * shape.size_m[0]
                    corners = np.concatenate(
                        [np.column_stack([rim, np.full(720, s * shape.size_m[1])]) for s in (-1, 1)]
                    )
                depths.append(apply(arm.T_world_base @ poses[link] @ shape.T_link_shape, corners)[:, 2].min())
        assert claimed == pytest.approx(min(depths), abs=1e-5)


def test_distances_to_boxes_are_exact_to_a_voxel():
    T = transform(rotation_z(0.4), (0.1, -0.1, 0.2))
    half = np.array([0.05, 0.02, 0.08])
    field = FREE.with_boxes([(T, half)])
    points = np.random.default_rng(7).uniform([-0.1, -0.3, 0.0], [0.3, 0.1, 0.4], (2000, 3))
    outside = np.abs(apply(invert(T), points)) - half
    true = np.linalg.norm(np.maximum(outside, 0), axis=1) + np.minimum(outside.max(axis=1), 0)
    assert np.abs(field.at(points) - np.minimum(true, FAR_M)).max() < 0.87 * VOXEL_M


def test_fields_joined_are_the_field_of_all():
    boxes = [(transform(translation_m=(x, 0.1, 0.05)), np.array([0.03, 0.02, 0.05])) for x in (-0.05, 0.04, 0.12)]
    each = [FREE.with_boxes([box]) for box in boxes]
    assert np.array_equal(each[0].joined(*each[1:]).distance_m, FREE.with_boxes(boxes).distance_m)


def test_perceived_points_are_solid_down_to_the_table_and_never_farther_than_they_are():
    cloud = cylinder(*GLASS)
    field = FREE.with_points(cloud)
    assert (field.at(cloud) < 0).all()
    assert field.at(np.array([GLASS[0], GLASS[1], 0.01])) < 0
    around = np.random.default_rng(8).uniform(-0.12, 0.12, (2000, 3)) + np.array([GLASS[0], GLASS[1], 0.12])
    nearest = np.linalg.norm(around[:, None] - cloud, axis=-1).min(axis=1)
    assert (field.at(around) <= nearest + 0.87 * VOXEL_M).all()


def test_a_checker_sees_the_table_the_bin_itself_and_what_it_holds():
    left = CELL.arms["left"]
    assert checker().free(PARK_JOINTS).all()
    down = np.diag([-1.0, 1.0, -1.0])

    def joints_at(x, y, z):
        pose = transform(down, (x, y, z))
        solutions = solve(invert(left.T_world_base) @ pose).reshape(-1, 6)
        return solutions[np.isfinite(solutions).all(axis=1)]

    assert checker().free(joints_at(-0.05, 0.2, 0.03)).any()
    assert not checker().free(joints_at(-0.05, 0.2, 0.004)).any()
    assert not checker(FREE.with_boxes(bin_boxes(CELL.bin))).free(joints_at(*CELL.bin.center_m, 0.01)).any()
    assert not checker().free(np.array([0.0, 0.0, 0.0, 0.0, 1.22, 0.0])).any()
    long_object = Held(*2 * [np.array([[0.0, 0.0, 0.05]])])
    assert not checker(held=long_object).free(joints_at(-0.05, 0.2, 0.05)).any()


def test_a_way_is_found_around_a_wall_and_none_into_one():
    start, goal = np.array([-0.6, 1.6, -1.4, 0.0, 0.3, 0.0]), np.array([0.6, 1.6, -1.4, 0.0, 0.3, 0.0])
    tool_m = (CELL.arms["left"].T_world_base @ forward_kinematics((start + goal) / 2))[:3, 3]
    wall = [(transform(translation_m=tool_m), np.array([0.08, 0.02, 0.08]))]
    walled = checker(FREE.with_boxes(wall))
    assert is_path_free(np.array([start, goal]), checker())
    assert not is_path_free(np.array([start, goal]), walled)
    path = connect(start, goal, walled, limit_s=20.0, seed=0)
    assert path is not None and np.allclose(path[[0, -1]], [start, goal])
    assert is_path_free(path, walled)
    pieces = smooth(path, lambda joints: bool(walled.free(joints).all()))
    assert walled.free(time_path(pieces, Phase.TRANSIT).positions_rad).all()
    assert connect(start, (start + goal) / 2, walled, limit_s=0.3, seed=0) is None


def test_timed_motions_pass_their_waypoints_and_begin_and_end_at_rest():
    waypoints = np.cumsum(np.random.default_rng(9).uniform(-0.3, 0.3, (6, 6)), axis=0)
    motion = time_path([waypoints], Phase.TRANSIT)
    for waypoint in waypoints:
        assert np.abs(motion.positions_rad - waypoint).max(axis=1).min() < 0.02
    speed = np.diff(motion.positions_rad, axis=0) / np.diff(motion.times_s)[:, None]
    assert np.abs(speed[[0, -1]]).max() < 0.05
    assert motion.times_s[0] == 0 and (np.diff(motion.times_s) > 0).all()


def test_standing_still_is_a_motion_too():
    motion = time_path([np.repeat(PARK_JOINTS[None], 3, axis=0)], Phase.RETREAT)
    assert motion.duration_s > 0 and np.array_equal(motion.positions_rad[0], motion.positions_rad[-1])


def test_what_is_held_keeps_its_extremes():
    points = cylinder(*GLASS)
    T = transform(rotation_z(0.3), (GLASS[0], GLASS[1], 0.1))
    held = Held.from_points(points, T)
    assert held.in_world(T[None])[0, :, 2].min() == 0.0  # down to the table, whatever of that was seen
    assert len(held.points_tcp_m) <= 50
    assert len(Held.from_points(np.zeros((0, 3)), T).points_tcp_m) == 1


def test_the_cloud_is_the_world_as_the_camera_saw_it():
    grasps = scene(GLASS, (0.1, -0.1, 0.02, 0.05))
    cloud = SceneCloud.from_grasps(grasps, table_view())
    assert np.allclose(cloud.of(0), cylinder(*GLASS), atol=1e-5)
    assert len(cloud.of(1)) + len(cloud.without(1)) == len(grasps.cloud_m)


def test_joints_that_are_no_numbers_or_beyond_a_limit_are_not_free():
    beyond = np.where(np.arange(6) == 2, JOINT_UPPER_RAD + 0.1, PARK_JOINTS)
    joints = np.array([PARK_JOINTS, np.full(6, np.nan), beyond])
    assert checker().free(joints).tolist() == [True, False, False]
    assert checker().free(joints[1:]).tolist() == [False, False] and not len(checker().free(joints[:0]))


@pytest.mark.parametrize("phase", [Phase.PLACE, Phase.RETREAT])
def test_no_motion_takes_less_than_the_time_that_places_are_ranked_by(phase: Phase):
    rng = np.random.default_rng(3)
    for far_rad in (0.02, 0.3, 1.5):
        path = PARK_JOINTS + np.array([np.zeros(6), rng.uniform(-far_rad, far_rad, 6)])
        least_s = float(least_time_s(path[1] - path[0], phase))
        assert least_s <= time_path([path], phase).duration_s + 0.01 <= 1.2 * least_s + 0.1
