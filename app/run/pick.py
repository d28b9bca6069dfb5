"""Carrying out a plan on an arm, and judging from the gripper alone whether something is held."""

from collections.abc import Callable
from dataclasses import dataclass, field

from core.errors import TrackingError
from grasping.planning.grasp_plan import GraspPlan, Phase
from hardware.arms.arm import Arm, ArmState, TrackingReport
from trials.outcome import Reason

#: Closing force [N]. The simulated grasp tests of the literature use 10 N; thin glass bears it.
GRIP_FORCE_N = 10.0
#: Below this opening the fingers have met: nothing thinner than a spoon's handle is picked.
EMPTY_WIDTH_M = 0.003
#: A held object presses back: below this effort [N·m] at the motor (a fifth of what closing asks for)
#: the fingers stopped on nothing.
HELD_EFFORT_NM = 0.2
#: Largest distance from the commanded joints at which a motion counts as carried out.
SETTLED_RAD = 0.02


@dataclass
class Pick:
    """What the arm reported along the way."""

    tracking: dict[Phase, TrackingReport] = field(default_factory=dict)
    closed: ArmState | None = None
    lifted: ArmState | None = None


@dataclass(frozen=True)
class Verification:
    """Whether the gripper holds something, told from its width and effort alone."""

    held: bool
    reason: Reason
    detail: str


class MotionStopped(Exception):  # noqa: N818 - a person's wish, not an error
    """A person stopped the motion; the arm holds where it is."""


def grasp_and_lift(plan: GraspPlan, arm: Arm, pick: Pick, should_stop: Callable[[], bool]) -> None:
    """Opens, moves in, closes on force and lifts; what the arm reports goes into `pick`.

    Raises:
        ArmError: any fault, or a motion that did not end where it should. The arm holds.
        MotionStopped: `should_stop` became true.
    """
    _grip(arm, plan.pre_open_m, should_stop)
    _follow(plan, Phase.TRANSIT, arm, pick, should_stop)
    _follow(plan, Phase.APPROACH, arm, pick, should_stop)
    pick.closed = _grip(arm, 0.0, should_stop)
    _follow(plan, Phase.LIFT, arm, pick, should_stop)
    pick.lifted = arm.state()


def clear_away(plan: GraspPlan, arm: Arm, pick: Pick, should_stop: Callable[[], bool]) -> None:
    """Carries what is held to the bin, opens, and parks the arm (same errors as `grasp_and_lift`)."""
    _follow(plan, Phase.PLACE, arm, pick, should_stop)
    _grip(arm, plan.pre_open_m, should_stop)
    _follow(plan, Phase.RETREAT, arm, pick, should_stop)


def verify(pick: Pick) -> Verification:
    """Held after closing and still held after the lift, by finger opening and effort."""
    if pick.closed is None or pick.lifted is None:
        return Verification(False, Reason.ARM, "the arm never closed and lifted")
    closed_m, lifted_m = pick.closed.gripper_width_m, pick.lifted.gripper_width_m
    widths = (
        f"{closed_m * 1000:.1f} mm closed, {lifted_m * 1000:.1f} mm lifted, {pick.lifted.gripper_effort_nm:.2f} N·m"
    )
    if closed_m < EMPTY_WIDTH_M:
        return Verification(False, Reason.EMPTY, f"fingers met: {widths}")
    if pick.closed.gripper_effort_nm < HELD_EFFORT_NM:
        return Verification(False, Reason.EMPTY, f"fingers stopped without pressing on anything: {widths}")
    # An object that turns in the hand lets the fingers creep by centimetres and is still held; one
    # that is lost lets them meet.
    if lifted_m < EMPTY_WIDTH_M or pick.lifted.gripper_effort_nm < HELD_EFFORT_NM:
        return Verification(False, Reason.SLIP, f"lost on the way up: {widths}")
    return Verification(True, Reason.NONE, widths)


def _grip(arm: Arm, width_m: float, should_stop: Callable[[], bool]) -> ArmState:
    if should_stop():
        raise MotionStopped
    return arm.grip(width_m, GRIP_FORCE_N)


def _follow(plan: GraspPlan, phase: Phase, arm: Arm, pick: Pick, should_stop: Callable[[], bool]) -> None:
    if should_stop():
        raise MotionStopped
    report = arm.follow(plan.motions[phase], should_stop)
    pick.tracking[phase] = report
    if report.interrupted:
        raise MotionStopped
    if report.final_error_rad > SETTLED_RAD:
        raise TrackingError(
            f"{arm.name} ended {phase} {report.final_error_rad:.3f} rad from where it was sent.",
            "Look for what it pushes against, then clear it by hand before the next trial.",
        )
