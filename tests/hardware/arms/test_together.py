"""Two arms on one time line keep to it together: whatever one waits for or fails at, the other does not go on alone."""

import os
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pytest

from core.errors import ArmError, TrackingError
from hardware.arms.emulator import PiperEmulator
from hardware.arms.piper_arm import PiperArm
from hardware.arms.together import TimedStep, move_together
from hardware.arms.trajectory import START_TOLERANCE_RAD
from hardware.robot.description import PARK_JOINTS
from hardware.simulation.digital_cell import SimClock
from tests.support.emulated_arm import GOAL, mount, path
from tests.support.ideal_plant import IdealPlant

NAMES = ("left", "right")
OTHER_GOAL = GOAL * [-1, 0.6, 0.6, -1, 1, 1]


class Pair:
    """Two emulated arms on one clock, and where their joints were at every step."""

    def __init__(self) -> None:
        self.plants = {name: IdealPlant(PARK_JOINTS) for name in NAMES}
        channels = {name: f"pair_{os.getpid()}_{id(self)}_{name}" for name in NAMES}
        self.emulators = {name: PiperEmulator(channels[name], self.plants[name]) for name in NAMES}
        self.clock = SimClock(self._step, 0.002, self.emulators.values())
        self.arms = {name: PiperArm(name, channels[name], mount(), self.clock, "virtual") for name in NAMES}
        self.seen: list[np.ndarray] = []
        self.ended: list[tuple[str, str]] = []
        for arm in self.arms.values():
            arm.connect()
            arm.enable()
        self.seen.clear()

    def _step(self) -> None:
        for plant in self.plants.values():
            plant.step()
        self.seen.append(np.array([plant.joints_rad().copy() for plant in self.plants.values()]))

    def run(self, steps, should_stop=lambda: False) -> bool:
        return move_together(
            self.arms, steps, self.clock, should_stop, lambda *_: None, lambda a, s, _: self.ended.append((a, s.name))
        )

    def off_their_common_path_rad(self, steps) -> float:
        """How far the twelve joints ever were from every moment of the time line."""
        times = np.arange(0.0, max(line[-1].end_s for line in steps.values()), 0.004)
        joints = np.stack([joints_at(steps[name], times) for name in NAMES], axis=1)
        return max(float(np.abs(joints - now).max(axis=(1, 2)).min()) for now in self.seen[::25])

    def assert_rests(self) -> None:
        self.clock.sleep(0.3)
        before = self.seen[-1]
        self.clock.sleep(0.2)
        np.testing.assert_allclose(self.seen[-1], before, atol=1e-4)

    def close(self) -> None:
        for name in NAMES:
            self.arms[name].close()
            self.emulators[name].close()


@pytest.fixture
def pair():
    with closing_pair() as made:
        yield made


@contextmanager
def closing_pair():
    made = Pair()
    try:
        yield made
    finally:
        made.close()


def joints_at(steps, times):
    joints = np.repeat(PARK_JOINTS[None], len(times), axis=0)
    for step in steps:
        if step.trajectory is not None:
            later = times >= step.begin_s
            joints[later] = [step.trajectory.at(t - step.begin_s) for t in times[later]]
    return joints


@dataclass
class At:
    """Does something once, when so much of the cell's time has passed; says whether to stop."""

    pair: Pair
    after_s: float
    action: object = None
    stops: bool = False

    def __post_init__(self) -> None:
        self.due_s = self.pair.clock.now_s() + self.after_s

    def __call__(self) -> bool:
        is_due = self.pair.clock.now_s() >= self.due_s
        if is_due and self.action is not None:
            self.action()
        return self.stops and is_due


def line(grip_s: float = 0.9):
    """The left arm moves, opens and moves back; the right one moves and opens at once meanwhile."""
    there, back = path(PARK_JOINTS), path(GOAL, PARK_JOINTS)
    left = [
        TimedStep("there", 0.0, 1.65, 0.03, there),
        TimedStep("open", 1.65, 1.65 + grip_s, 0.06, None, 10.0),
        TimedStep("back", 1.65 + grip_s, 3.3 + grip_s, 0.06, back),
    ]
    right = [TimedStep("away", 0.8, 3.4, 0.05, path(PARK_JOINTS, OTHER_GOAL, 2.4), 10.0)]
    return {"left": left, "right": right}


