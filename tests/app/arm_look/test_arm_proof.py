"""Arms that show themselves to the camera before a session's first motion near anything."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.arm_look import arm_proof
from app.arm_look.arm_proof import ArmProof
from app.console import Console
from app.question import Question, Reply
from app.run import live_trial
from app.run.look import Looker
from calibration.looks.arm_look import ArmLook, plan_look
from calibration.looks.shared_look import SharedLook, share
from core.errors import ArmError, CalibrationError, CameraError, PlanningError
from grasping.grasp_set import empty_grasps
from hardware.arms.arm import measured_joints
from hardware.robot.description import PARK_JOINTS
from hardware.simulation.zero_offset import FORCED_RAD, forced_joint
from perception.table.locate import locate_table
from tests.support.drawn_cell import CELL, poses_of
from tests.support.quick_cell import QuickCell
from tests.support.sessions.quick_session import SCENE, QuickSession
from trials.record import Outcome, Reason, TrialRecord

NOTHING = np.zeros((0, 3))


class Bench(QuickSession):
    """One in whose pictures arms are seen."""

    def __init__(self, folder: Path, **cell: object) -> None:
        super().__init__(folder, world=QuickCell(**cell))  # type: ignore[arg-type]
        self.draw_arms()
        self.proof = self.session.proof
        #: By arm, how many ways it was sent on to show itself.
        self.followed = dict.fromkeys(self.world.arms, 0)
        for name, arm in self.world.arms.items():
            arm.followed_part = self._counted(name, arm.followed_part)  # type: ignore[method-assign]

    def _counted(self, name, follow):
        def count_and_follow(*args):
            self.followed[name] += 1
            return follow(*args)

        return count_and_follow

    @property
    def row(self) -> TrialRecord:
        (row,) = self.store.list()
        return row

    def look_at_rest(self, proof: ArmProof | None = None):
        frame = self.session.looker.read()
        view = locate_table(frame, CELL)
        (proof or self.proof).look_at_rest(frame, view.T_camera_world)
        return view

    def look(self, *arms: str) -> SharedLook:
        joints_rad = measured_joints(self.world.arms)
        (look,) = share([plan_look(CELL, arm, poses_of(arm), joints_rad, 0.0, NOTHING) for arm in arms])
        return look

    def assert_parked(self) -> None:
        for arm in self.world.arms.values():
            np.testing.assert_allclose(arm.state().joints_rad, PARK_JOINTS, atol=np.deg2rad(0.5))


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setenv("VITRO_HOME", str(tmp_path))
    monkeypatch.setattr(live_trial, "PICTURE_VALID_S", 3600.0)  # however busy the machine is
    with closing(Bench(tmp_path)) as made:
        yield made


def test_an_arm_whose_forearm_was_forced_is_found_before_it_comes_near_anything(tmp_path: Path) -> None:
    forced_rad = forced_joint(3, FORCED_RAD)
    with closing(Bench(tmp_path, forced_rad=dict.fromkeys(CELL.arms, forced_rad))) as bench:
        bench.assert_parked()
        with pytest.raises(ArmError, match="joint 4"):
            bench.session.run_scene("diffuse", SCENE, 1)
        row = bench.row
        assert (row.outcome, row.reason) == (Outcome.INTERRUPTED, Reason.ARM)  # it showed itself: something moved
        assert "joint 4" in row.notes["arms_seen"]["right"] + row.notes["arms_seen"]["left"]
        bench.assert_parked()


@pytest.mark.slow
def test_a_session_goes_on_where_a_picture_tells_nothing_of_the_arms_and_its_row_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_trial, "PICTURE_VALID_S", 3600.0)  # however busy the machine is
    with closing(QuickSession(tmp_path)) as quick:  # its pictures show no arms
        quick.operator.skips_arm_check = False
        quick.session.run_scene("diffuse", SCENE, 1)
        (row,) = quick.rows
        assert row.outcome is Outcome.SUCCESS
        assert set(row.notes["arms_seen"]) == set(CELL.arms)
        assert not any("stands as it says" in told for told in row.notes["arms_seen"].values())


def test_the_person_is_told_before_and_what_changes_meanwhile_is_not_reached_into(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    show = ArmProof.show

    def answer(_: Console, question: Question) -> Reply:
        asked.append(question.text)
        assert not any(bench.followed.values())
        return Reply("y")

    def show_and_take_away(proof: ArmProof, look: SharedLook, T_camera_world) -> None:
        show(proof, look, T_camera_world)
        bench.world._physics.load(())

    bench.operator.assume_yes = False
    monkeypatch.setattr(Console, "ask", answer)
    monkeypatch.setattr("app.labels.labelling.Labelling.label", lambda *_: None)
    monkeypatch.setattr(ArmProof, "show", show_and_take_away)
    (trial,) = bench.session.run_scene("diffuse", SCENE, 1)
    assert f"First the {trial.plan.arm} arm shows itself to the camera" in asked[0]
    assert "joints seen" in bench.row.notes["arms_seen"][trial.plan.arm]
    # The picture was young: that an arm was out is reason enough to look again.
    assert trial.reason is Reason.OPERATOR and "not as it was" in trial.message
    assert bench.followed[trial.plan.arm] == 2  # out and back
    bench.assert_parked()


@pytest.mark.slow
def test_an_arm_that_does_not_follow_while_it_shows_itself_has_moved(bench: Bench) -> None:
    for arm in bench.world.arms:
        bench.world.faults(arm).deaf = True
    with pytest.raises(ArmError):
        bench.session.run_scene("diffuse", SCENE, 1)
    assert bench.row.outcome is Outcome.INTERRUPTED and not bench.row.notes.get("tracking_rad")


def test_all_that_was_completed_behind_what_is_seen_stands_in_the_way(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    view, met = bench.look_at_rest(), []

    def plan(cell, arm, poses_rad, measured_rad, width_m, points_m) -> ArmLook:
        met.append(points_m)
        raise PlanningError("None.", "None.")

    seen = np.array([[0.0, 0.0, 0.8], [np.nan, 0.0, 0.8]], np.float32)
    behind = np.array([[0.0, 0.0, 0.9]], np.float32)
    grasps = replace(
        empty_grasps("none", "none"),
        cloud_m=seen,
        labels=np.zeros(2, np.int32),
        completed_m=behind,
        completed_labels=np.zeros(1, np.int32),
    )
    monkeypatch.setattr(arm_proof, "plan_look", plan)
    assert bench.proof.plan(["left"], grasps, view, np.ones((1, 3))) == ()
    assert met[0].shape == (3, 3) and np.isfinite(met[0]).all()
    assert bench.proof.is_due("left")  # it is asked again before the next pick


@pytest.mark.slow
def test_a_picture_that_does_not_come_leaves_the_arm_due_and_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    view, look = bench.look_at_rest(), bench.look("left")

    def no_picture(*_: object) -> None:
        raise CameraError("No frame within 1 s.", "Check the cable.")

    with monkeypatch.context() as patch, pytest.raises(CameraError):
        patch.setattr(Looker, "picture", no_picture)
        bench.proof.show(look, view.T_camera_world)
    assert bench.proof.is_due("left") and bench.followed == {"left": 2, "right": 0}
    bench.assert_parked()


@pytest.mark.slow
def test_two_arms_at_once_take_no_longer_than_one_and_each_is_seen(bench: Bench) -> None:
    view, look, clock = bench.look_at_rest(), bench.look("left", "right"), bench.world.clock
    begun_s = clock.now_s()
    bench.proof.show(look, view.T_camera_world)
    assert clock.now_s() - begun_s < 2 * look.looks[0].out.way.duration_s + 2.0
    assert not any(bench.proof.is_due(arm) for arm in CELL.arms)
    assert all("joints seen: 1, 2, 3, 4, 5, 6" in said for said in bench.proof.said.values())
    bench.assert_parked()


@pytest.mark.slow
def test_of_two_arms_at_once_a_forced_one_lets_both_go_back(tmp_path: Path) -> None:
    with closing(Bench(tmp_path, forced_rad={"right": forced_joint(3, FORCED_RAD)})) as bench:
        view, look = bench.look_at_rest(), bench.look("left", "right")
        with pytest.raises(ArmError, match=r"right arm.*joint 4"):
            bench.proof.show(look, view.T_camera_world)
        assert bench.followed == {"left": 2, "right": 2} and bench.proof.is_due("left")
        bench.assert_parked()


@pytest.mark.parametrize("way", ["out", "back"])
def test_a_way_that_the_gate_did_not_pass_is_not_sent(bench: Bench, way: str) -> None:
    view, look = bench.look_at_rest(), bench.look("left")
    (one,) = look.looks
    motion = getattr(one, way)
    other = replace(motion, way=replace(motion.way, positions_rad=motion.way.positions_rad + 0.001))
    with pytest.raises(PlanningError, match="changed since"):
        bench.proof.show(replace(look, looks=(replace(one, **{way: other}),)), view.T_camera_world)
    assert bench.followed["left"] == 0


def test_a_foot_that_stands_elsewhere_than_calibrated_lets_nothing_move(bench: Bench) -> None:
    mount = CELL.arms["left"]
    x_m, y_m, z_m = mount.base_m
    elsewhere = mount.model_copy(update={"base_m": (x_m, y_m + 0.015, z_m)})
    cell = CELL.model_copy(update={"arms": {**CELL.arms, "left": elsewhere}})
    proof = ArmProof(bench.world, cell, bench.session.looker, bench.operator)
    with pytest.raises(CalibrationError, match="base of the left arm is seen about"):
        bench.look_at_rest(proof)
