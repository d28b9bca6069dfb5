"""The digital cell of the fault bench: drawn pictures, a camera and arms that tell when a phase begins."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.bench.faults.script import INTO_MOTION_DEFAULT_S, INTO_MOTION_S, Script, Stage
from app.console import Console, StageLine
from core.cell import Cell
from core.transforms import look_at
from hardware.arms.arm import ArmState, RunningGrip, TrackingReport
from hardware.arms.piper_arm import PiperArm
from hardware.arms.trajectory import JointTrajectory
from hardware.robot.description import PARK_JOINTS
from hardware.simulation.digital_cell import DigitalCell
from hardware.simulation.drawn_camera import DrawnCamera
from hardware.simulation.faulty_camera import FaultyCamera
from hardware.simulation.motion_watch import MotionWatch
from hardware.simulation.zero_offset import FORCED_RAD, OffsetPlant, forced_joint
from hardware.world import SceneNote

#: What the console calls the stages that a phase begins with, or follows.
BEGINS = {stage: Stage(stage) for stage in ("capture", "estimate", "plan", "approve")}
FOLLOWS = {"clear": Stage.LOG}
FOLLOWED = (Stage.TRANSIT, Stage.APPROACH, Stage.LIFT, Stage.PLACE)
GRIPPED = (None, Stage.CLOSE)
#: What a person ends a program with.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: Time that passes once something failed at rest: a bus must be silent for a while before it shows [s].
_AT_REST_S = 0.5
#: How long the arms are watched after the end [s].
_AFTERWARDS_S = 0.5


@dataclass(frozen=True)
class Motion:
    """What the true joints of all arms did from the fault on. fastest_rad_s: once they should stand."""

    stopped_after_s: float
    fastest_rad_s: float
    moved_rad: float
    is_powered: bool


@contextmanager
def signals_put_off() -> Iterator[None]:
    """What comes meanwhile comes afterwards: the bench's own work is not what is to be interrupted."""
    late: list[int] = []
    before = {number: signal.signal(number, lambda number, frame: late.append(number)) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for came in late:
            os.kill(os.getpid(), came)


class FaultyCell(DigitalCell):
    """moving: the arm of the motion that runs or ran last."""

    camera: FaultyCamera  # type: ignore[assignment]

    def __init__(self, cell: Cell, seed: int, script: Script, begun: Callable[["FaultyCell"], None]) -> None:
        """begun: is given the cell before its arms are switched on, when faults can strike already."""
        self.script = script
        begun(self)
        self.moving = "right"  # the arm that takes the bench's scene
        self._ended: Motion | None = None
        self._shows_arms = False
        super().__init__(cell, seed)
        self._drawn = DrawnCamera(cell, self._snapshot, self.clock)
        self._drawn.draws_arms = self._shows_arms
        self.camera = FaultyCamera(self._drawn, self.clock)
        self.truth = self.camera.truth
        self.arms = {name: _TellingArm(arm, self) for name, arm in self.arms.items()}  # type: ignore[misc]

    def _enable_arms(self) -> None:
        self.watch = MotionWatch(self.emulators)
        self.clock.devices += [self.watch, self.script]
        self.reach(Stage.OPEN)
        super()._enable_arms()

    def stage(self, surface: str, seed: int, objects: int) -> SceneNote:
        scene = super().stage(surface, seed, objects)
        self.reach(Stage.IDLE)
        return scene

    def reach(self, phase: Stage) -> None:
        """A phase without motion begins."""
        if self.script.reach(phase) and phase is not Stage.OPEN:  # when the arms hang without power yet
            self.clock.sleep(_AT_REST_S)

    def force_joint(self, joint: int) -> None:
        """One joint (from 0) of every arm stands elsewhere than it says, in sight of the camera; before arms are on."""
        turn_rad = forced_joint(joint, FORCED_RAD)
        self._physics.load((), joints_rad=dict.fromkeys(self.emulators, PARK_JOINTS + turn_rad))
        for emulator in self.emulators.values():
            emulator.plant = OffsetPlant(emulator.plant, turn_rad)
        self._shows_arms = True

    def turn_camera(self) -> None:
        """Past the table, as one that was pushed."""
        eye_m = self._T_world_camera[:3, 3]
        self._T_world_camera = look_at(eye_m, eye_m + np.array([1.0, 0.0, 0.5]))

    def move_tag(self) -> None:
        """One of the table's by 3 cm."""
        first, *others = self._cell.tags
        x, y = first.position_m
        moved = first.model_copy(update={"position_m": (x + 0.03, y)})
        self._drawn.cell = self._cell.model_copy(update={"tags": (moved, *others)})

    def lose_object(self) -> None:
        """What is held, or about to be, is on the floor all at once."""
        physics = self._physics
        with physics.lock:
            joint = physics.model.joint("object0").qposadr[0]
            physics.data.qpos[joint : joint + 3] = [0.0, 0.0, -0.5]

    def motion(self) -> Motion | None:
        """What happened from the fault on; None where it never struck."""
        return self._ended

    def close(self) -> None:
        if self._ended is None and self.script.struck_s is not None:
            with signals_put_off():
                self._watch_afterwards(self.script.struck_s)
        super().close()

    def _watch_afterwards(self, since_s: float) -> None:
        self.clock.sleep(_AFTERWARDS_S)
        watch, is_powered = self.watch, all(emulator.is_powered for emulator in self.emulators.values())
        if not self.script.shows_at_rest:
            since_s = watch.begins_to_move_s(self.moving, since_s)
        self._ended = Motion(
            watch.stopped_after_s(since_s),
            watch.fastest_rad_s(since_s + self.script.stand_within_s),
            watch.travel_rad(since_s),
            is_powered,
        )


class _TellingArm:
    """A `PiperArm` that tells which motion begins."""

    def __init__(self, arm: PiperArm, cell: FaultyCell) -> None:
        self._arm, self._cell = arm, cell
        self._followed, self._gripped = iter(FOLLOWED), iter(GRIPPED)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._arm, name)

    def follow(
        self,
        trajectory: JointTrajectory,
        should_stop: Callable[[], bool] = lambda: False,
        beside: RunningGrip | None = None,
    ) -> TrackingReport:
        self._begin(next(self._followed, None))
        return self._arm.follow(trajectory, should_stop, beside)

    def grip(self, width_m: float, force_n: float) -> ArmState:
        self._begin(next(self._gripped, None))
        return self._arm.grip(width_m, force_n)

    def _begin(self, phase: Stage | None) -> None:
        self._cell.moving = self._arm.name
        if phase is not None:
            self._cell.script.reach(phase, INTO_MOTION_S.get(phase, INTO_MOTION_DEFAULT_S))


class TellingConsole(Console):
    """A console that tells the cell which stage begins or is over. cell: once it is open."""

    cell: FaultyCell | None = None

    @contextmanager
    def stage(self, name: str, waits: bool = False) -> Iterator[StageLine]:
        with super().stage(name, waits) as line:
            if self.cell is not None and name in BEGINS:
                self.cell.reach(BEGINS[name])
            yield line
        if self.cell is not None and name in FOLLOWS:
            self.cell.reach(FOLLOWS[name])
