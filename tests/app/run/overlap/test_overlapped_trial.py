"""One arm reaches while the other carries: two rows that know of each other, and one end for both where one fails."""

from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pytest

from app.clear_table import cycle_s
from app.console import Console
from app.events import Event, PhaseBegin
from app.interrupts import Interrupts
from app.paths import trial_folder
from app.question import Question, Reply
from app.run import look, session
from app.run.operator import Operator
from app.run.options import PipelineOptions
from app.run.overlap import carrying_trial, overlapped_trial
from app.run.overlap.carrying_trial import CarryingTrial
from app.run.pipeline import Pipeline
from app.run.session import Session
from app.run.trial_log import TrialLog
from app.trial_recording.messages import ERROR
from app.trial_recording.reader import read_recording
from app.trial_recording.recorder import RECORDING, TrialRecorder
from core.errors import ArmError, ConfigurationError, TrackingError, VitroError
from grasping.execution import is_holding
from grasping.planning.grasp_plan import GraspPlan, Phase
from grasping.planning.overlap.plan import OverlapPlan, plan_overlap
from grasping.planning.overlap.process import PlanningProcess
from hardware.robot.description import PARK_JOINTS
from tests.support.drawn_cell import CELL
from tests.support.quick_cell import QuickCell
from tests.support.sessions.quick_session import QuickSession
from trials.record import Outcome, Reason, TrialRecord
from trials.store import TrialStore
from trials.summary import counts

#: A can before the left arm, a jar before the right.
SCENE = 45


class PlannedHere:
    """Plans as a `PlanningProcess` does, when the answer is asked for: however busy the machine is, it is ready."""

    def __init__(self) -> None:
        self.asked: tuple[tuple, dict] | None = None

    def begin(self, *args: object, **options: object) -> None:
        self.asked = args, options

    def answer(self, carrying: GraspPlan, limit_s: float) -> OverlapPlan | None:
        (args, options), self.asked = self.asked or ((None,), {}), None
        return plan_overlap(*args, **options) if args[0] is carrying else None

    def close(self) -> None: ...