@pytest.mark.slow
def test_both_arrive_having_been_together_where_they_were_to_be(pair: Pair) -> None:
    assert not pair.run(line())
    left, right = ([name for arm, name in pair.ended if arm == one] for one in NAMES)
    assert (left, right) == (["there", "open", "back"], ["away", "away"])  # it moved, and it opened
    assert pair.plants["right"].gripper_width_m() == pytest.approx(0.05, abs=1e-3)
    np.testing.assert_allclose(pair.seen[-1], [PARK_JOINTS, OTHER_GOAL], atol=np.deg2rad(0.2))
    assert pair.off_their_common_path_rad(line()) < np.deg2rad(2.5)  # as far as either lags


def test_a_gripper_that_takes_longer_makes_both_wait(pair: Pair) -> None:
    hurried = line(grip_s=0.2)
    began_s = pair.clock.now_s()
    assert not pair.run(hurried)
    assert pair.clock.now_s() - began_s > 3.3 + 0.2 + 0.1
    assert pair.off_their_common_path_rad(hurried) < np.deg2rad(2.5)


def test_a_wish_to_stop_brings_both_to_rest_on_their_path(pair: Pair) -> None:
    assert pair.run(line(), At(pair, 1.2, stops=True))
    pair.assert_rests()
    assert np.abs(pair.seen[-1] - [PARK_JOINTS, OTHER_GOAL]).max(axis=1).min() > 0.1
    assert pair.off_their_common_path_rad(line()) < np.deg2rad(2.5)


@pytest.mark.parametrize("name", NAMES)
def test_a_fault_of_one_stops_both(pair: Pair, name: str) -> None:
    hook = At(pair, 1.1, lambda: setattr(pair.emulators[name].faults, "unplugged", True))
    with pytest.raises(ArmError, match=f"{name} arm.*feedback is lost"):
        pair.run(line(), hook)
    assert pair.clock.now_s() - hook.due_s < 0.2
    pair.assert_rests()


def waits(begin_s: float = 2.5):
    """The left arm moves; the right one has its turn later, or, at once, had it before."""
    steps = line()
    steps["right"] = [TimedStep("away", begin_s, begin_s + 1.65, 0.03, path(PARK_JOINTS, OTHER_GOAL))]
    return steps


def test_an_arm_that_waits_for_its_turn_is_watched_too(pair: Pair) -> None:
    hook = At(pair, 0.5, lambda: setattr(pair.emulators["right"].faults, "unplugged", True))
    with pytest.raises(ArmError, match="feedback is lost"):
        pair.run(waits(), hook)
    assert pair.clock.now_s() - hook.due_s < 0.3
    pair.assert_rests()


@pytest.mark.parametrize(("begin_s", "at_s"), [(2.5, 0.5), (0.0, 2.9)], ids=["waiting", "parked"])
@pytest.mark.parametrize("fault", ["stopped", "motors are off", "error"])
def test_the_arm_at_rest_stops_the_other_however_it_fails(pair: Pair, fault: str, begin_s: float, at_s: float) -> None:
    at_rest = pair.emulators["right"]
    fail = {
        "stopped": pair.arms["right"].stop,
        "motors are off": lambda: at_rest._set_enabled(slice(None), False),
        "error": lambda: setattr(at_rest.faults, "error_bits", 1),
    }[fault]
    hook = At(pair, at_s, fail)
    with pytest.raises(ArmError, match="right arm"):
        pair.run(waits(begin_s), hook)
    assert pair.clock.now_s() - hook.due_s < 0.3
    assert ("left", "back") not in pair.ended


@pytest.mark.parametrize("before_s", [0.02, 0.07, 0.13])
def test_no_step_begins_after_a_wish_to_stop(pair: Pair, before_s: float) -> None:
    begun: list[str] = []
    hook = At(pair, 1.65 - before_s, stops=True)
    is_stopped = move_together(
        pair.arms, line(), pair.clock, hook, lambda _, step: begun.append(step.name), lambda *_: None
    )
    assert is_stopped and begun == ["there", "away"]
    pair.assert_rests()
    assert pair.plants["left"].gripper_width_m() < 0.035  # of an object over the table, still held


def test_an_arm_that_came_to_stand_elsewhere_stays_refused(pair: Pair) -> None:
    plant = pair.plants["left"]
    drive = plant.drive_joints
    away_rad = (START_TOLERANCE_RAD + 0.004) * np.eye(6)[0]  # less than what its feedback is doubted for on the way
    start_s = pair.clock.now_s()

    def give_way(targets_rad: np.ndarray) -> None:
        """Slowly: at once it would be doubted."""
        drive(targets_rad + away_rad * min(pair.clock.now_s() - start_s, 1.0))

    plant.drive_joints = give_way
    with pytest.raises(TrackingError, match="left arm stands"):
        pair.run(line())
    with pytest.raises(ArmError, match="stays still since"):
        pair.arms["left"].hold()
