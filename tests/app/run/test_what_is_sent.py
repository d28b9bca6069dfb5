"""What an arm's controller hears in a whole trial lies on motions that the gate has passed before."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from app.run import live_trial
from grasping.planning.gate import check
from hardware.arms import can_protocol as protocol
from hardware.arms.emulator import PiperEmulator
from hardware.arms.trajectory import JointTrajectory
from tests.support.quick_cell import QuickCell
from tests.support.sessions.quick_session import SCENE, Bench, at_stage
from trials.record import Outcome

#: A target is told in thousandths of a degree; what lies on a motion is no farther from it than this [rad].
TOLD_RAD = np.deg2rad(0.002)
#: An arm's first motion, by which its feedback is proved, goes no farther than this from where it stood [rad].
PROVING_RAD = np.deg2rad(0.4)


@dataclass(frozen=True)
class Target:
    """One that a controller heard: joints (6,), where they were then, and how many motions had passed by then."""

    channel: str
    joints_rad: NDArray[np.float64]
    at_rad: NDArray[np.float64]
    passed: int


@dataclass
class Wire:
    """All joint targets of all buses, and all motions that the gate sealed, in order, with whose they are."""

    targets: list[Target] = field(default_factory=list)
    passed: list[tuple[str, JointTrajectory]] = field(default_factory=list)
    _pairs: dict[str, dict[int, NDArray[np.float64]]] = field(default_factory=dict)

    def hear(self, emulator: PiperEmulator, identifier: int, data: bytes) -> None:
        if identifier not in protocol.JOINT_COMMANDS:
            return
        pairs = self._pairs.setdefault(emulator.channel, {})
        pair = protocol.JOINT_COMMANDS.index(protocol.Command(identifier))
        assert set(pairs) == set(range(pair)), "a target is told in three frames, in order"
        pairs[pair] = protocol.radians(protocol.PAIR.unpack(data))
        if pair == 2:
            joints_rad = np.concatenate([pairs.pop(k) for k in range(3)])
            self.targets.append(Target(emulator.channel, joints_rad, emulator.plant.joints_rad(), len(self.passed)))

    def unexplained(self, arms: dict[str, str]) -> list[Target]:
        """Those that neither lie on a motion of their arm that had passed nor repeat the last one, but for an arm's
        first few, before any had passed, near where it stood. arms: name by channel."""
        first: dict[str, NDArray[np.float64]] = {}
        last: dict[str, NDArray[np.float64]] = {}
        wrong = []
        for one in self.targets:
            start_rad = first.setdefault(one.channel, one.at_rad)
            again = one.channel in last and np.abs(one.joints_rad - last[one.channel]).max() <= TOLD_RAD
            proves = one.passed == 0 and np.abs(one.joints_rad - start_rad).max() <= PROVING_RAD + TOLD_RAD
            ways = (way for arm, way in self.passed[: one.passed] if arm == arms[one.channel])
            if not (proves or again or any(away_rad(one.joints_rad, way) <= TOLD_RAD for way in ways)):
                wrong.append(one)
            last[one.channel] = one.joints_rad
        return wrong


def away_rad(joints_rad: NDArray[np.float64], way: JointTrajectory) -> float:
    """How far joints (6,) are from the nearest point of a motion, which is straight between its rows [rad]."""
    start, step = way.positions_rad[:-1], np.diff(way.positions_rad, axis=0)
    along = ((joints_rad - start) * step).sum(axis=1) / np.maximum((step * step).sum(axis=1), 1e-18)
    nearest = start + np.clip(along, 0.0, 1.0)[:, None] * step
    return float(np.abs(nearest - joints_rad).max(axis=1).min())


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    wire, obey, seal_of = Wire(), PiperEmulator._obey, check.seal_of

    def hear_and_obey(emulator: PiperEmulator, identifier: int, data: bytes) -> None:
        wire.hear(emulator, identifier, data)
        obey(emulator, identifier, data)

    def note_and_seal(arm, motions, *rest):  # the gate asks for a seal of what it passes, and of nothing else
        wire.passed += [(arm, motion) for motion in motions.values()]
        return seal_of(arm, motions, *rest)

    monkeypatch.setattr(PiperEmulator, "_obey", hear_and_obey)
    monkeypatch.setattr(check, "seal_of", note_and_seal)
    monkeypatch.setattr(live_trial, "PICTURE_VALID_S", 3600.0)  # however busy the machine is
    return wire


@pytest.fixture
def bench(tmp_path: Path, wire: Wire) -> Iterator[Bench]:
    with closing(Bench(tmp_path)) as bench:
        bench.draw_arms()  # so that they show themselves, too
        yield bench


def arms_of(world: QuickCell) -> dict[str, str]:
    return {emulator.channel: name for name, emulator in world.emulators.items()}


def test_all_that_arms_are_told_in_a_trial_lies_on_what_the_gate_passed(bench: Bench, wire: Wire) -> None:
    proving = len(wire.targets)
    trial = bench.run(SCENE)
    assert trial.outcome is Outcome.SUCCESS and trial.plan is not None
    assert wire.unexplained(arms_of(bench.world)) == []
    # It was no empty watch: both arms were proved, and the trial's arm went to the end of every motion.
    assert proving > 20 and {one.channel for one in wire.targets[:proving]} == set(arms_of(bench.world))
    told = [one.joints_rad for one in wire.targets[proving:] if arms_of(bench.world)[one.channel] == trial.plan.arm]
    for motion in trial.plan.motions.values():
        assert np.abs(np.array(told) - motion.positions_rad[-1]).max(axis=1).min() < TOLD_RAD


@pytest.mark.slow
def test_what_an_arm_is_told_once_it_is_stopped_lies_there_too(bench: Bench, wire: Wire) -> None:
    class Stopper:
        """Ctrl-C, so long [s] after the motion has begun."""

        def __init__(self, after_s: float) -> None:
            self.at_s = bench.world.clock.now_s() + after_s

        def update(self, now_s: float) -> None:
            if now_s > self.at_s:
                bench.interrupts.stop_requested = True

        def drained(self) -> bool:
            return True

    bench.operator.skips_arm_check = True
    at_stage(bench, "execute", lambda _: bench.world.clock.devices.append(Stopper(1.5)))
    with pytest.raises(KeyboardInterrupt):
        bench.run(SCENE)
    assert bench.row().outcome is Outcome.INTERRUPTED and wire.unexplained(arms_of(bench.world)) == []


def test_a_target_beside_all_motions_is_seen_however_near(wire: Wire) -> None:
    with closing(QuickCell()) as world:
        arms, arm = arms_of(world), world.arms["left"]
        here_rad = arm.state().joints_rad
        assert wire.targets and wire.unexplained(arms) == []
        arm.command(here_rad + 1.5 * PROVING_RAD)  # farther than a proof goes
        world.clock.sleep(0.02)
        assert [arms[one.channel] for one in wire.unexplained(arms)] == ["left"]
        still = JointTrajectory(np.array([0.0, 1.0]), np.tile(here_rad + 0.1, (2, 1)))
        wire.passed.append(("left", still))  # from then on nothing is a proof
        arm.command(here_rad)
        world.clock.sleep(0.02)
        assert len(wire.unexplained(arms)) == 2
