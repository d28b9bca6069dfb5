"""An arm before the camera goes back to its parked pose at a person's word, by a way that the gate passed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.arm_look import parking
from app.arm_look.parking import clear_view
from app.console import Console
from app.question import Question, Reply
from calibration.poses import BoardScene
from core.cell_parts import Fixture
from core.errors import PlanningError
from hardware.arms.arm import measured_joints
from hardware.robot.description import PARK_JOINTS
from hardware.robot.kinematics import forward_kinematics
from hardware.simulation.sim_camera import cell_intrinsics
from tests.app.run.test_look import ASIDE_RAD, HALF_RAD, MIRROR, session
from tests.support.drawn_cell import CELL

LOW_RAD = np.array([-0.3, 2.16, -1.03, 0.0, 0.47, -0.1])


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    questions: list[str] = []

    def answer(_: Console, question: Question) -> Reply:
        questions.append(question.text)
        return Reply("p")

    monkeypatch.setattr(Console, "ask", answer)
    return questions


@pytest.mark.slow
def test_each_of_two_arms_is_asked_for_and_parked_and_the_picture_may_be_taken(
    tmp_path: Path, asked: list[str]
) -> None:
    with session(tmp_path, left=HALF_RAD, right=HALF_RAD * MIRROR) as quick:
        quick.operator.assume_yes = False
        clear_view(quick.world, CELL, quick.operator)
        assert ["left arm hides" in asked[0], "right arm hides" in asked[1]] == [True, True]
        for joints_rad in measured_joints(quick.world.arms).values():
            np.testing.assert_allclose(joints_rad, PARK_JOINTS, atol=np.deg2rad(0.5))
        assert quick.session.looker.read().number == 1


def test_an_arm_stopped_low_over_the_table_with_open_fingers_goes_back_too(tmp_path: Path, asked: list[str]) -> None:
    """As Ctrl-C in an approach leaves it; the gate takes the fingers to be as far apart as they are."""
    with session(tmp_path, left=LOW_RAD) as quick:
        quick.operator.assume_yes, arm = False, quick.world.arms["left"]
        assert 0.01 < (CELL.arms["left"].T_world_base @ forward_kinematics(LOW_RAD))[2, 3] < 0.04
        arm.grip(0.06, 1.0)
        clear_view(quick.world, CELL, quick.operator)
        assert len(asked) == 1
        np.testing.assert_allclose(arm.state().joints_rad, PARK_JOINTS, atol=np.deg2rad(0.5))


def test_the_way_of_open_fingers_is_judged_with_open_fingers() -> None:
    """A post beside the fingertips, where closed ones pass."""
    joints_rad = {"left": np.array([-0.694, 1.384, -1.067, 0.011, 1.135, -0.053]), "right": PARK_JOINTS}
    T_world_tcp = CELL.arms["left"].T_world_base @ forward_kinematics(joints_rad["left"])
    tip_m = (T_world_tcp @ [0.0, 0.045, 0.0, 1.0])[:3]
    post = Fixture(name="post", center_m=tuple(tip_m[:2]), size_m=(0.014, 0.014, float(tip_m[2])))
    cell, T_world_camera = CELL.model_copy(update={"fixtures": (post,)}), CELL.camera.T_world_camera
    closed = BoardScene(cell, "left", None, cell_intrinsics(CELL), T_world_camera, joints_rad)
    wide = replace(closed, width_m=0.07)
    assert closed.checker().all_free(joints_rad["left"]) and not wide.checker().all_free(joints_rad["left"])


def test_nobody_is_asked_for_an_arm_out_of_the_view_and_it_stays(tmp_path: Path, asked: list[str]) -> None:
    with session(tmp_path, left=ASIDE_RAD) as quick:
        quick.operator.assume_yes = False
        before = measured_joints(quick.world.arms)
        clear_view(quick.world, CELL, quick.operator)
        assert not asked
        np.testing.assert_allclose(quick.world.arms["left"].state().joints_rad, before["left"], atol=1e-3)


@pytest.mark.parametrize("case", ["yes", "quit", "no way"])
def test_without_a_persons_word_or_a_way_the_arm_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    def no_way(*_: object, **__: object) -> None:
        raise PlanningError("No free way.", "None.")

    with session(tmp_path, left=HALF_RAD) as quick:
        quick.operator.assume_yes, before = case == "yes", measured_joints(quick.world.arms)
        monkeypatch.setattr(Console, "ask", lambda *_: Reply("q"))
        if case == "no way":
            monkeypatch.setattr(parking, "plan_move", no_way)
        if case == "quit":
            with pytest.raises(KeyboardInterrupt):
                clear_view(quick.world, CELL, quick.operator)
        else:
            clear_view(quick.world, CELL, quick.operator)
        quick.world.clock.sleep(0.1)
        np.testing.assert_allclose(quick.world.arms["left"].state().joints_rad, before["left"], atol=1e-3)
