"""Whole trials: what is logged, what moves and what does not, fault by fault and phase by phase."""

import json
import signal
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.console import Console
from app.labels.labelling import Labelling
from app.paths import trial_folder
from app.question import Question, Reply
from app.run import command, live_trial, operator, station, trial_log
from app.run.options import RunOptions
from app.run.pipeline import Pipeline
from app.run.trial import Trial
from app.trial_recording.frame_digests import require_same_frames
from app.trial_recording.software import software_version
from core.errors import (
    ArmError,
    CalibrationError,
    CameraError,
    ConfigurationError,
    DeadlineError,
    GripperError,
    PerceptionError,
    PlanningError,
    StorageError,
    VitroError,
)
from core.surfaces import Surface
from grasping.execution import is_holding
from grasping.grasp_set import empty_grasps
from grasping.planning.grasp_plan import Phase
from grasping.planning.motion_planner import NoPlanError
from hardware.robot.description import PARK_JOINTS
from tests.support.quick_cell import QuickCell
from tests.support.sessions.quick_session import SCENE, Bench, at_stage
from trials.label import SIMULATOR, LabelValue
from trials.record import Outcome, Reason
from trials.store import TrialStore
from trials.summary import Proportion, counts, summarise


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VITRO_HOME", str(tmp_path))
    # On a busy machine any picture is old by the time the arm may move; what then happens has its own tests.
    monkeypatch.setattr(live_trial, "PICTURE_VALID_S", 3600.0)
    with closing(Bench(tmp_path)) as bench:
        yield bench


def assert_unmoved(bench: Bench, before: dict[str, np.ndarray]) -> None:
    for name, joints in bench.joints().items():
        np.testing.assert_allclose(joints, before[name], atol=np.deg2rad(0.2))


def test_a_trial_lifts_the_object_bins_it_and_logs_every_stage_before_what_follows(bench: Bench) -> None:
    seen = {}
    for stage in ("execute", "clear"):
        at_stage(bench, stage, lambda trial, stage=stage: seen.update({stage: bench.row()}))
    trial, row = bench.run(), bench.row()
    assert (row.outcome, row.verified, row.simulator_verdict) == (Outcome.SUCCESS, True, True)
    assert {"capture", "locate", "estimate", "scale", "detect", "plan", "approve", "execute", "verify", "clear"} <= set(
        row.stages_s
    )
    assert row.notes["plan"]["gate"] == "passed"
    assert "in bin" in row.notes["simulator"]
    assert row.world == "digital cell" and row.estimator == "oracle (cheat)"
    assert max(report.final_error_rad for report in trial.tracking.values()) < np.deg2rad(0.2)
    # On disk before anything moves, and verified before the arm is cleared.
    assert seen["execute"].outcome is None
    assert (seen["clear"].outcome, seen["clear"].finished, seen["clear"].verified) == (Outcome.SUCCESS, None, True)
    assert row.finished is not None
    # What the hand measured, by which code, and on which frames.
    assert (row.width_m, row.effort_nm) == (trial.verification.width_m, trial.verification.effort_nm)
    assert row.width_m > 0.01 and row.effort_nm > 0.1
    assert row.software == software_version() and row.software[0].isdigit()
    require_same_frames([trial_folder(bench.store.where, row.id) / "frames"], row.frame_digest)


def test_a_trial_that_was_refused_keeps_its_frames_and_what_proves_them(bench: Bench) -> None:
    bench.world.camera.faults.covered = True
    with pytest.raises(CalibrationError):
        bench.run()
    folder = trial_folder(bench.store.where, bench.row().id)
    assert bench.row().frame_digest
    require_same_frames([folder / "frames"], bench.row().frame_digest)


@pytest.mark.parametrize("stage", ["execute", "clear"])
def test_a_bus_pulled_in_motion_leaves_the_arms_held_and_the_row_whole(bench: Bench, stage: str) -> None:
    def pull(trial: Trial) -> None:
        bench.world.faults(trial.plan.arm).unplugged = True

    at_stage(bench, stage, pull)
    with pytest.raises(ArmError):
        bench.run()
    row = bench.row()
    if stage == "execute":
        assert (row.outcome, row.reason) == (Outcome.INTERRUPTED, Reason.ARM)
    else:
        assert row.outcome == Outcome.SUCCESS  # it was lifted and verified before the bus went
    assert row.finished is not None and "fault" in row.stages_s


