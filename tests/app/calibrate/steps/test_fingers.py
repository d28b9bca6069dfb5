"""The fingers come down until they feel the table: gently, where it is, and hold when something is wrong."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.calibrate.options import Plant
from app.calibrate.rig import Rig
from app.calibrate.samples import Samples
from app.calibrate.sampling import Sampling
from app.calibrate.steps import fingers
from app.calibrate.steps.fingers import touch_table
from app.calibrate.steps.gripper import check_gripper
from app.console import Console
from app.interrupts import Interrupts
from app.paths import CELLS
from app.question import Question, Reply
from app.run.operator import Operator
from calibration.board import Board
from core.cell import Cell, load_cell
from core.errors import ArmError
from grasping.planning.gate.check import check_touch
from grasping.planning.grasp_plan import GateReport
from hardware.arms.trajectory import JointTrajectory
from hardware.robot.kinematics import forward_kinematics
from hardware.simulation.misplaced_cell import misplace

CELL, SEED = load_cell(CELLS / "sim.yaml"), 3


class Person(Operator):
    """Says yes to what is foreseen, and no to anything more."""

    def reply(self, question: Question) -> Reply:
        self.asked.append(question.text)
        return Reply("y" if len(self.asked) <= self.most else "n")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.asked, self.most = list[str](), 0

    def foresee(self, most: int) -> None:
        self.asked, self.most = [], most


def refuse_fast_ways_up(cell: Cell, motion: JointTrajectory, *, arm: str, measured) -> GateReport:
    """As a gate does that finds a joint to accelerate too hard."""
    report, firmware = check_touch(cell, motion, arm=arm, measured=measured), cell.arms[arm].firmware
    low_m, high_m = (forward_kinematics(joints, firmware)[2, 3] for joints in motion.positions_rad[[0, -1]])
    is_fast = high_m - low_m > 0.015 * motion.duration_s
    return replace(report, passed=False, violations=("it rises too fast",)) if is_fast else report


@pytest.fixture
def sampling(tmp_path: Path):
    """A cell as its calibration has it."""
    true = misplace(CELL, SEED)
    with closing(Rig(CELL, "sim", Board(), SEED, Plant.GRIPPER_ZERO, is_drawn=True)) as rig:
        rig.reopen(true)
        operator = Person(Console(is_quiet=True), Interrupts())
        k, T = rig.world.camera.intrinsics, true.camera.T_world_camera
        yield Sampling(true, rig, Samples(tmp_path / "samples"), operator, k, T, 8, 0.8, SEED)


def test_the_table_is_felt_where_it_is_and_pressed_on_gently(
    sampling: Sampling, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = sampling.operator
    assert isinstance(person, Person)
    person.foresee(1)
    check = check_gripper(sampling, "left")
    assert len(person.asked) == 1 and "Fingers away" in person.asked[0]
    assert check.closed_m == pytest.approx(0.004, abs=5e-4) and check.open_m == pytest.approx(0.104, abs=5e-4)
    monkeypatch.setattr(fingers, "PLACES", 1)
    monkeypatch.setattr(fingers, "check_touch", refuse_fast_ways_up)
    person.foresee(4)  # the fingers, to above the place, down and up again, to park
    (touch,) = touch_table(sampling, "left")
    assert len(person.asked) == 4 and "Fingers away" in person.asked[0] and "and up again" in person.asked[2]
    assert abs(touch.height_mm) < 1.0 and touch.force_n < 15.0
    lowest = sampling.rig.tcp_m("left")
    assert lowest is not None and lowest[2] > 0.1  # parked again
    state = sampling.rig.world.arms["left"].state()
    assert state.enabled and not state.stopped

    # An arm whose controller reports a fault on its way moves no further and keeps its power.
    emulator = sampling.rig.world.emulators["right"]  # type: ignore[attr-defined]
    emulator.faults.motor_bits[1] = 1 << 5
    person.foresee(9)
    with pytest.raises(ArmError):
        touch_table(sampling, "right")
    assert emulator.is_powered


def test_an_arm_that_tells_no_torques_touches_nothing(sampling: Sampling, monkeypatch: pytest.MonkeyPatch) -> None:
    arm = sampling.rig.world.arms["left"]
    blind = replace(arm.state(), joint_effort_nm=np.full(6, np.nan))
    monkeypatch.setattr(arm, "state", lambda: blind)
    assert touch_table(sampling, "left") == () and not sampling.operator.asked  # type: ignore[attr-defined]
