"""cuRobo behind the planner interface: what it is told, how its answers become a pick, and why it may not run.

There is no GPU where these run: a stand-in with the signatures of cuRobo's source plans in its place.
"""

import sys
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from core.errors import ConfigurationError, PlanningError
from core.transforms import apply, invert
from grasping.planning import registry
from grasping.planning.arm_model import ArmModel
from grasping.planning.collision import CollisionChecker, Surroundings
from grasping.planning.curobo import session as sessions
from grasping.planning.curobo.installed import CALLED, why_not_curobo
from grasping.planning.curobo.robot import LINKS, allowed_pairs, link_spheres, robot_configuration
from grasping.planning.curobo.scene import scene_around
from grasping.planning.curobo.session import Track
from grasping.planning.curobo.timing import MOST_OFF_RAD, as_trajectory
from grasping.planning.grasp_plan import Phase
from grasping.planning.motion_planner import NoPathError
from grasping.planning.obstacles import DistanceField, bin_boxes
from grasping.planning.paths import ACCELERATION_SHARE, SPEED_SHARE, PhaseLimits
from grasping.planning.planner import plan_grasp
from grasping.planning.scene_fields import fixed_boxes
from hardware.robot.description import MAX_ACCELERATION_RAD_S2, MAX_SPEED_RAD_S, PARK_JOINTS
from hardware.robot.fixtures import fixtures_of
from tests.support.robot import random_joints
from tests.support.scenes.fixtures import RAISED
from tests.support.scenes.planning import CELL, GLASS, PARKED, scene, table_view
from tests.support.stand_ins import curobo as stand_in
from tests.support.stand_ins.curobo_contract import CONFIGURATION, CONTRACT, parameters_of

ARM = ArmModel("left", CELL.arms["left"])
FREE = DistanceField.empty(CELL)


