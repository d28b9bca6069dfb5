"""What may follow what in a trial, and that nothing moves unchecked."""

from dataclasses import dataclass

import pytest
from statemachine.exceptions import TransitionNotAllowed

from app.run.state_machine import DIAGRAM, TrialMachine, diagram

BEFORE_MOTION = ("capture", "locate", "estimate", "scale", "detect", "plan", "approve")


@dataclass
class Model:
    gate_passed: bool = True
    approved: bool = True
    may_move: bool = True
    may_retry: bool = True
    state: str | None = None


def machine_at(stage: str, model: Model | None = None) -> TrialMachine:
    machine = TrialMachine(model or Model())
    while machine.stage != stage:
        machine.advance()
    return machine


def test_a_trial_passes_every_stage_in_order_and_returns_to_idle() -> None:
    machine = TrialMachine(Model())
    seen = []
    for _ in range(12):
        machine.advance()
        seen.append(machine.stage)
        if machine.stage == "idle":
            break
    assert seen == [*BEFORE_MOTION, "execute", "verify", "clear", "log", "idle"]


@pytest.mark.parametrize("missing", ["gate_passed", "approved", "may_move"])
def test_nothing_moves_without_gate_approval_and_a_live_calibrated_cell(missing: str) -> None:
    machine = machine_at("approve", Model(**{missing: False}))
    with pytest.raises(TransitionNotAllowed):
        machine.advance()
    assert machine.stage == "approve"


@pytest.mark.parametrize("stage", BEFORE_MOTION)
def test_every_stage_before_motion_can_refuse_straight_to_the_log(stage: str) -> None:
    machine = machine_at(stage)
    machine.refuse()
    assert machine.stage == "log"


@pytest.mark.parametrize("stage", ["execute", "verify", "clear"])
def test_a_fault_in_motion_goes_through_fault_to_the_log(stage: str) -> None:
    machine = machine_at(stage)
    assert machine.is_moving
    machine.break_off()
    assert machine.stage == "fault"
    machine.advance()
    assert machine.stage == "log"


@pytest.mark.parametrize("stage", ["clear", "detect", "plan"])
def test_another_attempt_begins_with_a_picture_and_only_where_it_may(stage: str) -> None:
    machine = machine_at(stage)
    machine.retry()
    assert machine.stage == "capture"
    machine = machine_at(stage, Model(may_retry=False))
    with pytest.raises(TransitionNotAllowed):
        machine.retry()


@pytest.mark.parametrize("stage", sorted({*BEFORE_MOTION, "execute", "verify", "fault", "log"} - {"detect", "plan"}))
def test_no_other_stage_leads_to_another_attempt(stage: str) -> None:
    machine = machine_at(stage) if stage != "fault" else machine_at("execute")
    if stage == "fault":
        machine.break_off()
    with pytest.raises(TransitionNotAllowed):
        machine.retry()


def test_only_approval_leads_into_motion() -> None:
    moving = {"execute", "verify", "clear"}
    entries = {
        (t.source.id, t.target.id)
        for state in TrialMachine.states
        for t in state.transitions
        if t.target.id in moving and t.source.id not in moving
    }
    assert entries == {("approve", "execute")}


def test_the_documented_diagram_is_the_one_in_the_code() -> None:
    assert DIAGRAM.read_text() == diagram()
