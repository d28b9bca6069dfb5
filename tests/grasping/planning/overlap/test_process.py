"""The next pick planned in a process of its own, while arms move in this one."""

import logging
import os
import pickle
import signal
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest

from core.errors import PlanningError
from grasping.grasp_set import OBJECT
from grasping.planning.grasp_plan import GraspPlan, Phase
from grasping.planning.overlap.plan import OverlapPlan
from grasping.planning.overlap.process import PlanningProcess
from grasping.planning.planner import plan_grasp
from tests.support.scenes.overlap import SCENE, lifted, overlap_with
from tests.support.scenes.planning import CELL, PARKED, table_view

LIMIT_S = 120.0


@pytest.fixture
def process() -> Iterator[PlanningProcess]:
    """One that a test may end."""
    with closing(PlanningProcess()) as made:
        assert made._connection.poll(LIMIT_S)
        yield made


@pytest.fixture(scope="module")
def shared_process() -> Iterator[PlanningProcess]:
    """One that all tests share which leave it idle: starting it takes longer than planning."""
    with closing(PlanningProcess()) as made:
        assert made._connection.poll(LIMIT_S)
        yield made


def begin(process: PlanningProcess, carrying: GraspPlan, taken: tuple[int, ...] = ()) -> None:
    here, nothing = lifted(carrying), np.zeros((0, 3))
    taken = (*taken, int(carrying.row[OBJECT]))
    options = {"planner": "ompl", "seed": 0, "speed": 1.0, "budget_s": 60.0}
    process.begin(carrying, taken, SCENE, table_view(), CELL, here, nothing, **options)


@pytest.mark.slow
def test_what_it_answers_is_what_is_planned_here_and_the_gate_passes_it_here(
    shared_process: PlanningProcess, carrying: GraspPlan
) -> None:
    begin(shared_process, carrying)
    found, here = shared_process.answer(carrying, LIMIT_S), overlap_with(carrying)
    assert isinstance(found, OverlapPlan) and found.is_sealed
    assert (found.reaching.arm, found.delay_s) == (here.reaching.arm, here.delay_s)
    np.testing.assert_array_equal(found.reaching.row, here.reaching.row)
    off_rad = {name: joints + np.deg2rad(0.3) for name, joints in lifted(carrying).items()}
    again = found.checked_again(CELL, off_rad)
    assert again.is_sealed and again.gate.checked_s > found.gate.checked_s
    np.testing.assert_array_equal(again.measured_rad["left"], off_rad["left"])
    assert shared_process.answer(carrying, 0.0) is None  # it was had


def test_where_the_arms_came_to_rest_elsewhere_it_is_refused(carrying: GraspPlan) -> None:
    overlap = overlap_with(carrying)
    for arm in CELL.arms:
        elsewhere = lifted(carrying) | {arm: lifted(carrying)[arm] + np.deg2rad(2.0)}
        with pytest.raises(PlanningError, match="stopped by the gate"):
            overlap.checked_again(CELL, elsewhere)


def test_a_reason_why_there_is_none_is_an_answer(shared_process: PlanningProcess, carrying: GraspPlan) -> None:
    begin(shared_process, carrying, taken=(0, 1, 2))
    with pytest.raises(PlanningError, match="far enough"):
        shared_process.answer(carrying, LIMIT_S)


def test_what_was_begun_beside_another_plan_is_no_answer(shared_process: PlanningProcess, carrying: GraspPlan) -> None:
    begin(shared_process, carrying)
    another = SCENE[np.flatnonzero(SCENE.rows[:, OBJECT] == 1)]
    other = plan_grasp(another, table_view(), CELL, PARKED, budget_s=60, arms=set(CELL.arms) - {carrying.arm})
    assert shared_process.answer(other, LIMIT_S) is None
    assert shared_process._connection.poll(LIMIT_S)  # done with what nobody asks for
    begin(shared_process, other)
    found = shared_process.answer(other, LIMIT_S)
    assert found is not None and found.carrying.arm == other.arm


@pytest.mark.parametrize("end", [lambda process: process.close(), lambda process: process._process.kill()])
def test_one_that_ended_gives_no_answer_and_no_error(process: PlanningProcess, carrying: GraspPlan, end) -> None:
    begin(process, carrying)
    end(process)
    process._process.join()
    assert process.answer(carrying, 1.0) is None
    begin(process, carrying)
    assert process.answer(carrying, 1.0) is None


def test_an_answer_that_does_not_come_in_time_is_given_up(process: PlanningProcess, carrying: GraspPlan) -> None:
    begin(process, carrying)
    assert process.answer(carrying, 0.0) is None
    assert not process._process.is_alive()


def test_a_ctrl_c_while_it_starts_is_no_concern_of_its() -> None:
    with closing(PlanningProcess()) as process:
        for _ in range(50):
            os.kill(process._process.pid or 0, signal.SIGINT)
            process._connection.poll(0.02)
        assert process._connection.poll(LIMIT_S) and process._connection.recv() is True


def test_what_cannot_be_sent_is_said_in_the_log_and_planned_elsewhere(
    shared_process: PlanningProcess, carrying: GraspPlan, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        shared_process.begin(carrying, lambda: None)
    assert "cannot be asked" in caplog.text
    assert shared_process.answer(carrying, 1.0) is None
    begin(shared_process, carrying)  # it is none the worse for it
    assert isinstance(shared_process.answer(carrying, LIMIT_S), OverlapPlan)


def test_a_plan_that_came_from_another_process_is_sealed_and_nobody_can_write_to_it(carrying: GraspPlan) -> None:
    copy = pickle.loads(pickle.dumps(carrying))
    assert copy.is_sealed and copy.gate == carrying.gate
    with pytest.raises(ValueError, match="read-only"):
        copy.motions[Phase.PLACE].positions_rad[0, 0] = 0.0
    with pytest.raises(TypeError):
        copy.motions[Phase.PLACE] = copy.motions[Phase.LIFT]
