"""What goes wrong with a PiPER, to be switched on at any time: in what it reports, hears and is; true joints go on."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hardware.arms import can_protocol as protocol

ALL_JOINTS = tuple(range(6))


@dataclass
class EmulatedFaults:
    """Joints are counted from 0. What is frozen stays at the last report before, so a pose can be scripted first."""

    unplugged: bool = False  # nothing gets in or out; the controller goes on by itself
    deaf: bool = False  # reports, but hears no command
    master_mode: bool = False  # commands another arm instead of reporting
    silent_frames: Sequence[int] = ()  # identifiers that are no longer sent
    short_frames: bool = False  # joint frames of two bytes
    frozen: Sequence[int] = ()  # joints that repeat their last report
    zeroed: Sequence[int] = ()  # joints that read zero
    offset_rad: NDArray[np.float64] = field(default_factory=lambda: np.zeros(6))
    drift_rad_s: NDArray[np.float64] = field(default_factory=lambda: np.zeros(6))  # grows from when it is set
    control_mode: int | None = None
    arm_status: int | None = None
    error_bits: int = 0
    motor_bits: dict[int, int] = field(default_factory=dict)  # joint: bits of its slow frame
    extra_torque_nm: NDArray[np.float64] = field(default_factory=lambda: np.zeros(6))


class FalseEncoders:
    """Turns true joints into what the arm reports."""

    def __init__(self, faults: EmulatedFaults, joints_rad: NDArray[np.float64]) -> None:
        self._faults = faults
        self._reported = protocol.millidegrees(joints_rad)
        self._drift_rad = np.zeros(6)
        self._then_s = 0.0

    def report(self, joints_rad: NDArray[np.float64], now_s: float) -> list[int]:
        """Six joints as the protocol's integers, falsified as the faults say."""
        faults = self._faults
        elapsed_s, self._then_s = now_s - self._then_s, now_s
        if faults.drift_rad_s.any() or self._drift_rad.any():
            drifted_rad = self._drift_rad + faults.drift_rad_s * elapsed_s
            self._drift_rad = np.where(faults.drift_rad_s != 0.0, drifted_rad, 0.0)
        read = protocol.millidegrees(joints_rad + faults.offset_rad + self._drift_rad)
        read = [self._reported[joint] if joint in faults.frozen else value for joint, value in enumerate(read)]
        self._reported = [0 if joint in faults.zeroed else value for joint, value in enumerate(read)]
        return self._reported