@pytest.mark.parametrize("stage", ["detect", "plan"])
def test_a_bus_pulled_before_motion_refuses_the_trial_and_nothing_moves(bench: Bench, stage: str) -> None:
    def pull(trial: Trial) -> None:
        bench.world.faults("left").unplugged = True
        bench.world.clock.sleep(0.5)  # it shows once the last feedback is stale

    before = bench.joints()
    at_stage(bench, stage, pull)
    with pytest.raises(ArmError):
        bench.run()
    row = bench.row()
    assert (row.outcome, row.reason) == (Outcome.REFUSED, Reason.ARM)
    np.testing.assert_allclose(bench.world._physics.plant("left").joints_rad(), before["left"], atol=1e-3)


def test_a_silent_camera_refuses_the_trial_and_ends_the_session(bench: Bench) -> None:
    bench.world.camera.faults.raises = CameraError("No frame within 1 s.", "Check the cable.")
    before = bench.joints()
    with pytest.raises(CameraError):
        bench.run()
    assert (bench.row().outcome, bench.row().reason) == (Outcome.REFUSED, Reason.CAMERA)
    assert_unmoved(bench, before)


def test_without_tags_in_view_nothing_moves(bench: Bench) -> None:
    bench.world.camera.faults.covered = True
    before = bench.joints()
    with pytest.raises(CalibrationError, match="AprilTag"):
        bench.run()
    assert (bench.row().outcome, bench.row().reason) == (Outcome.REFUSED, Reason.TABLE)
    assert_unmoved(bench, before)


