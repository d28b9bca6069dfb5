"""No picture of the scene while an arm stands before it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest

from core.errors import ArmError
from hardware.arms.arm import measured_joints
from hardware.robot.description import PARK_JOINTS
from tests.support.emulated_arm import path
from tests.support.quick_cell import QuickCell
from tests.support.sessions.quick_session import SCENE, QuickSession
from trials.record import Outcome, Reason

#: Low over the middle of the table; over the arm's own half of it; before the tags; out of sight beside the table.
OVER_RAD = np.array([-0.5, 2.0, -1.6, 0.0, 0.9, 0.0])
HALF_RAD = np.array([-0.2, 1.6, -1.2, 0.0, 0.9, 0.0])
REACHING_RAD = np.array([-0.2, 2.0, -1.2, 0.0, 0.8, 0.0])
ASIDE_RAD = np.array([1.2, 1.2, -1.0, 0.0, 0.5, 0.0])
MIRROR = np.array([-1.0, 1.0, 1.0, -1.0, 1.0, -1.0])


class StandingCell(QuickCell):
    """One whose arms were switched on where somebody left them: `stands_rad`, by arm; the others parked."""

    def __init__(self, stands_rad: dict[str, np.ndarray]) -> None:
        self._stands_rad = stands_rad
        super().__init__()

    def _emulator(self, name, channel, faults):
        if name in self._stands_rad:
            self._physics.load((), joints_rad={name: self._stands_rad[name]})
        return super()._emulator(name, channel, faults)


@contextmanager
def session(folder: Path, **stands_rad: np.ndarray) -> Iterator[QuickSession]:
    with closing(QuickSession(folder, world=StandingCell(stands_rad))) as made:
        yield made


@pytest.mark.parametrize(
    ("stands_rad", "said", "asked"),
    [
        ({"left": OVER_RAD}, r"the left arm hides 2\d% of where objects may lie", "whether the left arm may go"),
        ({"left": REACHING_RAD}, r"the left arm hides .* and tags 2, 4", "whether the left arm may go"),
        (
            {"left": HALF_RAD, "right": HALF_RAD * MIRROR},
            r"the left arm hides .* and tag 4; the right arm hides .* and tag 5",
            "whether the left and the right arms may go",
        ),
    ],
    ids=["one", "one before tags", "both"],
)
def test_arms_that_hide_the_table_are_named_before_a_picture_is_taken_and_nothing_moves(
    tmp_path: Path, stands_rad: dict[str, np.ndarray], said: str, asked: str
) -> None:
    with session(tmp_path, **stands_rad) as quick:
        before = measured_joints(quick.world.arms)
        with pytest.raises(ArmError, match=said) as refused:
            quick.session.run_scene("diffuse", SCENE, 1)
        assert asked in refused.value.remedy and "parked pose by hand" in refused.value.remedy
        assert quick.world.drawn._number == 0
        (row,) = quick.rows
        assert (row.outcome, row.reason) == (Outcome.REFUSED, Reason.ARM)
        assert refused.value.cause in row.detail and row.finished is not None
        quick.world.clock.sleep(0.1)
        for name, joints_rad in measured_joints(quick.world.arms).items():
            np.testing.assert_allclose(joints_rad, before[name], atol=np.deg2rad(0.1))


def test_an_arm_out_of_the_view_may_stand_where_it_likes(tmp_path: Path) -> None:
    with session(tmp_path, left=ASIDE_RAD) as quick:
        assert np.abs(quick.world.arms["left"].state().joints_rad - PARK_JOINTS).max() > 1.0
        assert quick.session.looker.read().number == 1


def test_an_arm_that_went_over_the_table_since_the_last_picture_is_found_before_the_next(tmp_path: Path) -> None:
    with session(tmp_path) as quick:
        quick.session.looker.read()
        arm = quick.world.arms["right"]
        arm.follow(path(arm.state().joints_rad, OVER_RAD * MIRROR, duration_s=3.0))
        with pytest.raises(ArmError, match="the right arm hides"):
            quick.session.looker.read()
        assert quick.world.drawn._number == 1
