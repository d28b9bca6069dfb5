"""One PiPER behind the unmodified SDK on an emulated bus, with a plant that has no mass."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, pairwise
from types import SimpleNamespace

import numpy as np

from core.cell_parts import ArmMount
from hardware.arms.emulator import PiperEmulator
from hardware.arms.piper_arm import PiperArm
from hardware.arms.trajectory import JointTrajectory
from hardware.robot.description import PARK_JOINTS
from hardware.simulation.digital_cell import SimClock
from hardware.simulation.zero_offset import OffsetPlant
from tests.support.ideal_plant import IdealPlant

GOAL = np.array([0.6, 1.4, -1.2, 0.3, 0.8, -0.4])
NOWHERE = np.zeros(6)
_channels = count()


def mount(**changes):
    return ArmMount(channel="can_test", base_m=(0.0, 0.0, 0.0), **changes)


@contextmanager
def emulated_cells() -> Iterator:
    """Gives a function that builds cells of one emulated arm; takes them down at the end."""
    cells = []

    def make(firmware="new", arm_mount=None, joints=PARK_JOINTS, zero_offset_rad=NOWHERE):
        channel = f"test_{os.getpid()}_{next(_channels)}"
        plant = IdealPlant(joints)
        seen = OffsetPlant(plant, zero_offset_rad)
        emulator = PiperEmulator(channel, seen, firmware, gripper_stroke_m=0.07)
        clock = SimClock(plant.step, 0.002, [emulator])
        arm = PiperArm("left", channel, arm_mount or mount(), clock, bustype="virtual")
        cells.append(SimpleNamespace(arm=arm, emulator=emulator, plant=plant, clock=clock))
        return cells[-1]

    try:
        yield make
    finally:
        for cell in cells:
            cell.arm.close()
            cell.emulator.close()


def ready(build) -> SimpleNamespace:
    """One arm, connected and enabled."""
    cell = build()
    cell.arm.connect()
    cell.arm.enable()
    return cell


def path(start, goal=GOAL, duration_s=1.5):
    times = np.linspace(0.0, duration_s, 151)
    share = (1 - np.cos(np.pi * times / duration_s)) / 2
    return JointTrajectory(times, start + share[:, None] * (np.asarray(goal) - start))


def from_here(cell, **options):
    return path(cell.arm.state().joints_rad, **options)


def assert_stays(cell):
    cell.clock.sleep(0.1)
    before = cell.plant.joints_rad().copy()
    cell.clock.sleep(0.3)
    assert np.allclose(cell.plant.joints_rad(), before, atol=np.deg2rad(0.02))


class TrueJoints:
    """Watches the plant's joints at every step, whatever the arm reports."""

    def __init__(self, cell: SimpleNamespace) -> None:
        self._plant = cell.plant
        self._seen: list[tuple[float, np.ndarray]] = [(cell.clock.now_s(), cell.plant.joints_rad().copy())]
        cell.clock.devices.append(self)

    def update(self, now_s: float) -> None:
        self._seen.append((now_s, self._plant.joints_rad().copy()))

    def drained(self) -> bool:
        return True

    def farthest_rad(self, joints_rad) -> float:
        return max(float(np.max(np.abs(seen - joints_rad))) for _, seen in self._seen)

    def farthest_rad_from_path(self, trajectory: JointTrajectory) -> float:
        return max(float(np.abs(trajectory.positions_rad - seen).max(axis=1).min()) for _, seen in self._seen)

    def fastest_rad_s(self, since_s: float) -> float:
        return max((speed for at_s, speed in self._speeds() if at_s >= since_s), default=0.0)

    def stopped_s(self) -> float:
        """From when on no joint was faster than 0.3 rad/s any more."""
        return max((at_s for at_s, speed in self._speeds() if speed > 0.3), default=self._seen[0][0])

    def _speeds(self):
        for (then_s, before), (now_s, now) in pairwise(self._seen):
            yield now_s, float(np.max(np.abs(now - before))) / (now_s - then_s)
