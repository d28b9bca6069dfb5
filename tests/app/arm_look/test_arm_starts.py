"""Before a picture: an arm that cannot start is named, one a little beyond a stop is led back if a person agrees."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.arm_look.arm_starts import prepare_starts
from app.console import Console
from app.question import Question, Reply
from app.run import live_trial
from core.errors import ArmError
from hardware.arms import can_protocol as protocol
from hardware.arms.standing import beyond_limits
from hardware.robot.description import PARK_JOINTS, joint_limits
from tests.support.emulated_arm import path
from tests.support.sessions.quick_session import SCENE, QuickSession
from trials.record import Outcome

LIMITS = joint_limits(np.zeros(6))
#: The left arm's tool is outside the workspace there.
OUTSIDE = np.array([1.72, 1.28, -1.34, -1.65, 0.62, 0.13])


class SaggingPlant:
    """Its joints come to rest `bent_rad` (6,) from where they are sent."""

    def __init__(self, plant: Any) -> None:
        self._plant, self.bent_rad = plant, np.zeros(6)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plant, name)

    def joints_rad(self) -> np.ndarray:
        return self._plant.joints_rad() + self.bent_rad


class Listening(Console):
    """Keeps what it says and is asked, and answers."""

    def __init__(self, answer: str = "y") -> None:
        super().__init__(as_json=True)
        self.said: list[str] = []
        self.asked: list[str] = []
        self._answer = answer

    def say(self, text: str = "") -> None:
        self.said.append(text)

    def ask(self, question: Question) -> Reply:
        self.asked.append(question.text)
        return Reply(self._answer)


class Bench(QuickSession):
    """One whose left arm can be put elsewhere, and whose pictures are counted."""

    def __init__(self, folder: Path, answer: str = "y", **given: Any) -> None:
        self.heard = Listening(answer)
        super().__init__(folder, console=self.heard, **given)
        self.left, self.pictures = self.world.arms["left"], 0
        emulator = self.world.emulators["left"]
        emulator.plant = self.plant = SaggingPlant(emulator.plant)
        read = self.world.camera.read

        def counted_read(*given: Any) -> Any:
            self.pictures += 1
            return read(*given)

        self.world.camera.read = counted_read  # type: ignore[method-assign]

    def put(self, joints_rad: np.ndarray) -> None:
        self.left.follow(path(self.left.state().joints_rad, joints_rad, duration_s=4.0))

    def sag(self, degrees: float) -> None:
        """The left arm, sent to rest on joint 2's stop, stands so far beyond."""
        self.put(PARK_JOINTS * [1, 0, 1, 1, 1, 1])
        self.plant.bent_rad = -np.deg2rad(degrees) * np.eye(6)[1]
        self.world.clock.sleep(0.3)

    def run(self) -> None:
        self.session.run_scene("diffuse", SCENE, 1)

    def start(self) -> None:
        prepare_starts(self.world, self.pipeline.cell, self.operator, np.zeros((0, 3)))

    def refused(self, says: str) -> ArmError:
        """What it said as it refused; no picture was taken, no arm moved, there is no row."""
        before = {name: arm.state().joints_rad for name, arm in self.world.arms.items()}
        with pytest.raises(ArmError, match=says) as refusal:
            self.run()
        for name, arm in self.world.arms.items():
            np.testing.assert_allclose(arm.peek().joints_rad, before[name], atol=np.deg2rad(0.05))
        assert self.pictures == 0 and not self.rows
        return refusal.value


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setenv("VITRO_HOME", str(tmp_path))
    monkeypatch.setattr(live_trial, "PICTURE_VALID_S", 3600.0)
    with closing(Bench(tmp_path)) as bench:
        yield bench


@pytest.mark.parametrize(("degrees", "told"), [(0.02, "0.02"), (0.4, "0.4"), (0.9, "0.9")])
def test_an_arm_that_sags_beyond_a_stop_is_led_slowly_back_and_that_is_said(
    bench: Bench, degrees: float, told: str
) -> None:
    bench.sag(degrees)
    begun_s = bench.world.clock.now_s()
    bench.start()
    assert bench.heard.said == [f"    the left arm stood {told}° beyond joint 2's stop and was led back"]
    assert not beyond_limits(bench.left.state().joints_rad, LIMITS).any()
    assert bench.world.clock.now_s() - begun_s > np.deg2rad(degrees) / 0.05
    bench.start()  # it stays there
    assert len(bench.heard.said) == 1


@pytest.mark.slow
def test_an_arm_that_was_led_back_is_as_good_as_another(bench: Bench) -> None:
    bench.sag(0.4)
    bench.run()
    assert [line for line in bench.heard.said if "was led back" in line] and bench.pictures > 0
    assert bench.rows[-1].outcome is not Outcome.REFUSED
    assert not [line for line in bench.heard.said if "cannot start" in line]


def test_arms_within_their_limits_are_neither_moved_nor_asked_about(bench: Bench) -> None:
    bench.operator.assume_yes = False
    begun_s = bench.world.clock.now_s()
    bench.start()
    assert not bench.heard.said and not bench.heard.asked and bench.world.clock.now_s() == begun_s


