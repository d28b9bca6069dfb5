"""The all but closed fingertips come down onto the table, slowly, until they feel it: how high they are then."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from app.calibrate.sampling import Sampling
from app.calibrate.touch import HEIGHT_M, above
from calibration.result import FingerTouch
from calibration.steps.fingers import Feeler
from core.errors import ArmError, PlanningError
from core.transforms import invert
from grasping.planning.gate.check import check_touch
from grasping.planning.gate.paths import TOUCH_DEPTH_M, TOUCH_SLOW_M, TOUCH_WIDTH_M
from grasping.planning.grasp_plan import CheckedMotion
from grasping.planning.inverse_kinematics import follow
from hardware.arms.trajectory import JointTrajectory
from hardware.robot.description import PARK_JOINTS
from hardware.robot.kinematics import forward_kinematics

#: How many places an arm touches; it comes down so fast, and so fast once the table may be near [m/s].
PLACES, _FAST_M_S, _SLOW_M_S = 3, 0.02, 0.003
_UP_M_S = _FAST_M_S, 0.01, _SLOW_M_S
_STEP_M = 0.001
_FORCE_N = 5.0


def touch_table(sampling: Sampling, arm: str) -> tuple[FingerTouch, ...]:
    """Touches of one arm, parked after them; sampling.cell as calibrated. Places that it cannot reach are left out;
    an arm that tells no torques would feel nothing, and none is touched.

    Raises:
        ArmError: the arm met something on the way, does not follow, or is refused its way up; it holds.
        KeyboardInterrupt: a person stops it.
    """
    console, touches = sampling.operator.console, list[FingerTouch]()
    if not np.isfinite(sampling.rig.world.arms[arm].state().joint_effort_nm).all():
        console.say(f"    [yellow]–[/] the {arm} arm tells no motor torques: its fingers would not feel the table")
        return ()
    sampling.confirm(f"  Fingers away, nothing on the table but its tags: the {arm} gripper closes.")
    sampling.grip(arm, TOUCH_WIDTH_M, _FORCE_N)
    for place_m in _places(sampling, arm):
        if len(touches) == PLACES:
            break
        try:
            touch = _touch(sampling, arm, place_m)
        except PlanningError as error:
            console.say(f"    [yellow]–[/] {error.cause}")
            continue
        touches.append(touch)
        console.say(f"    felt at {touch.height_mm:+.2f} mm with {touch.force_n:.0f} N")
    try:
        sampling.move(arm, PARK_JOINTS, None)
    except PlanningError as error:
        console.error(error)
    return tuple(touches)


def _places(sampling: Sampling, arm: str) -> list[tuple[float, float]]:
    """Over the ground where objects lie, those before the arm first."""
    space, side = sampling.cell.workspace, sampling.cell.arms[arm].base_m[1]
    spots = [
        (float(x), float(y)) for x in np.linspace(*space.objects_x_m, 4) for y in np.linspace(*space.objects_y_m, 5)
    ]
    near = sorted(spots, key=lambda spot: abs(spot[1] - 0.6 * side))
    return [*near[0::4], *near[1::4], *near[2::4], *near[3::4]]


def _touch(sampling: Sampling, arm: str, place_m: tuple[float, float]) -> FingerTouch:
    """The arm is above the place again afterwards.

    Raises:
        PlanningError: no way above the place or straight down from there, nothing felt down to the lowest that the
            gate allows, or something higher than the table can be.
    """
    ways = above(np.array([*place_m, HEIGHT_M]), sampling, arm, leans_rad=(0.0,))
    if not len(ways):
        raise PlanningError("The arm cannot point straight down there.", "Another place is tried.")
    sampling.move(arm, ways[0], None)
    down_rad = _descent(sampling, arm)
    mount, driven, clock = sampling.cell.arms[arm], sampling.rig.world.arms[arm], sampling.rig.world.clock
    feeler = Feeler(mount.T_world_base, mount.firmware)
    slow = round((TOUCH_DEPTH_M + TOUCH_SLOW_M) / _STEP_M) + 2
    speeds = np.where(np.arange(len(down_rad) - 1) < len(down_rad) - 1 - slow, _FAST_M_S, _SLOW_M_S)
    _sink(sampling, arm, _time_path(down_rad, speeds), lambda: feeler.feel(driven.peek(), clock.now_s()))
    _rise(sampling, arm, down_rad)
    if not feeler.felt:
        raise PlanningError("No table was felt there.", "Another place is tried.")
    if feeler.height_m > TOUCH_SLOW_M:
        cause = f"Something was felt {1000 * feeler.height_m:.0f} mm above the table."
        raise PlanningError(cause, "Clear the table of all but its tags; another place is tried.")
    return FingerTouch(place_m, 1000 * feeler.height_m, feeler.most_n)


def _descent(sampling: Sampling, arm: str) -> NDArray[np.float64]:
    """Joints (N, 6) straight down from where the arm is."""
    mount = sampling.cell.arms[arm]
    start_rad = sampling.rig.world.arms[arm].state().joints_rad
    T = mount.T_world_base @ forward_kinematics(start_rad, mount.firmware)
    heights_m = np.arange(T[2, 3], -TOUCH_DEPTH_M + _STEP_M / 2, -_STEP_M)
    poses = np.repeat(T[None], len(heights_m), axis=0)
    poses[:, 2, 3] = heights_m
    path = follow(start_rad[None, None], (invert(mount.T_world_base) @ poses)[None], mount.firmware)[0, 0]
    if not np.isfinite(path).all():
        raise PlanningError("No straight way leads down there.", "Another place is tried.")
    return path


def _time_path(path_rad: NDArray[np.float64], speeds_m_s: NDArray[np.float64]) -> JointTrajectory:
    """Steps of one height (N, 6), each as fast as is said (N - 1,)."""
    return JointTrajectory(np.concatenate([[0.0], np.cumsum(_STEP_M / speeds_m_s)]), path_rad)


def _sink(sampling: Sampling, arm: str, motion: JointTrajectory, feels: Callable[[], bool]) -> None:
    """Raises PlanningError where the gate refuses it, or a person, who is asked of the way up as well: no arm is left
    standing on the table for an answer."""
    scene = sampling.scene(arm, None)
    report = check_touch(sampling.cell, motion, arm=arm, measured=scene.measured_rad)
    if not report.passed:
        raise PlanningError(f"The gate refuses to touch there: {report.violations[0]}.", "Another place is tried.")
    sampling.approve(scene, motion, " down until it feels the table, and up again")
    try:
        sampling.drive(CheckedMotion(arm, motion, TOUCH_WIDTH_M, scene.measured_rad, report), feels)
    except KeyboardInterrupt:
        sampling.operator.console.say(
            f"  The {arm} arm holds low over the table or on it, from where it plans no way: hold it, switch its power "
            "off and park it by hand before calibrate goes on."
        )
        raise


def _rise(sampling: Sampling, arm: str, down_rad: NDArray[np.float64]) -> None:
    """Back up the way (N, 6) that the arm came down, from where it is, as fast as the gate allows: it starts anywhere
    between two of the way's steps."""
    joints = sampling.rig.world.arms[arm].state().joints_rad
    nearest = int(np.argmin(np.abs(down_rad - joints).max(axis=1)))
    up_rad = np.concatenate([joints[None], down_rad[: max(nearest, 1)][::-1]])
    scene = sampling.scene(arm, None)
    for speed_m_s in _UP_M_S:
        motion = _time_path(up_rad, np.full(len(up_rad) - 1, speed_m_s))
        report = check_touch(sampling.cell, motion, arm=arm, measured=scene.measured_rad)
        if report.passed:
            sampling.drive(CheckedMotion(arm, motion, TOUCH_WIDTH_M, scene.measured_rad, report))
            return
    raise ArmError(
        f"The {arm} arm stands on the table, and the gate refuses its way up: {report.violations[0]}.",
        "Hold it, switch its power off, park it by hand; then calibrate goes on.",
    )