class Table(QuickSession):
    """A quick cell whose two objects are picked with overlap, its log, and what is to happen when a motion begins."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, Console(is_quiet=True), overlap=True)
        self.hooks = {}
        events = self.operator.console.events
        events.add(TrialRecorder(self.world, CELL, self.operator.console).hear)
        events.add(self._act)
        self.begun: list[tuple[str, str]] = []

    def _act(self, event: Event) -> None:
        if isinstance(event, PhaseBegin):
            self.begun.append((event.arm, event.phase))
            if len(self.begun) > 3:  # both arms move
                self.hooks.get(event.phase, lambda: None)()

    def clear(self) -> list[TrialRecord]:
        self.session.run_scene("diffuse", SCENE, 2, until_empty=True)
        return self.rows

    @property
    def carrying(self) -> str:
        return self.begun[0][0]

    def joints(self) -> dict[str, np.ndarray]:
        return {name: self.world._physics.plant(name).joints_rad() for name in self.world.arms}

    def assert_rests(self) -> None:
        with suppress(ArmError):
            self.world.clock.sleep(0.4)
        before = self.joints()
        self.world.clock.sleep(0.3)
        for name, joints in self.joints().items():
            np.testing.assert_allclose(joints, before[name], atol=np.deg2rad(0.2))


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Table]:
    monkeypatch.setenv("VITRO_HOME", str(tmp_path))
    for module in (carrying_trial, overlapped_trial):
        monkeypatch.setattr(module, "PICTURE_VALID_S", 3600.0)  # however busy the machine is
    monkeypatch.setattr(session, "PlanningProcess", PlannedHere)
    with closing(Table(tmp_path)) as made:
        yield made


@pytest.mark.slow
def test_both_objects_are_binned_from_one_picture_and_each_row_tells_of_the_other(table: Table) -> None:
    table.draw_arms()
    first, second = table.clear()
    for row in (first, second):
        assert (row.outcome, row.verified, row.simulator_verdict) == (Outcome.SUCCESS, True, True)
        assert row.notes["plan"]["gate"] == "passed" and set(row.notes["tracking_rad"]) == set(Phase)
    assert "in bin" in first.notes["simulator"] and "in bin" in second.notes["simulator"]
    assert table.world.objects_left() == 0
    assert (first.pick, second.pick) == (1, 2) and first.frame_digest == second.frame_digest
    told = second.notes["overlap"]
    assert (told["picture_of"], told["reached_beside"]) == (first.id, first.id)
    assert first.notes["overlap"]["cleared_beside"] == second.id
    # Both showed themselves before the first pick, and the picture was renewed after: nothing waited for that.
    assert all("joints seen" in seen for seen in first.notes["arms_seen"].values())
    # The second set out before the first was parked, and neither waited for the other's motions to end.
    order = [phase for _, phase in table.begun]
    assert order.index(Phase.TRANSIT, 3) < order.index(Phase.RETREAT)
    assert second.notes["objects_seen"] == 1
    # What was taken over took as long as it did, and is counted once.
    assert all(second.stages_s[stage] == first.stages_s[stage] > 0.0 for stage in ("locate", "scale", "detect"))
    assert cycle_s(second) < second.notes["motion_s"] + second.stages_s["plan"] + 0.01
    for row in (first, second):
        recording = read_recording(trial_folder(table.store.where, row.id) / RECORDING)
        assert recording.facts["trial"] == str(row.id) and recording.facts["outcome"] == "success"
    np.testing.assert_allclose(list(table.joints().values()), [PARK_JOINTS] * 2, atol=np.deg2rad(0.5))


@pytest.mark.slow
def test_what_comes_next_is_planned_in_another_process_and_what_is_ready_needs_no_time_to_plan(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ready(PlanningProcess):
        def begin(self, carrying: GraspPlan, *args: object, **options: object) -> None:
            assert self._connection.poll(120.0)
            super().begin(carrying, *args, **options)

        def answer(self, carrying: GraspPlan, limit_s: float) -> OverlapPlan | None:
            return super().answer(carrying, 120.0)

    monkeypatch.setattr(session, "PlanningProcess", Ready)
    left_s = {True: -1.0, False: 60.0}  # until the picture is too old, with and without planning once more
    monkeypatch.setattr(CarryingTrial, "_left_s", lambda self, *ahead: left_s["plan" in ahead])
    first, second = table.clear()
    assert second.notes["overlap"]["reached_beside"] == first.id
    assert (first.outcome, second.outcome) == (Outcome.SUCCESS, Outcome.SUCCESS)


@pytest.mark.slow
@pytest.mark.parametrize("why", [OSError("no more processes"), None])
def test_where_nothing_was_planned_beside_the_motion_it_is_planned_after_the_lift(
    table: Table, monkeypatch: pytest.MonkeyPatch, why: OSError | None
) -> None:
    def start() -> PlannedHere:
        if why is not None:
            raise why
        return PlannedHere()

    monkeypatch.setattr(session, "PlanningProcess", start)
    monkeypatch.setattr(PlannedHere, "answer", lambda *_: None)
    first, second = table.clear()
    assert second.notes["overlap"]["reached_beside"] == first.id


@pytest.mark.slow
def test_a_fault_of_one_arm_stops_both_and_leaves_both_rows_whole(table: Table) -> None:
    table.hooks[Phase.TRANSIT] = lambda: setattr(table.world.faults(table.carrying), "unplugged", True)
    with pytest.raises(ArmError, match="feedback is lost"):
        table.clear()
    table.assert_rests()
    first, second = table.rows
    assert (first.outcome, first.verified) == (Outcome.SUCCESS, True)  # lifted and verified before
    assert (second.outcome, second.reason) == (Outcome.INTERRUPTED, Reason.ARM)
    for row, stage in ((first, "clear"), (second, "execute")):
        assert row.finished is not None and "fault" in row.stages_s
        assert row.notes["faults"][0].startswith(f"{stage}: ")
        recording = read_recording(trial_folder(table.store.where, row.id) / RECORDING)
        assert any(line.name == stage and line.level == ERROR for _, line in recording.messages["/states"])


@pytest.mark.slow
def test_where_the_carrying_arm_is_blocked_the_trial_that_reached_beside_it_has_not_failed(table: Table) -> None:
    def block() -> None:
        table.world.arms[table.carrying]._guard.fault = TrackingError("It fell behind its command.", "Look.")

    table.hooks[Phase.TRANSIT] = block
    with pytest.raises(TrackingError) as failed:
        table.clear()
    assert failed.value.arm == table.carrying
    first, second = table.rows
    assert first.outcome is Outcome.SUCCESS and first.notes["faults"]
    assert second.outcome is Outcome.INTERRUPTED and not counts(second)


def test_a_wish_to_stop_holds_both_and_is_the_operators_in_both_rows(table: Table) -> None:
    table.hooks[Phase.PLACE] = lambda: setattr(table.interrupts, "stop_requested", True)
    with pytest.raises(KeyboardInterrupt):
        table.clear()
    table.assert_rests()
    first, second = table.rows
    assert first.outcome is Outcome.SUCCESS and "operator" in first.notes["faults"][0]
    assert (second.outcome, second.reason) == (Outcome.INTERRUPTED, Reason.OPERATOR)
    assert is_holding(table.world.arms[table.carrying].state())


def answers(table: Table, monkeypatch: pytest.MonkeyPatch, keys: str, meanwhile=lambda: None) -> list[Question]:
    """What is asked, of a person who answers so; meanwhile: before the second answer."""
    asked: list[Question] = []

    def answer(_: Console, question: Question) -> Reply:
        asked.append(question)
        if len(asked) == 2:
            meanwhile()
        return Reply(keys[len(asked) - 1])

    table.operator.assume_yes = False
    monkeypatch.setattr(Console, "ask", answer)
    monkeypatch.setattr("app.labels.labelling.Labelling.label", lambda *_: None)
    return asked


@pytest.mark.slow
def test_after_a_no_one_arm_carries_alone_as_the_key_says_and_the_other_is_asked_of_anew(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answers(table, monkeypatch, "ynn")
    first, second, third = table.clear()
    assert f"while the {table.carrying} one carries" in asked[1].text
    assert asked[1].choices["n"].endswith(f"waits, {table.carrying} carries alone")
    assert (first.outcome, second.outcome, second.reason) == (Outcome.SUCCESS, Outcome.REFUSED, Reason.OPERATOR)
    assert {arm for arm, _ in table.begun} == {table.carrying} and "in bin" in first.notes["simulator"]
    assert "overlap" not in first.notes
    assert "while" not in asked[2].text and third.reason is Reason.OPERATOR


def forget_the_picture(_: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlapped_trial, "PICTURE_VALID_S", 0.0)


def forget_the_plan(_: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "PLAN_VALID_S", 0.0)


def drop(table: Table, _: pytest.MonkeyPatch) -> None:
    physics = table.world._physics
    with physics.lock:
        for name in ("object0", "object1"):
            physics.data.qpos[physics.model.joint(name).qposadr[0]] += 1.0
    table.world.clock.sleep(1.0)


@pytest.mark.parametrize(
    ("key", "happens", "why"),
    [("n", forget_the_plan, "ago; nothing moves. The .* arm holds its object"), ("y", drop, "no longer holds")],
)
def test_an_arm_that_waited_for_an_answer_does_not_carry_on_whatever_became_of_the_cell(
    table: Table, monkeypatch: pytest.MonkeyPatch, key: str, happens, why: str
) -> None:
    answers(table, monkeypatch, f"y{key}", lambda: happens(table, monkeypatch))
    with pytest.raises(VitroError, match=why):
        table.clear()
    assert [phase for _, phase in table.begun] == [Phase.TRANSIT, Phase.APPROACH, Phase.LIFT]
    first, second = table.rows
    assert first.notes["faults"][0].startswith("clear: ")
    assert (second.outcome, second.reason) == (Outcome.REFUSED, Reason.OPERATOR)


@pytest.mark.slow
def test_an_answer_that_comes_too_late_for_the_picture_fails_nobody(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(table, monkeypatch, "yyn", lambda: forget_the_picture(table, monkeypatch))
    first, second, _ = table.clear()
    assert first.outcome is Outcome.SUCCESS and "in bin" in first.notes["simulator"]
    assert "too late" in second.detail and not counts(second)


def test_a_cell_of_one_arm_is_told_that_it_needs_two(tmp_path: Path) -> None:
    cell = CELL.model_copy(update={"arms": {"left": CELL.arms["left"]}})
    with closing(QuickCell(cell)) as world, TrialStore(tmp_path / "trials.db") as store:
        pipeline = Pipeline(cell, PipelineOptions(estimator="oracle"), world.truth)
        operator = Operator(Console(is_quiet=True), Interrupts(), assume_yes=True)
        with pytest.raises(ConfigurationError, match="two arms"):
            Session(world, pipeline, TrialLog(store), operator, overlap=True)
