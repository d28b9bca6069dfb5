"""Carrying out a plan on an arm, and judging from the gripper alone whether something is held."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from core.errors import ArmError, GripperError, PlanningError, TrackingError
from grasping.planning.grasp_plan import GraspPlan, Phase
from hardware.arms.arm import Arm, ArmState, RunningGrip, TrackingReport

_log = logging.getLogger(__name__)
#: Closing force [N]. The simulated grasp tests of the literature use 10 N; thin glass bears it.
GRIP_FORCE_N = 10.0
#: Below this opening the fingers have met: nothing thinner than a spoon's handle is picked.
EMPTY_WIDTH_M = 0.003
#: A held object presses back: below this effort [N·m] at the motor (a fifth of what closing asks for)
#: the fingers stopped on nothing.
HELD_EFFORT_NM = 0.2
#: Fingers that stay this much [m] short of what they were to open to would come down on the object.
OPENED_SLACK_M = 0.003
#: Largest distance from the commanded joints at which a motion counts as carried out.
SETTLED_RAD = 0.02


class Grip(StrEnum):
    """What became of a grasp, told from the gripper's width and effort alone."""

    HELD = "held"
    EMPTY = "empty grasp"
    SLIP = "slip"


@dataclass(frozen=True)
class Lift:
    """What the arm reported when the gripper had closed, and after the lift."""

    closed: ArmState
    lifted: ArmState


@dataclass(frozen=True)
class Verification:
    """detail: the finger openings and the effort it was told from, in words. closed_m: the gap that they closed to;
    width_m, effort_nm: the gap between them and what they pressed with after the lift."""

    grip: Grip
    detail: str
    closed_m: float
    width_m: float
    effort_nm: float

    @property
    def held(self) -> bool:
        return self.grip is Grip.HELD


def is_holding(state: ArmState) -> bool:
    """Whether the fingers are apart and press on what is between them."""
    return state.gripper_width_m >= EMPTY_WIDTH_M and state.gripper_effort_nm >= HELD_EFFORT_NM


class MotionStopped(Exception):  # noqa: N818 - a person's wish, not an error
    """A person stopped the motion; the arm holds where it is."""


@dataclass(frozen=True)
class Execution:
    """One plan on its arm.

    should_stop: polled all along; true means stop and hold. report: takes how each motion was followed, as it ends.
    begin: is told of each motion as it begins. opens_on_way: whether the fingers open while the arm moves to the
    object, and not before: what keeps them from it is found there, and half a second is saved.
    """

    plan: GraspPlan
    arm: Arm
    should_stop: Callable[[], bool]
    report: Callable[[Phase, TrackingReport], None]
    begin: Callable[[Phase], None] = lambda _: None
    opens_on_way: bool = False

    def lift(self) -> Lift:
        """Opens, moves in, closes on force and lifts.

        Raises:
            ArmError: any fault, or a motion that did not end where it should. The arm holds.
            PlanningError: the plan is no longer what the gate passed; nothing more is sent.
            MotionStopped: `should_stop` became true.
        """
        self._may_send()
        demand_empty(self.arm)
        if self.opens_on_way:
            opening = self.arm.grip_part(self.plan.pre_open_m, GRIP_FORCE_N)
            self._follow(Phase.TRANSIT, opening)
            demand_open(self.arm, opening.state or self.arm.state(), self.plan.pre_open_m)
        else:
            demand_open(self.arm, self._grip(self.plan.pre_open_m), self.plan.pre_open_m)
            self._follow(Phase.TRANSIT)
        self._follow(Phase.APPROACH)
        closed = self._close()
        self._follow(Phase.LIFT)
        return Lift(closed, self.arm.state())

    def clear(self) -> None:
        """Carries what is held to the bin, opens, and parks the arm (same errors as `lift`)."""
        self._follow(Phase.PLACE)
        self._grip(self.plan.pre_open_m)
        self._follow(Phase.RETREAT)

    def _close(self) -> ArmState:
        """The state once the fingers are at rest, or creep on along what they hold: the lift tells whether they do."""
        try:
            return self._grip(0.0)
        except GripperError as error:
            _log.warning("%s; it is lifted all the same", error.cause)
            return self.arm.state()

    def _may_send(self) -> None:
        if self.should_stop():
            raise MotionStopped
        if not self.plan.is_sealed:
            raise PlanningError(
                "The plan is not the one that the gate passed: it was changed since. Nothing more is sent.",
                "Plan again. If a planner of your own keeps a plan, it must not write to it.",
            )

    def _grip(self, width_m: float) -> ArmState:
        self._may_send()
        return self.arm.grip(width_m, GRIP_FORCE_N)

    def _follow(self, phase: Phase, beside: RunningGrip | None = None) -> None:
        self._may_send()
        self.begin(phase)
        tracking = self.arm.follow(self.plan.motions[phase], self.should_stop, beside)
        self.report(phase, tracking)
        if tracking.interrupted:
            raise MotionStopped
        demand_arrival(self.arm.name, phase, tracking)


