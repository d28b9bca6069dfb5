"""An arm before the camera goes back to its parked pose at a person's word, by a way that the gate passed."""

from pathlib import Path

import numpy as np
import pytest

from app.arm_look import parking
from app.arm_look.parking import clear_view
from app.console import Console
from app.question import Question, Reply
from core.errors import PlanningError
from hardware.arms.arm import measured_joints
from hardware.robot.description import PARK_JOINTS
from tests.app.run.test_look import ASIDE_RAD, HALF_RAD, MIRROR, session
from tests.support.drawn_cell import CELL


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
