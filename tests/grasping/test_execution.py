"""Held or not, told from the gripper alone."""

import numpy as np
import pytest

from grasping.execution import Execution, Grip, Lift, MotionStopped, verify
from grasping.planning.grasp_plan import GateReport, GraspPlan, Phase
from hardware.arms.arm import ArmState, TrackingReport


def state(width_m: float, effort_nm: float = 1.0) -> ArmState:
    return ArmState(np.zeros(6), width_m, effort_nm, True, False, (), 0.0)


@pytest.mark.parametrize("width_m", [0.006, 0.03, 0.09])
def test_fingers_that_stay_apart_on_the_way_up_hold_something(width_m: float) -> None:
    assert verify(Lift(closed=state(width_m), lifted=state(width_m - 0.0005))).held


def test_fingers_that_meet_hold_nothing() -> None:
    verdict = verify(Lift(closed=state(0.0005), lifted=state(0.0005)))
    assert not verdict.held and verdict.grip is Grip.EMPTY


def test_fingers_that_meet_on_the_way_up_have_lost_it() -> None:
    verdict = verify(Lift(closed=state(0.03), lifted=state(0.0)))
    assert not verdict.held and verdict.grip is Grip.SLIP


def test_an_object_that_turned_in_the_hand_is_held_while_it_presses_back() -> None:
    assert verify(Lift(closed=state(0.0193), lifted=state(0.0088))).held


@pytest.mark.parametrize(("closed_nm", "lifted_nm", "grip"), [(0.0, 0.0, Grip.EMPTY), (1.0, 0.0, Grip.SLIP)])
def test_fingers_that_press_on_nothing_hold_nothing_however_wide_they_stand(
    closed_nm: float, lifted_nm: float, grip: Grip
) -> None:
    verdict = verify(Lift(closed=state(0.03, closed_nm), lifted=state(0.03, lifted_nm)))
    assert not verdict.held and verdict.grip is grip


class StoppedArm:
    """Follows until it is stopped on the way in the phase whose number is given."""

    name = "stopped"

    def __init__(self, phase: int) -> None:
        self.left = phase

    def grip(self, width_m: float, force_n: float) -> ArmState:
        return state(width_m)

    def follow(self, trajectory: object, should_stop: object) -> TrackingReport:
        self.left -= 1
        return TrackingReport(0.01, 0.001, interrupted=self.left < 0)


@pytest.mark.parametrize("stopped_in", [0, 1, 2])
def test_an_arm_that_never_lifted_gives_nothing_to_verify_but_how_it_moved(stopped_in: int) -> None:
    reports: dict[Phase, TrackingReport] = {}
    gate = GateReport(True, (), 1, 0.02)
    plan = GraspPlan("left", np.zeros(17), np.eye(4), 0.08, dict.fromkeys(Phase), gate, "ompl", 1, {})  # type: ignore[arg-type]
    arm = StoppedArm(stopped_in)
    with pytest.raises(MotionStopped):
        Execution(plan, arm, lambda: False, reports.__setitem__).lift()  # type: ignore[arg-type]
    assert list(reports) == [Phase.TRANSIT, Phase.APPROACH, Phase.LIFT][: stopped_in + 1]