def demand_empty(arm: Arm) -> None:
    """Raises ArmError where a gripper that is to open holds something."""
    if is_holding(arm.state()):
        raise ArmError(
            f"{arm.name}'s gripper holds something: opening it here would drop that.",
            "Start again without --yes: you are asked to support it before the gripper opens.",
        )


def demand_held(arm: Arm) -> None:
    """Raises GripperError where a gripper no longer holds what it lifted."""
    state = arm.state()
    if not is_holding(state):
        raise GripperError(
            f"The {arm.name} gripper no longer holds what it lifted ({state.gripper_width_m * 1000:.0f} mm open, "
            f"{state.gripper_effort_nm:.2f} N·m).",
            "Take what fell out of the cell, then start again.",
        )


def demand_open(arm: Arm, state: ArmState, width_m: float) -> None:
    """Raises ArmError where fingers did not open as far [m] as they were to."""
    if state.gripper_width_m < width_m - OPENED_SLACK_M:
        raise ArmError(
            f"{arm.name}'s gripper opened to {state.gripper_width_m * 1000:.0f} mm, not to {width_m * 1000:.0f} mm.",
            "Look for what is stuck between or beside its fingers, then start again.",
        )


def demand_arrival(arm: str, phase: Phase, tracking: TrackingReport) -> None:
    """Raises TrackingError for a motion that did not end where it should."""
    if tracking.final_error_rad > SETTLED_RAD:
        raise TrackingError(
            f"{arm} ended {phase} {tracking.final_error_rad:.3f} rad from where it was sent.",
            "Look for what it pushes against, then clear it by hand before the next trial.",
        )


def hold_all(arms: Iterable[Arm]) -> str:
    """Tells every arm to stay where it is; names, in words for people, one that cannot hear: the others still hold."""
    deaf = []
    for arm in arms:
        try:
            arm.hold()
        except ArmError as error:
            deaf.append(f"{arm.name}: {error.cause}")
    return f"not reached: {'; '.join(deaf)}" if deaf else "all arms hold"


def verify(lift: Lift) -> Verification:
    """Held after the lift by finger opening and effort, of fingers that did not meet as they closed."""
    closed, lifted = lift.closed, lift.lifted
    measured = closed.gripper_width_m, lifted.gripper_width_m, lifted.gripper_effort_nm
    widths = (
        f"{closed.gripper_width_m * 1000:.1f} mm closed, {lifted.gripper_width_m * 1000:.1f} mm lifted, "
        f"{lifted.gripper_effort_nm:.2f} N·m"
    )
    if closed.gripper_width_m < EMPTY_WIDTH_M:
        return Verification(Grip.EMPTY, f"fingers met: {widths}", *measured)
    # An object that turns in the hand lets the fingers creep by centimetres, and between two readings they may press on
    # nothing; it is still held. One that is lost lets them meet.
    if is_holding(lifted):
        return Verification(Grip.HELD, widths, *measured)
    if closed.gripper_effort_nm < HELD_EFFORT_NM:
        return Verification(Grip.EMPTY, f"fingers stopped without pressing on anything: {widths}", *measured)
    return Verification(Grip.SLIP, f"lost on the way up: {widths}", *measured)