@pytest.mark.parametrize("answer", ["y", "q"])
def test_no_arm_is_led_back_before_a_person_agreed(tmp_path: Path, answer: str) -> None:
    with closing(Bench(tmp_path, answer, assume_yes=False)) as bench:
        bench.sag(0.4)
        before = bench.left.state().joints_rad
        if answer == "q":
            with pytest.raises(KeyboardInterrupt):
                bench.run()
            np.testing.assert_allclose(bench.left.state().joints_rad, before, atol=1e-4)
            assert bench.pictures == 0 and not bench.rows
        else:
            bench.start()
            assert not beyond_limits(bench.left.state().joints_rad, LIMITS).any()
        (asked,) = bench.heard.asked
        assert asked == "The left arm stands 0.4° beyond joint 2's stop. Lead it slowly back?"


def test_what_the_gate_refuses_is_not_sent_and_the_other_arm_goes_on(bench: Bench) -> None:
    bench.sag(0.4)
    before = bench.left.state().joints_rad
    around_m = np.random.default_rng(0).uniform([-0.3, 0.2, 0.2], [0.0, 0.3, 0.45], (4000, 3))
    prepare_starts(bench.world, bench.pipeline.cell, bench.operator, around_m)
    not_led, not_started = bench.heard.said
    assert "the left arm is not led back" in not_led and "meets" in not_led
    assert "the left arm stands 0.4° beyond joint 2's stop, so it cannot start; the other goes on" in not_started
    np.testing.assert_allclose(bench.left.state().joints_rad, before, atol=1e-4)


def test_ctrl_c_stops_an_arm_that_is_led_back_and_ends_the_session(bench: Bench) -> None:
    bench.sag(0.9)
    bench.interrupts.should_stop = lambda: True  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        bench.run()
    assert bench.pictures == 0 and beyond_limits(bench.left.state().joints_rad, LIMITS)[1] > np.deg2rad(0.8)


def test_an_arm_far_beyond_a_stop_is_refused_with_how_it_is_freed(bench: Bench) -> None:
    bench.sag(1.2)
    refusal = bench.refused("left arm stands 1.2° beyond joint 2's stop")
    assert "Support the left arm" in refusal.remedy and "teach mode" in refusal.remedy


def test_an_arm_that_sinks_on_as_it_is_led_back_is_refused(bench: Bench) -> None:
    bench.sag(0.4)
    follow = bench.left.follow

    def sink(*given: Any) -> Any:
        bench.plant.bent_rad = bench.plant.bent_rad * 2.0
        return follow(*given)

    bench.left.follow = sink  # type: ignore[method-assign]
    with pytest.raises(ArmError, match=r"stood 0\.4° .* was led back, and now stands 0\.\d° beyond"):
        bench.run()
    assert bench.pictures == 0 and beyond_limits(bench.left.state().joints_rad, LIMITS)[1] > 0


@pytest.mark.slow
def test_where_one_arm_cannot_start_that_is_said_and_the_other_goes_on(bench: Bench) -> None:
    bench.put(OUTSIDE)
    bench.run()
    (told,) = [line for line in bench.heard.said if "cannot start; the other goes on" in line]
    assert "the left arm has its tool outside the workspace" in told and "by hand" in told
    assert bench.rows[-1].notes["plan"]["arm"] == "right"


def test_where_no_arm_can_start_each_cause_is_told_before_a_picture(bench: Bench) -> None:
    bench.put(OUTSIDE)
    right = bench.world.arms["right"]
    right.follow(path(right.state().joints_rad, OUTSIDE * [-1, 1, 1, 1, 1, 1], duration_s=4.0))
    refusal = bench.refused("No arm can start from where it is")
    for arm in ("left", "right"):
        assert f"the {arm} arm has its tool outside the workspace" in refusal.cause
        assert f"Hold the {arm} arm" in refusal.remedy


@pytest.mark.parametrize(
    ("fault", "says", "remedy"),
    [
        ({"control_mode": protocol.ControlMode.TEACH}, "left arm reports: teach mode", "press its button"),
        ({"arm_status": protocol.ArmStatus.JOINT_FAULT}, "left arm reports: joint fault", "power off and on"),
        ({"control_mode": protocol.ControlMode.STANDBY}, "left arm has left CAN control", "who else commands it"),
        ({"unplugged": True}, "left .*feedback is lost", "cable"),
    ],
)
def test_an_arm_that_is_not_ready_is_named_before_a_picture(
    bench: Bench, fault: dict[str, Any], says: str, remedy: str
) -> None:
    for name, value in fault.items():
        setattr(bench.world.faults("left"), name, value)
    before = bench.world.arms["right"].state().joints_rad
    bench.world.clock.sleep(0.5)
    with pytest.raises(ArmError, match=says) as refusal:
        bench.run()
    assert remedy in refusal.value.remedy and bench.pictures == 0 and not bench.rows
    np.testing.assert_allclose(bench.world.arms["right"].state().joints_rad, before, atol=np.deg2rad(0.05))


def test_an_arm_without_power_is_named_before_a_picture(bench: Bench) -> None:
    bench.world.emulators["left"]._set_enabled(slice(None), False)
    bench.world.clock.sleep(0.1)
    with pytest.raises(ArmError, match="left arm's motors are off"):
        bench.run()
    assert bench.pictures == 0 and not bench.rows