@pytest.fixture
def curobo(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    stand_in.install(monkeypatch)
    sessions._sessions.cache_clear()
    yield monkeypatch
    sessions._sessions.cache_clear()


def plan_for(grasps, joints=PARKED, **options):
    return plan_grasp(grasps, table_view(), CELL, joints, planner="curobo", budget_s=60.0, **options)


# From grasps to a pick


def test_a_pick_planned_by_it_passes_the_gate_and_runs_without_a_jump(curobo):
    plan = plan_for(scene(GLASS))
    assert plan.planner == "curobo" and plan.gate.passed and plan.is_sealed
    here = PARKED[plan.arm]
    for phase in Phase:
        positions = plan.motions[phase].positions_rad
        assert np.allclose(positions[0], here, atol=1e-6)
        here = positions[-1]
    assert np.allclose(here, PARK_JOINTS)


@pytest.mark.slow
def test_it_is_built_and_warmed_up_once_for_all_picks_of_an_arm(curobo):
    arms = {plan_for(scene(GLASS)).arm for _ in range(3)}
    made = list(sessions._sessions().values())
    assert len(made) <= len(CELL.arms) and arms <= set(CELL.arms)
    assert all(session._planner.warm == 1 for session in made)


def test_once_it_is_prepared_no_plan_waits_for_it_to_be_built(curobo, monkeypatch):
    registry.find_planner("curobo").prepare(CELL)
    assert len(sessions._sessions()) == len(CELL.arms)
    monkeypatch.setattr(sessions, "CuroboSession", lambda *_: pytest.fail("built in a stage of a trial"))
    assert plan_for(scene(GLASS)).planner == "curobo"


@pytest.mark.slow
def test_the_candidate_that_a_goal_set_reaches_first_is_tried_first(curobo, monkeypatch):
    asked = []

    def to_poses(self, start_rad, poses):
        asked.append(len(poses))
        return None if len(asked) > 2 else (len(poses) - 1, Track(np.repeat(start_rad[None], 2, axis=0), 0.02))

    monkeypatch.setattr(sessions.CuroboSession, "to_poses", to_poses)
    with pytest.raises(PlanningError, match="no way to the bin"):
        plan_for(scene(GLASS))
    assert 1 < asked[0] <= sessions.MOST_GOALS


def test_no_answer_to_a_goal_set_leaves_the_order_as_it_was_and_no_path_is_a_reason(curobo, monkeypatch):
    monkeypatch.setattr(stand_in.MotionPlanner, "plan_pose", lambda self, goal_tool_poses, current_state: None)
    monkeypatch.setattr(stand_in.MotionPlanner, "plan_cspace", lambda self, goal_state, current_state: None)
    with pytest.raises(PlanningError, match="no way to the object"):
        plan_for(scene(GLASS))


def test_what_it_fails_with_is_named_with_its_version(curobo, monkeypatch):
    def broken(self, goal_state, current_state):
        raise RuntimeError("CUDA error: out of memory")

    monkeypatch.setattr(stand_in.MotionPlanner, "plan_cspace", broken)
    with pytest.raises(PlanningError, match=r"cuRobo 0.8.0 failed: RuntimeError: CUDA error: out of memory"):
        plan_for(scene(GLASS))


# What it is told


@pytest.mark.parametrize("tilt_rad", [(0.0, 0.0), (0.05, -0.1)])
def test_its_world_is_the_one_the_cpu_planner_avoids_seen_from_the_arms_base(curobo, tilt_rad):
    mount = CELL.arms["left"].model_copy(update={"tilt_rad": tilt_rad, "yaw_rad": 0.4})
    arm = ArmModel("left", mount)
    cloud = apply(invert(table_view().T_camera_world), scene(GLASS).cloud_m.astype(float))
    field = FREE.with_points(cloud).with_boxes(bin_boxes(CELL.bin))
    around = scene_around(field, arm, stand_in.DeviceCfg().to_device)
    w = CELL.workspace
    points = np.random.default_rng(4).uniform(
        [w.tool_x_m[0], w.tool_y_m[0], 0.0], [w.tool_x_m[1], w.tool_y_m[1], w.tool_z_m[1]], (3000, 3)
    )
    points = points[np.linalg.norm(points[:, :2] - mount.base_m[:2], axis=1) > 0.15]
    in_base = apply(arm.T_base_world, points)
    assert np.isclose(around.voxel[0].distance_m(in_base), field.at(points)).mean() > 0.999
    below = np.min([box.distance_m(in_base) for box in around.cuboid], axis=0)
    assert np.allclose(below, points[:, 2], atol=1e-9)


@pytest.mark.slow
def test_a_pick_from_pedestals_beside_fixtures_passes_the_gate(curobo):
    """Its own pedestal forbids no motion; the other arm's, and what stands about, are in its world."""
    plan = plan_grasp(scene(GLASS), table_view(RAISED), RAISED, PARKED, planner="curobo", budget_s=60.0)
    assert plan.gate.passed and plan.is_sealed
    field = FREE.with_boxes(fixed_boxes(RAISED, "left", PARKED))
    arm = ArmModel("left", RAISED.arms["left"])
    grid = scene_around(field, arm, stand_in.DeviceCfg().to_device).voxel[0]
    for one in fixtures_of(RAISED)[:2] + fixtures_of(RAISED)[3:]:
        assert grid.distance_m(apply(arm.T_base_world, one.T_world_box[None, :3, 3]))[0] < 0.0


def test_what_touches_the_arms_own_base_does_not_forbid_every_motion(curobo):
    beside = FREE.with_points(np.add(CELL.arms["left"].base_m, [[0.06, 0.0, 0.03]]))
    session = sessions.session_of(ARM, CELL)
    session.see(beside)
    assert session._planner.least_gap_m(PARK_JOINTS) > 0


def test_a_parked_arm_touches_neither_table_nor_bin_nor_itself_and_one_in_the_table_does(curobo):
    session = sessions.session_of(ARM, CELL)
    session.see(FREE)
    assert session._planner.least_gap_m(PARK_JOINTS) > 0
    assert session._planner.least_gap_m(np.array([-1.84, 2.57, -0.94, 1.0, -0.75, 1.06])) < 0


def test_its_spheres_meet_where_none_are_allowed_only_in_what_is_not_free_anyway():
    spheres = link_spheres(CELL.arms["left"].gripper_stroke_m)
    allowed = allowed_pairs()
    checker = CollisionChecker(ARM, CELL.workspace, Surroundings(FREE, FREE), 0.0)
    joints = random_joints(6000, seed=1)
    free = np.concatenate([PARK_JOINTS[None], joints[checker.free(joints)][:300]])
    frames = ARM.frames(free)
    touching = np.zeros(len(free), bool)
    for a, link in enumerate(LINKS):
        for b, other in enumerate(LINKS[a + 1 :], start=a + 1):
            if other in allowed.get(link, []):
                continue
            one, two = (
                np.array([sphere["center"] for sphere in spheres[name]]) @ frames[:, k, :3, :3].transpose(0, 2, 1)
                + frames[:, k, None, :3, 3]
                for k, name in ((a, link), (b, other))
            )
            radii = [np.array([sphere["radius"] for sphere in spheres[name]]) for name in (link, other)]
            apart = np.linalg.norm(one[:, :, None] - two[:, None], axis=-1) - radii[0][:, None] - radii[1]
            touching |= (apart < 0).any(axis=(1, 2))
    assert not touching[0] and touching.mean() < 0.03


def test_both_firmwares_zeros_are_in_its_urdf(tmp_path):
    texts = []
    for firmware in ("new", "old"):
        mount = CELL.arms["left"].model_copy(update={"firmware": firmware})
        kinematics = robot_configuration(mount, tmp_path)["robot_cfg"]["kinematics"]
        texts.append((tmp_path / "piper.urdf").read_text())
        assert kinematics["urdf_path"] == str(tmp_path / "piper.urdf")
        assert kinematics["collision_spheres"].keys() == set(LINKS)
    assert texts[0] != texts[1]


def test_every_part_of_its_robots_configuration_is_a_field_of_the_source(tmp_path):
    kinematics = robot_configuration(CELL.arms["left"], tmp_path)["robot_cfg"]["kinematics"]
    given = {"kinematics": kinematics, "cspace": kinematics["cspace"]}
    for part, keys in [*given.items(), *(("extra_links", link) for link in kinematics["extra_links"].values())]:
        assert set(keys) <= set(CONFIGURATION[part][1]), CONFIGURATION[part][0]


# What it answers


def test_a_path_that_ends_a_little_off_is_led_to_its_end_within_the_phases_limits():
    start, goal = np.zeros(6), np.array([1.2, 0.8, -0.9, 0.3, -0.4, 2.0])
    share = np.linspace(0, 1, 40)[:, None]
    eased = share**3 * (10 - 15 * share + 6 * share**2)
    track = Track(start + (goal + MOST_OFF_RAD / 2 - start) * eased, 0.01)
    for phase in (Phase.TRANSIT, Phase.PLACE):
        motion = as_trajectory(track, start, goal, PhaseLimits.of(phase))
        assert np.array_equal(motion.positions_rad[0], start) and np.array_equal(motion.positions_rad[-1], goal)
        speed = np.diff(motion.positions_rad, axis=0) / np.diff(motion.times_s)[:, None]
        change = np.diff(speed, axis=0) / np.diff(motion.times_s)[1:, None]
        assert np.abs(speed).max() <= 1.01 * SPEED_SHARE[phase] * MAX_SPEED_RAD_S
        assert np.abs(change).max() <= 1.05 * ACCELERATION_SHARE[phase] * MAX_ACCELERATION_RAD_S2


@pytest.mark.parametrize(
    ("joints", "words"),
    [
        (np.full((20, 6), np.nan), "a path that is none"),
        (np.zeros((1, 6)), "a path that is none"),
        (np.linspace(np.zeros(6), np.full(6, 0.5), 20), "leads elsewhere"),
    ],
)
def test_a_path_that_is_none_or_leads_elsewhere_is_refused(joints, words):
    with pytest.raises(NoPathError, match=words):
        as_trajectory(
            Track(joints, 0.02), np.zeros(6), np.full(6, 0.5 + 2 * MOST_OFF_RAD), PhaseLimits.of(Phase.TRANSIT)
        )


# Whether it can run


@pytest.mark.parametrize("called", CONTRACT)
def test_the_stand_in_has_the_signatures_of_the_source(called, curobo):
    source, parameters = CONTRACT[called]
    assert parameters_of(called) == parameters, source


@pytest.mark.skipif(find_spec("curobo") is None, reason="cuRobo is not installed here")
def test_an_installed_curobo_has_them_too():
    assert {called: parameters_of(called) for called in CONTRACT} == {
        called: parameters for called, (_, parameters) in CONTRACT.items()
    }


def test_without_a_gpu_or_a_package_it_says_so(monkeypatch):
    assert not torch.cuda.is_available()
    assert "no CUDA device" in why_not_curobo()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    if find_spec("curobo") is None:
        assert "is not installed; its PyPI packages are empty" in why_not_curobo()


def test_a_placeholder_and_version_1_are_told_apart(curobo):
    curobo.setitem(sys.modules, "curobo.wrap", stand_in.module("curobo.wrap"))
    assert "version 1" in why_not_curobo()
    curobo.delitem(sys.modules, "curobo.wrap")
    curobo.delitem(sys.modules, "curobo.motion_planner")
    assert "empty placeholder" in why_not_curobo()


@pytest.mark.parametrize(("module", "name", "parameters"), CALLED, ids=lambda value: str(value)[:40])
def test_what_an_incompatible_version_lacks_is_named(module, name, parameters, curobo):
    assert why_not_curobo() == ""
    owner, _, attribute = name.rpartition(".")
    whole = sys.modules[module]
    where = getattr(whole, owner) if owner else whole
    curobo.delattr(where, attribute)
    assert f"it has no {module}.{name}" in why_not_curobo()
    if parameters:
        curobo.setattr(where, attribute, lambda other: None, raising=False)
        assert f"{name}({', '.join(parameters)})" in why_not_curobo() or "config" in parameters
    with pytest.raises(ConfigurationError, match="--planner ompl"):
        registry.find_planner("curobo")


def test_a_package_that_does_not_load_is_named_with_what_it_said(curobo):
    class Broken:
        def __getattr__(self, name):
            raise OSError("libcudart.so.13: cannot open shared object file")

    broken = stand_in.module("curobo.types")
    curobo.setitem(sys.modules, "curobo.types", broken)
    curobo.setattr("importlib.import_module", lambda name: Broken() if name == "curobo.types" else sys.modules[name])
    assert "curobo.types" in why_not_curobo()