def test_a_no_at_the_question_moves_nothing_and_is_logged(
    tmp_path: Path, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.operator.assume_yes = False
    monkeypatch.setattr(Console, "ask", lambda *args: Reply("n"))
    before = bench.joints()
    bench.run()
    assert (bench.row().outcome, bench.row().reason) == (Outcome.REFUSED, Reason.OPERATOR)
    assert_unmoved(bench, before)


def test_an_interrupt_before_the_first_step_sends_none_and_logs_the_operator(bench: Bench) -> None:
    before = bench.joints()
    at_stage(bench, "execute", lambda trial: setattr(bench.interrupts, "stop_requested", True))
    with pytest.raises(KeyboardInterrupt):
        bench.run()
    assert (bench.row().outcome, bench.row().reason) == (Outcome.INTERRUPTED, Reason.OPERATOR)
    assert_unmoved(bench, before)


def test_an_interrupt_on_the_way_stops_short_of_the_grasp_and_holds(bench: Bench) -> None:
    clock, polls = bench.world.clock, []

    def stop_soon() -> bool:
        polls.append(clock.now_s())
        return len(polls) > 60

    bench.interrupts.should_stop = stop_soon  # type: ignore[method-assign]
    before = bench.joints()
    with pytest.raises(KeyboardInterrupt):
        bench.run()
    assert (bench.row().outcome, bench.row().reason) == (Outcome.INTERRUPTED, Reason.OPERATOR)
    stopped = bench.joints()
    assert any(np.abs(stopped[name] - before[name]).max() > np.deg2rad(1) for name in stopped)
    clock.sleep(0.5)
    assert_unmoved(bench, stopped)


def test_what_a_hand_held_at_an_interrupt_is_let_go_only_into_another_hand(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_stage(bench, "clear", lambda trial: setattr(bench.interrupts, "stop_requested", True))
    with pytest.raises(KeyboardInterrupt):
        bench.run()
    (arm,) = [arm for arm in bench.world.arms.values() if is_holding(arm.state())]
    bench.interrupts.stop_requested, bench.actions = False, {}

    with pytest.raises(ArmError, match="may hold something") as refused:
        bench.run()
    assert "without --yes" in refused.value.remedy
    assert is_holding(arm.state())
    assert len(bench.ids) == 1

    def let_go_then_quit(console: Console, question: Question) -> Reply:
        asked.append(question.text)
        return Reply("o" if "o" in question.choices else "q")

    asked: list[str] = []
    bench.operator.assume_yes = False
    monkeypatch.setattr(Console, "ask", let_go_then_quit)
    with pytest.raises(KeyboardInterrupt):
        bench.run()
    assert "Support it with your hand" in asked[0]
    assert not is_holding(arm.state())


def test_two_interrupts_in_motion_stop_the_arm_now_and_are_the_operator_s(bench: Bench) -> None:
    def interrupt_twice(trial: Trial) -> None:
        follow = (arm := bench.world.arms[trial.plan.arm]).follow

        def follow_then_interrupt(trajectory, should_stop, beside=None):
            for _ in range(2):
                bench.interrupts._handle(signal.SIGINT, None)
            return follow(trajectory, should_stop)

        arm.follow = follow_then_interrupt

    at_stage(bench, "execute", interrupt_twice)
    with pytest.raises(KeyboardInterrupt):
        bench.run()
    assert (bench.row().outcome, bench.row().reason) == (Outcome.INTERRUPTED, Reason.OPERATOR)
    assert "emergency stop" in bench.row().detail


@pytest.mark.slow
def test_an_interrupt_after_the_last_motion_still_ends_the_session(bench: Bench) -> None:
    arms = bench.world.arms
    for arm in arms.values():
        follow = arm.follow

        def follow_then_interrupt(trajectory, should_stop, beside=None, follow=follow):
            report = follow(trajectory, should_stop)
            bench.interrupts.stop_requested |= Phase.RETREAT in bench_phase
            return report

        arm.follow = follow_then_interrupt
    bench_phase: set[Phase] = set()
    at_stage(bench, "clear", lambda trial: bench_phase.add(Phase.RETREAT))
    with pytest.raises(KeyboardInterrupt):
        bench.run()
    assert bench.row().outcome == Outcome.SUCCESS  # lifted and verified before the wish to stop
    assert any("operator" in fault for fault in bench.row().notes["faults"])
    (label,) = bench.store.labels(bench.row().id)
    assert (label.value, label.by) == (LabelValue.SUCCESS, SIMULATOR), "nobody would have been asked"


def test_an_approval_that_comes_too_late_moves_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.operator.assume_yes = False
    monkeypatch.setattr(Console, "ask", lambda *args: Reply("y"))
    monkeypatch.setattr(operator, "PLAN_VALID_S", 0.0)
    before = bench.joints()
    bench.run()
    assert (bench.row().outcome, bench.row().reason) == (Outcome.REFUSED, Reason.OPERATOR)
    assert_unmoved(bench, before)


def test_a_resting_arm_that_was_pushed_after_planning_stops_the_trial(bench: Bench) -> None:
    def push_the_other(trial: Trial) -> None:
        elsewhere = {name: q + 0.1 * (name != trial.plan.arm) for name, q in trial.plan.measured_rad.items()}
        object.__setattr__(trial.plan, "measured_rad", elsewhere)

    before = bench.joints()
    at_stage(bench, "execute", push_the_other)
    with pytest.raises(ArmError, match="moved"):
        bench.run()
    assert_unmoved(bench, before)


def test_a_disk_that_takes_no_pictures_lets_nothing_move(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "trials").write_text("a file where the pictures' folder should be")
    before = bench.joints()
    with pytest.raises(StorageError, match="cannot be written"):
        bench.run()
    assert bench.row().outcome == Outcome.REFUSED
    assert_unmoved(bench, before)


def test_a_programming_error_still_completes_the_row(bench: Bench) -> None:
    def break_down(trial: Trial) -> None:
        raise ZeroDivisionError("a bug")

    at_stage(bench, "scale", break_down)
    with pytest.raises(ZeroDivisionError):
        bench.run()
    assert (bench.row().outcome, bench.row().reason) == (Outcome.INTERRUPTED, Reason.CRASH)


def push_the_object(bench: Bench, sideways_m: float = 0.06, attempts: tuple[int, ...] = (1,)) -> None:
    """Moves the object aside, away from the arm that picks, when the plan of one of these attempts is carried out: the
    fingers close on nothing."""

    def push(trial: Trial) -> None:
        physics = bench.world._physics
        if len(trial.attempts) in attempts:
            assert trial.plan is not None
            away_m = sideways_m if trial.plan.arm == "right" else -sideways_m
            with physics.lock:
                physics.data.qpos[physics.model.joint("object0").qposadr[0] + 1] += away_m

    at_stage(bench, "execute", push)


def test_an_empty_grasp_is_followed_by_another_on_a_new_picture_and_both_are_logged(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push_the_object(bench)
    given, plan = [], Pipeline.plan
    monkeypatch.setattr(Pipeline, "plan", lambda *args: given.append(len(args[-1])) or plan(*args))
    in_bin_m = np.array([[*bench.world._cell.bin.center_m, 0.05]])
    at_stage(bench, "verify", lambda trial: bench.session.in_bin.add(in_bin_m))  # let go of by the other arm
    seen = []
    at_stage(bench, "locate", lambda trial: seen.append(bench.row()))
    trial = bench.run(attempts=3)
    assert given == [0, 1]
    # What the attempt before came to is on disk before the next moves.
    assert [(row.outcome, row.attempts, row.first_outcome) for row in seen] == [
        (None, 1, None),
        (None, 2, Outcome.FAILURE),
    ]  # and not settled while another attempt may follow
    row = bench.row()
    assert (row.outcome, row.attempts, row.verified, row.simulator_verdict) == (Outcome.SUCCESS, 2, True, True)
    assert (row.first_outcome, row.first_simulator_verdict) == (Outcome.FAILURE, False)
    first, second = row.notes["attempts"]
    assert (first["outcome"], first["reason"], first["simulator_verdict"]) == ("failure", "empty grasp", False)
    assert (second["outcome"], second["plan"]["gate"]) == ("success", "passed")
    assert second["plan"]["T_world_tcp"] != first["plan"]["T_world_tcp"]
    assert trial.frame.number > trial.earlier[0].frame.number
    folder = trial_folder(bench.store.where, row.id)
    assert (folder / "chosen.png").exists() and (folder / "attempt-2" / "chosen.png").exists()
    assert (folder / "attempt-2" / "frames").is_dir()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "ends"),
    [
        (NoPlanError("None of 9 grasps can be carried out.", "Move it nearer.", {}, ()), (Outcome.SUCCESS, 2)),
        (PlanningError("The planner gives no answer.", "See its log."), (Outcome.REFUSED, 1)),
    ],
)
def test_where_no_grasp_has_a_plan_another_picture_is_taken_and_not_where_a_planner_fails(
    bench: Bench, error: PlanningError, ends: tuple[Outcome, int]
) -> None:
    before = bench.joints()

    def fail_at_first(trial: Trial) -> None:
        assert_unmoved(bench, before)
        if len(trial.attempts) == 1:
            raise error

    at_stage(bench, "plan", fail_at_first)
    trial = bench.run(attempts=3)
    assert all(one.frame.number < trial.frame.number for one in trial.earlier)
    row = bench.row()
    assert (row.outcome, row.attempts, row.first_outcome) == (*ends, Outcome.REFUSED)


@pytest.mark.slow
def test_one_attempt_makes_no_second(bench: Bench) -> None:
    push_the_object(bench)
    seen = []
    at_stage(bench, "clear", lambda trial: seen.append(bench.row()))
    bench.run(attempts=1)
    row = bench.row()
    assert (row.outcome, row.reason, row.attempts) == (Outcome.FAILURE, Reason.EMPTY, 1)
    # As a success: on disk before the arm is cleared.
    assert [(one.outcome, one.reason, one.finished) for one in seen] == [(Outcome.FAILURE, Reason.EMPTY, None)]
    assert row.first_outcome is Outcome.FAILURE and "attempts" not in row.notes


@pytest.mark.slow
def test_another_attempt_is_asked_for_again_and_a_no_ends_the_trial(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.operator.assume_yes = False
    answers = iter("yn")
    monkeypatch.setattr(Console, "ask", lambda *args: Reply(next(answers)))
    push_the_object(bench)
    bench.run(attempts=3)
    row = bench.row()
    assert (row.outcome, row.reason) == (Outcome.INTERRUPTED, Reason.OPERATOR)
    assert (row.attempts, row.first_outcome) == (2, Outcome.FAILURE)


@pytest.mark.slow
def test_an_attempt_that_finds_nothing_leaves_the_failure_of_the_one_before(bench: Bench) -> None:
    def take_away(trial: Trial) -> None:
        bench.world._physics.load(())

    at_stage(bench, "execute", take_away)
    bench.run(attempts=3)
    row = bench.row()
    assert (row.outcome, row.reason, row.attempts) == (Outcome.FAILURE, Reason.EMPTY, 3)
    assert [attempt["outcome"] for attempt in row.notes["attempts"]] == ["failure", "refused", "refused"]
    assert "No grasp was found" in row.detail


@pytest.mark.slow
def test_a_scene_of_several_is_picked_from_until_nothing_is_left(bench: Bench) -> None:
    bench.run(SCENE, objects=2)
    rows = [bench.store.get(id) for id in bench.ids]
    assert [row.pick for row in rows] == [*range(1, len(rows) + 1)] and {row.objects for row in rows} == {2}
    assert {row.seed for row in rows} == {SCENE}
    assert [row.simulator_verdict for row in rows] == [row.outcome is Outcome.SUCCESS for row in rows]
    assert rows[-1].notes["later"]["scene_ended"] == "empty"
    assert bench.world.objects_left() == 0
    (summary,) = summarise(rows)
    assert summary.cleared == Proportion(2, 2)


def test_no_error_and_no_file_of_a_blind_trial_names_its_estimator(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(Console, "error", lambda _, error: told.append(f"{error} {error.cause} {error.remedy}"))

    def fail(*_) -> None:
        raise PerceptionError("oracle gives a map that is oracular.", "Try another than oracle.")

    monkeypatch.setattr(bench.session.pipeline, "detect", fail)
    session = replace(bench.session, shown="A")
    (trial,) = session.run_scene("diffuse", SCENE, 1)
    said = "A gives a map that is oracular. Try another than A."
    assert (trial.message, bench.row().detail) == (said, said) and told[0].startswith(said)
    assert trial.faults == (f"detect: {said}",) and "oracle" not in told[0]
    folder = trial_folder(bench.store.where, bench.row().id)
    assert json.loads((folder / "estimate" / "summary.json").read_text())["estimator"] == "A"
    assert bench.row().estimator == "oracle (cheat)"


def as_in_a_real_cell(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Nobody but the camera can tell what stands on the table; the trials that somebody is asked to label."""
    asked: list[int] = []
    monkeypatch.setattr(bench.world, "objects_left", lambda: None)
    monkeypatch.setattr(Labelling, "label", lambda _, record: asked.append(record.id) if counts(record) else None)
    return asked


@pytest.mark.slow
def test_a_table_that_nobody_counted_holds_what_was_lifted_from_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = as_in_a_real_cell(bench, monkeypatch)
    bench.session.run_scene("diffuse", SCENE, 2, until_empty=True)
    *picks, look = rows = [bench.store.get(id) for id in bench.ids]
    lifted = [one.id for one in picks if one.outcome is Outcome.SUCCESS]
    assert len(lifted) == 2 and {one.objects for one in rows} == {2} and len({one.scene_key for one in rows}) == 1
    assert (look.outcome, look.reason) == (Outcome.REFUSED, Reason.TABLE_EMPTY)
    assert look.notes["later"]["scene_ended"] == "nothing more is seen"
    assert asked == [one.id for one in picks]


@pytest.mark.slow
def test_an_object_that_is_left_on_a_table_that_nobody_counted_is_counted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_) -> None:
        raise PlanningError("No plan was found.", "Move it.")

    asked = as_in_a_real_cell(bench, monkeypatch)
    monkeypatch.setattr(bench.session.pipeline, "plan", refuse)
    bench.session.run_scene("diffuse", SCENE, 2, until_empty=True)
    rows = [bench.store.get(id) for id in bench.ids]
    assert [row.reason for row in rows] == [Reason.NO_PLAN, Reason.NO_PLAN] and asked == bench.ids
    assert {row.objects for row in rows} == {2}
    assert rows[-1].notes["later"]["scene_ended"] == "failures in a row"


def test_seeing_nothing_at_the_first_look_is_a_failure(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = as_in_a_real_cell(bench, monkeypatch)
    monkeypatch.setattr(bench.session.pipeline, "detect", lambda *_: empty_grasps("none", "nothing is seen"))
    bench.session.run_scene("diffuse", SCENE, 2, until_empty=True)
    (row,) = (bench.store.get(id) for id in bench.ids)
    assert (row.reason, row.objects) == (Reason.NO_GRASP, 1) and asked == [row.id]


@pytest.mark.slow
def test_two_failures_in_a_row_leave_the_rest_of_a_scene(bench: Bench) -> None:
    def refuse(trial: Trial) -> None:
        raise PlanningError("No grasp was found.", "Move it.")

    at_stage(bench, "detect", refuse)
    bench.run(objects=3)
    rows = [bench.store.get(id) for id in bench.ids]
    assert [row.reason for row in rows] == [Reason.NO_GRASP, Reason.NO_GRASP]
    assert rows[-1].notes["later"]["scene_ended"] == "failures in a row"
    assert summarise(rows)[0].cleared == Proportion(0, 3)


@pytest.mark.slow
def test_a_person_who_skips_a_scene_of_several_is_not_asked_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.operator.assume_yes = False
    monkeypatch.setattr(Console, "ask", lambda *args: Reply("n"))
    bench.run(objects=2)
    assert len(bench.ids) == 1
    assert summarise([bench.row()])[0].cleared.of == 0


@pytest.mark.parametrize("attempts", [1, 3])
def test_a_plan_that_was_changed_after_the_gate_moves_nothing(bench: Bench, attempts: int) -> None:
    def shift(trial: Trial) -> None:
        transit = trial.plan.motions[Phase.TRANSIT]
        object.__setattr__(transit, "positions_rad", transit.positions_rad + 0.001)

    before = bench.joints()
    at_stage(bench, "execute", shift)
    assert "changed since" in bench.run(attempts=attempts).message
    assert (bench.row().outcome, bench.row().reason) == (Outcome.INTERRUPTED, Reason.NO_PLAN)
    assert_unmoved(bench, before)


@pytest.mark.parametrize("looks", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_plan_that_the_gate_checked_too_long_ago_ends_one_trial_and_the_next_goes_on(
    bench: Bench, looks: int
) -> None:
    def find_none(trial: Trial) -> None:
        if len(trial.attempts) < looks:
            raise NoPlanError("None of 9 grasps can be carried out.", "Move it nearer.", {}, ())

    before = bench.joints()
    at_stage(bench, "plan", find_none)
    at_stage(bench, "execute", lambda trial: object.__setattr__(trial.plan.gate, "checked_s", -1e6))
    bench.run(attempts=3)
    assert (bench.row().outcome, bench.row().reason, bench.row().attempts) == (Outcome.REFUSED, Reason.NO_PLAN, looks)
    assert_unmoved(bench, before)
    bench.actions.clear()
    assert bench.run(attempts=3).outcome is Outcome.SUCCESS


def test_a_plan_that_starts_elsewhere_is_refused_by_the_arm_itself(bench: Bench) -> None:
    def shift(trial: Trial) -> None:
        follow = (arm := bench.world.arms[trial.plan.arm]).follow
        arm.follow = lambda t, stop, _: follow(replace(t, positions_rad=t.positions_rad + 0.1), stop)

    before = bench.joints()
    at_stage(bench, "execute", shift)
    with pytest.raises(ArmError):
        bench.run()
    assert (bench.row().outcome, bench.row().reason) == (Outcome.INTERRUPTED, Reason.ARM)
    assert_unmoved(bench, before)


def take_away(bench: Bench, *_: object) -> None:
    bench.world._physics.load(())


def cover_the_tags(bench: Bench, *_: object) -> None:
    bench.world.camera.faults.covered = True


@pytest.mark.slow
def test_on_an_old_picture_of_an_unchanged_scene_the_arm_moves(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_trial, "PICTURE_VALID_S", 0.0)
    trial = bench.run()
    assert trial.outcome is Outcome.SUCCESS and bench.session.looker._last.number == trial.frame.number + 2


@pytest.mark.parametrize(("change", "word"), [(take_away, "stands elsewhere"), (cover_the_tags, "no longer seen")])
def test_what_changed_since_an_old_picture_lets_nothing_move(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, change: Callable, word: str
) -> None:
    monkeypatch.setattr(live_trial, "PICTURE_VALID_S", 0.0)
    before = bench.joints()
    at_stage(bench, "approve", lambda trial: change(bench))
    bench.run()
    row = bench.row()
    assert (row.outcome, row.reason) == (Outcome.REFUSED, Reason.OPERATOR) and word in row.detail
    assert_unmoved(bench, before)


@pytest.mark.parametrize(
    ("late", "word"), [({"stamp_s": -100.0}, "stamped 10"), ({"stamp_s": np.nan}, "stamped"), ({}, "again")]
)
def test_a_picture_that_is_not_new_is_refused(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, late: dict, word: str
) -> None:
    camera, looker = bench.world.camera, bench.session.looker
    first, read = looker.read(), camera.read

    def again(timeout_s: float = 1.0):
        frame = read(timeout_s)
        return replace(frame, stamp_s=frame.stamp_s + late["stamp_s"]) if late else replace(frame, number=first.number)

    monkeypatch.setattr(camera, "read", again)
    with pytest.raises(CameraError, match=word):
        bench.run()
    assert (bench.row().outcome, bench.row().reason) == (Outcome.REFUSED, Reason.CAMERA)


def test_parts_that_fail_or_hang_end_a_trial_each_and_the_next_goes_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline, before = bench.session.pipeline, bench.joints()

    def run_with(part: str, broken: Callable) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(pipeline, part, broken)
            if broken is hang:  # the others have as long as a busy machine takes
                patch.setitem(pipeline.deadlines_s, "estimate", 2.0)
            bench.run()

    def wrong(*_: object) -> None:
        raise ValueError("no such frame")

    def hang(*_: object) -> None:
        time.sleep(3.0)

    for part, broken, reason in (
        ("estimate", wrong, Reason.DEPTH),
        ("estimate", hang, Reason.DEPTH),
        ("measure", lambda *_: np.zeros(3)[7], Reason.SCALE),
        ("detect", wrong, Reason.NO_GRASP),
        ("plan", wrong, Reason.NO_PLAN),
    ):
        run_with(part, broken)
        assert (bench.row().outcome, bench.row().reason) == (Outcome.REFUSED, reason)
    assert_unmoved(bench, before)
    assert bench.run().outcome is Outcome.SUCCESS


@pytest.mark.parametrize("kind", [ConfigurationError, DeadlineError])
@pytest.mark.parametrize("part", ["estimate", "measure", "detect", "plan"])
def test_equipment_that_is_gone_ends_the_session_and_counts_against_nobody(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, part: str, kind: type[VitroError]
) -> None:
    def gone(*_: object) -> None:
        raise kind("No server answers.", "Start it.")

    monkeypatch.setattr(bench.session.pipeline, part, gone)
    with pytest.raises(kind):
        bench.run(attempts=3, objects=2)
    row = bench.row()
    assert (row.outcome, row.reason, len(bench.ids)) == (Outcome.REFUSED, Reason.EQUIPMENT, 1)
    assert not counts(row) and "No server answers" in row.detail


def test_a_disk_that_fills_in_motion_ends_it_as_planned_and_the_row_is_tried_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(trial_log, "RETRY_EVERY_S", 0.01)
    fails = iter([True, True, False])
    write = TrialStore._update

    def full(store: TrialStore, record):
        if record.outcome is not None and next(fails):
            raise StorageError("The log cannot grow: the disk is full.", "Free space.")
        return write(store, record)

    monkeypatch.setattr(TrialStore, "_update", full)
    bench.run()
    assert bench.row().outcome is Outcome.SUCCESS and bench.row().finished is not None
    assert "kept in memory" in capsys.readouterr().err
    np.testing.assert_allclose(bench.joints()["right"], PARK_JOINTS, atol=np.deg2rad(1))


@pytest.mark.slow
def test_a_row_that_no_disk_takes_is_told_before_it_is_lost(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(store: TrialStore, record):
        raise StorageError("The log cannot grow: the disk is full.", "Free space.")

    monkeypatch.setattr(trial_log, "RETRY_S", 0.0)
    monkeypatch.setattr(TrialStore, "update", full)
    with pytest.raises(StorageError, match=r"Not written: trial 1, refused"):
        bench.run()


@pytest.mark.slow
def test_a_gripper_that_creeps_on_what_it_holds_is_lifted_and_judged(bench: Bench) -> None:
    for arm in bench.world.arms.values():
        grip = arm.grip

        def creep(width_m: float, force_n: float, grip=grip):
            state = grip(width_m, force_n)
            if width_m == 0.0:
                raise GripperError("The gripper does not come to rest.", "Look at it.")
            return state

        arm.grip = creep
    assert bench.run().outcome is Outcome.SUCCESS


@pytest.mark.slow
def test_a_gripper_that_does_not_open_ends_one_trial_before_anything_moves(bench: Bench) -> None:
    def jam(width_m: float, force_n: float) -> None:
        raise GripperError("The gripper does not come to rest.", "Look at it.")

    before = bench.joints()
    grips = {name: arm.grip for name, arm in bench.world.arms.items()}
    for arm in bench.world.arms.values():
        arm.grip = jam
    bench.run()
    assert bench.row().reason is Reason.ARM
    assert_unmoved(bench, before)
    for name, arm in bench.world.arms.items():
        arm.grip = grips[name]
    assert bench.run().outcome is Outcome.SUCCESS


def test_yes_alone_never_moves_real_arms(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VITRO_HOME", str(tmp_path))
    monkeypatch.setattr(station, "check_measured", lambda *_: None)
    options = RunOptions(surface=Surface.DIFFUSE, camera="d435", arms="piper", cell="sim", estimator="raw", yes=True)
    with pytest.raises(ConfigurationError, match="whether or not anybody watches") as caught:
        command.run_trials(options)
    assert "--unattended" in caught.value.remedy


def test_one_picture_that_does_not_come_ends_a_trial_and_two_in_a_row_end_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VITRO_HOME", str(tmp_path))
    worlds: list[QuickCell] = []

    def open_world(cell, camera, seed):
        worlds.append(QuickCell(cell, seed))
        worlds[0].camera.faults.raises = CameraError("No frame within 1 s.", "Check the cable.")
        return worlds[0]

    options = RunOptions(surface=Surface.DIFFUSE, estimator="raw", camera="sim", yes=True, headless=True, trials=5)
    with pytest.raises(CameraError):
        command.run_trials(options, open_world=open_world)
    with TrialStore(tmp_path / "trials.db") as store:
        assert [row.reason for row in store.list()] == [Reason.CAMERA, Reason.CAMERA]


PLANNER = """
from pathlib import Path
from grasping.planning.motion_planner import PlannerSpecification
from grasping.planning.motions import plan_motions

def prepare(cell):
    with Path(__file__).with_name("prepared").open("a") as file:
        file.write(cell.name)
    assert not Path(__file__).with_name("is_broken").exists(), "no licence"

PLANNER = PlannerSpecification("mine", "a lab's own", plan_motions, prepare=prepare)
"""


@pytest.mark.slow
def test_a_planner_is_ready_once_before_there_is_a_row(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VITRO_HOME", str(tmp_path))
    (tmp_path / "mine.py").write_text(PLANNER)
    options = RunOptions(
        surface=Surface.DIFFUSE, estimator="oracle", planner=str(tmp_path / "mine.py"), camera="sim", yes=True
    )
    options = replace(options, headless=True, attempts=1, seed=SCENE)
    (tmp_path / "is_broken").touch()
    with pytest.raises(PlanningError, match=r"mine\.py cannot be prepared: AssertionError in line \d+: no licence"):
        command.run_trials(options, open_world=lambda *_: pytest.fail("opened"))
    (tmp_path / "is_broken").unlink()
    (tmp_path / "prepared").unlink()
    with TrialStore(tmp_path / "trials.db") as store:
        assert store.count() == 0
        command.run_trials(options, open_world=lambda cell, camera, seed: QuickCell(cell, seed))
        (row,) = store.list()
    assert row.outcome is Outcome.SUCCESS and "mine.py" in row.planner
    assert (tmp_path / "prepared").read_text() == "sim"
    said = capsys.readouterr().out
    assert said.index("✓ prepare") < said.index("✓ open")
    digest = said[said.index("1 trial in") :]
    assert "success by simulator" in digest
