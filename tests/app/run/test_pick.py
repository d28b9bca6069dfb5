"""Held or not, told from the gripper alone."""

import numpy as np
import pytest

from app.run.pick import Pick, verify
from hardware.arms.arm import ArmState
from trials.outcome import Reason


def state(width_m: float, effort_nm: float = 1.0) -> ArmState:
    return ArmState(np.zeros(6), width_m, effort_nm, True, False, (), 0.0)


@pytest.mark.parametrize("width_m", [0.006, 0.03, 0.09])
def test_fingers_that_stay_apart_on_the_way_up_hold_something(width_m: float) -> None:
    assert verify(Pick(closed=state(width_m), lifted=state(width_m - 0.0005))).held


def test_fingers_that_meet_hold_nothing() -> None:
    verdict = verify(Pick(closed=state(0.0005), lifted=state(0.0005)))
    assert not verdict.held and verdict.reason == Reason.EMPTY


def test_fingers_that_meet_on_the_way_up_have_lost_it() -> None:
    verdict = verify(Pick(closed=state(0.03), lifted=state(0.0)))
    assert not verdict.held and verdict.reason == Reason.SLIP


def test_an_object_that_turned_in_the_hand_is_held_while_it_presses_back() -> None:
    assert verify(Pick(closed=state(0.0193), lifted=state(0.0088))).held


@pytest.mark.parametrize(("closed_nm", "lifted_nm", "reason"), [(0.0, 0.0, Reason.EMPTY), (1.0, 0.0, Reason.SLIP)])
def test_fingers_that_press_on_nothing_hold_nothing_however_wide_they_stand(
    closed_nm: float, lifted_nm: float, reason: Reason
) -> None:
    verdict = verify(Pick(closed=state(0.03, closed_nm), lifted=state(0.03, lifted_nm)))
    assert not verdict.held and verdict.reason == reason


def test_an_arm_that_never_lifted_holds_nothing() -> None:
    assert not verify(Pick(closed=state(0.03))).held
