"""The digital cell: physics, path tracing and emulated arms, behind the interfaces of the real one."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.cell_parts import ArmMount
from core.image import RgbdImage
from core.transforms import look_at, rotation_z, transform
from hardware.arms.emulated_faults import EmulatedFaults
from hardware.arms.emulator import ArmPlant, PiperEmulator
from hardware.arms.piper_arm import PiperArm
from hardware.robot.description import PARK_JOINTS
from hardware.simulation.catalogue.cell_scene import CellState
from hardware.simulation.catalogue.layout import stage
from hardware.simulation.physics.physics import CellPhysics
from hardware.simulation.scene.scene import PlacedObject
from hardware.simulation.sim_camera import SimCamera
from hardware.simulation.zero_offset import OffsetPlant
from hardware.world import SceneNote, Verdict

#: How exactly a tripod is put back: the tags, not the YAML, say where the camera stands.
CAMERA_JITTER_M = 0.006
#: Simulated time [s] between waits for the readers, and how long [s of wall clock] one wait may take.
_BATCH_S = 0.05
_PATIENCE_S = 1.5
_NAP_S = 1e-4


class DigitalCell:
    """A `World` in which time passes only while an arm is waited for, so that runs repeat."""

    name = "digital cell"
    is_real = False

    def __init__(
        self,
        cell: Cell,
        seed: int,
        faults: Mapping[str, EmulatedFaults] | None = None,
        forced_rad: Mapping[str, NDArray[np.float64]] | None = None,
    ) -> None:
        """Builds the cell, puts both arms on a virtual bus, and connects the real driver to it.

        faults: by arm, with which it is switched on; `emulators` tells them later, and where the true joints are.
        forced_rad: by arm (6,), what its joints were forced by: it says that it is parked, and stands elsewhere.
        """
        self._cell = cell
        self._physics, self._forced_rad = CellPhysics(cell), dict(forced_rad or {})
        if forced_rad:
            self._physics.load((), joints_rad={name: PARK_JOINTS + turn for name, turn in forced_rad.items()})
        self._surface, self._seed = "diffuse", seed
        self._T_world_camera = cell.camera.T_world_camera
        # A virtual bus is shared by name within a process: two cells must not hear each other.
        run = uuid4().hex[:8]
        channels = {name: f"{mount.channel}-{run}" for name, mount in cell.arms.items()}
        self.emulators = {
            name: self._emulator(name, channel, (faults or {}).get(name)) for name, channel in channels.items()
        }
        self.clock = SimClock(self._physics.step, self._physics.timestep_s, self.emulators.values())
        self.camera = SimCamera(cell, self._snapshot, self.clock)
        self.truth: Callable[[RgbdImage], NDArray[np.float32]] | None = self.camera.truth
        self.arms: dict[str, PiperArm] = {
            name: PiperArm(name, channels[name], self._mount(name), self.clock, bustype="virtual") for name in cell.arms
        }
        try:
            self._enable_arms()
        except BaseException:
            self.close()
            raise

    def _emulator(self, name: str, channel: str, faults: EmulatedFaults | None) -> PiperEmulator:
        mount = self._cell.arms[name]
        return PiperEmulator(channel, self._plant(name), mount.firmware, mount.gripper_stroke_m, faults)

    def _enable_arms(self) -> None:
        for arm in self.arms.values():
            arm.connect()
            arm.enable()

    def stage(self, surface: str, seed: int, objects: int) -> SceneNote:
        """Draws and settles a scene; the same surface, seed and count give the same one anywhere."""
        rng = np.random.default_rng(seed)
        self._surface, self._seed = surface, seed
        camera = self._cell.camera
        eye_m, target_m = (
            np.array(point) + rng.normal(0.0, CAMERA_JITTER_M, 3) for point in (camera.position_m, camera.target_m)
        )
        self._T_world_camera = look_at(eye_m, target_m) @ transform(rotation_z(camera.roll_rad))
        placed = stage(self._physics, rng, objects, surface)
        described = tuple(
            {
                "family": one.item.family,
                "material": one.item.material.name,
                "T_world_object": np.round(one.T_world_object, 5).tolist(),
            }
            for one in placed
        )
        return SceneNote(surface, seed, described)

    def true_objects(self) -> tuple[PlacedObject, ...]:
        """What stands where now: for evaluation only."""
        return self._physics.object_poses()

    def objects_left(self) -> int:
        return self._physics.objects_left()

    def begin_attempt(self, arm: str = "") -> None:
        if arm:
            self._physics.forget(arm)
        else:
            self._physics.watch_from_here()

    def verdict(self, arm: str = "") -> Verdict:
        return self._physics.verdict(arm)

    def close(self) -> None:
        for arm in self.arms.values():
            arm.close()
        for emulator in self.emulators.values():
            emulator.close()
        self.camera.close()

    def _plant(self, name: str) -> ArmPlant:
        """What an arm's controller drives."""
        plant, offset_rad = self._physics.plant(name), np.array(self._cell.arms[name].zero_offset_rad)
        offset_rad = offset_rad + self._forced_rad.get(name, 0.0)
        return OffsetPlant(plant, offset_rad) if offset_rad.any() else plant

    def _mount(self, name: str) -> ArmMount:
        """What an arm's driver is told of it."""
        return self._cell.arms[name]

    def _snapshot(self) -> CellState:
        objects, robot = self._physics.object_poses(), self._physics.robot_shapes()
        return CellState(self._surface, objects, robot, self._T_world_camera, self._seed)


class Device(Protocol):
    """What lives at the physics' pace."""

    def update(self, now_s: float) -> None:
        """After every step."""
        ...

    def drained(self) -> bool:
        """Whether everybody has heard what it said."""
        ...


class SimClock:
    """A `Clock` whose `sleep` advances the physics and then lets the arms' readers catch up.

    Simulated time may run faster or slower than the wall clock; what is read after `sleep` is what
    the cell looked like at its end, never older than one feedback period.
    """

    def __init__(self, step: Callable[[], None], timestep_s: float, devices: Iterable[Device]) -> None:
        """step: advances the physics by `timestep_s`; devices: the emulated arms first; others may join them."""
        self._step = step
        self._timestep_s = timestep_s
        self.devices = list(devices)
        self._steps = 0
        self._wanted_s = 0.0

    def now_s(self) -> float:
        return self._steps * self._timestep_s

    def sleep(self, duration_s: float) -> None:
        """Lets simulated time pass; what is less than one step is kept for the next call."""
        self._wanted_s += max(duration_s, 0.0)
        while self._steps * self._timestep_s < self._wanted_s - self._timestep_s / 2:
            end_s = min(self.now_s() + _BATCH_S, self._wanted_s)
            while self._steps * self._timestep_s < end_s - self._timestep_s / 2:
                self._step()
                self._steps += 1
                for device in self.devices:
                    device.update(self.now_s())
            # Bounded: a listener that has died must not hang the cell; its watchdog will say so.
            give_up_s = time.monotonic() + _PATIENCE_S
            while not all(device.drained() for device in self.devices) and time.monotonic() <= give_up_s:
                time.sleep(_NAP_S)
