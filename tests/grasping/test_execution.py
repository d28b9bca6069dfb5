"""Held or not, told from the gripper alone."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.errors import ArmError, PlanningError
from grasping.execution import Execution, Grip, Lift, MotionStopped, verify
from grasping.planning.grasp_plan import GateReport, GraspPlan, Merits, Phase, seal_of
from hardware.arms.arm import ArmState, TrackingReport
from hardware.arms.trajectory import JointTrajectory


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
    assert verify(Lift(closed=state(0.092, 0.0), lifted=state(0.0524))).held, "it turned as the fingers were read"


@pytest.mark.parametrize(("closed_nm", "lifted_nm", "grip"), [(0.0, 0.0, Grip.EMPTY), (1.0, 0.0, Grip.SLIP)])
def test_fingers_that_press_on_nothing_hold_nothing_however_wide_they_stand(
    closed_nm: float, lifted_nm: float, grip: Grip
) -> None:
    verdict = verify(Lift(closed=state(0.03, closed_nm), lifted=state(0.03, lifted_nm)))
    assert not verdict.held and verdict.grip is grip


class Opening:
    """Fingers that have opened as far as they get."""

    def __init__(self, state: ArmState) -> None:
        self.state = state


class StoppedArm:
    """Follows until it is stopped on the way in the phase whose number is given; keeps what it was sent."""

    name = "stopped"

    def __init__(self, phase: int = 9, opens_to_m: float = 0.08) -> None:
        self.left, self.opens_to_m = phase, opens_to_m
        self.sent: list[object] = []

    def state(self) -> ArmState:
        return state(0.0, 0.0)

    def grip(self, width_m: float, force_n: float) -> ArmState:
        self.sent.append(width_m)
        return state(min(width_m, self.opens_to_m))

    def grip_part(self, width_m: float, force_n: float) -> "Opening":
        return Opening(state(min(width_m, self.opens_to_m)))

    def follow(self, trajectory: object, should_stop: object, beside: object = None) -> TrackingReport:
        self.sent += [trajectory] if beside is None else [beside, trajectory]
        self.left -= 1
        return TrackingReport(0.01, 0.001, interrupted=self.left < 0)


def a_plan(passed: bool = True) -> GraspPlan:
    """Five motions, each another, sealed as the gate seals what it passes."""
    motions = {p: JointTrajectory(np.array([0.0, 1.0]), np.full((2, 6), 0.1 * k)) for k, p in enumerate(Phase)}
    seal = seal_of("left", motions, np.eye(4), 0.08, {"left": np.zeros(6)})
    gate, merits = GateReport(passed, (), 1, 0.02, seal), Merits(0.9, 5.0, 0.02, 0.2, 0.4, 0.0)
    return GraspPlan("left", np.zeros(17), np.eye(4), 0.08, motions, gate, "ompl", 1, {"left": np.zeros(6)}, merits)


def lift(plan: GraspPlan, arm: StoppedArm, reports: dict[Phase, TrackingReport] | None = None) -> Lift:
    reports = {} if reports is None else reports
    return Execution(plan, arm, lambda: False, reports.__setitem__).lift()  # type: ignore[arg-type]


@pytest.mark.parametrize("stopped_in", [0, 1, 2])
def test_an_arm_that_never_lifted_gives_nothing_to_verify_but_how_it_moved(stopped_in: int) -> None:
    reports: dict[Phase, TrackingReport] = {}
    with pytest.raises(MotionStopped):
        lift(a_plan(), StoppedArm(stopped_in), reports)
    assert list(reports) == [Phase.TRANSIT, Phase.APPROACH, Phase.LIFT][: stopped_in + 1]


def test_fingers_that_do_not_open_never_come_down_on_the_object() -> None:
    arm, plan = StoppedArm(opens_to_m=0.05), a_plan()
    with pytest.raises(ArmError, match="opened to 50 mm, not to 80 mm"):
        lift(plan, arm)
    assert arm.sent == [0.08]
    on_the_way = Execution(plan, arm, lambda: False, lambda *_: None, opens_on_way=True)  # type: ignore[arg-type]
    with pytest.raises(ArmError, match="opened to 50 mm, not to 80 mm"):
        on_the_way.lift()
    assert isinstance(arm.sent[1], Opening) and arm.sent[2:] == [plan.motions[Phase.TRANSIT]]


@pytest.mark.parametrize(
    "changes",
    [
        {"pre_open_m": 0.09},
        {"arm": "right"},
        {"T_world_tcp": np.diag([1.0, -1.0, -1.0, 1.0])},
        {"measured_rad": {"left": np.full(6, 0.1)}},
        {"motions": dict(reversed(a_plan().motions.items())) | {Phase.LIFT: a_plan().motions[Phase.PLACE]}},
        {"gate": replace(a_plan().gate, seal="")},
        {"gate": replace(a_plan().gate, passed=False)},
        {"gate": GateReport(True, (), 1, 0.02)},
    ],
)
def test_a_plan_that_is_not_what_the_gate_passed_is_not_sent(changes: dict[str, Any]) -> None:
    arm = StoppedArm()
    with pytest.raises(PlanningError, match="not the one that the gate passed"):
        lift(replace(a_plan(), **changes), arm)
    assert arm.sent == []


def test_nobody_writes_to_what_the_gate_passed() -> None:
    plan = a_plan()
    motion = plan.motions[Phase.TRANSIT]
    with pytest.raises(TypeError):
        plan.motions[Phase.TRANSIT] = motion  # type: ignore[index]
    with pytest.raises(TypeError):
        plan.measured_rad["left"] = np.ones(6)  # type: ignore[index]
    for array in (motion.times_s, motion.positions_rad, plan.T_world_tcp, plan.measured_rad["left"]):
        with pytest.raises(ValueError):
            array[...] = 1.0
        with pytest.raises(ValueError):
            array.flags.writeable = True
    assert plan.is_sealed


def test_a_motion_changed_by_force_is_found_before_it_is_sent() -> None:
    plan, arm = a_plan(), StoppedArm()
    follow = arm.follow

    def change_the_next(trajectory: object, should_stop: object, beside: object) -> TrackingReport:
        object.__setattr__(plan.motions[Phase.APPROACH], "positions_rad", np.ones((2, 6)))
        return follow(trajectory, should_stop, beside)

    arm.follow = change_the_next  # type: ignore[method-assign]
    with pytest.raises(PlanningError, match="changed since"):
        lift(plan, arm)
    assert arm.sent == [0.08, plan.motions[Phase.TRANSIT]]
