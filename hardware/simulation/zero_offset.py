"""An arm whose joints' zeros are not where its controller takes them to be."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware.arms.emulator import ArmPlant
from hardware.robot.description import JOINT_LOWER_RAD, JOINT_UPPER_RAD, PARK_JOINTS

#: What a collision or a careless push forces a joint by [rad].
FORCED_RAD = np.deg2rad(10.0)


def forced_joint(joint: int, turn_rad: float) -> NDArray[np.float64]:
    """What a parked arm's joints (6,) are forced by where one (from 0) is, by so much, away from its stop."""
    parked_rad = PARK_JOINTS[joint] + turn_rad
    inside = JOINT_LOWER_RAD[joint] <= parked_rad <= JOINT_UPPER_RAD[joint]
    return (turn_rad if inside else -turn_rad) * np.eye(6)[joint]


class OffsetPlant:
    """A plant that its controller reads, and drives, `zero_offset_rad` (6,) beside the truth, and a little more: an
    encoder's ring that is not centred reads an angle wrong by a sine of it.

    out_of_true_rad: root mean square of that; its periods and phases are drawn. width_offset_m: what its gripper reads
    too much.
    """

    def __init__(
        self,
        plant: ArmPlant,
        zero_offset_rad: NDArray[np.float64],
        out_of_true_rad: float = 0.0,
        rng: np.random.Generator | None = None,
        width_offset_m: float = 0.0,
    ) -> None:
        self._width_offset_m = width_offset_m
        self._plant, self._zero_offset_rad, self._swing_rad = plant, zero_offset_rad, np.sqrt(2) * out_of_true_rad
        rng = rng or np.random.default_rng(0)
        self._periods, self._phases = rng.uniform(3.0, 8.0, 6), rng.uniform(0.0, 2 * np.pi, 6)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plant, name)

    def drive_joints(self, targets_rad: NDArray[np.float64]) -> None:
        self._plant.drive_joints(targets_rad + self._off(targets_rad))

    def joints_rad(self) -> NDArray[np.float64]:
        joints = self._plant.joints_rad()
        return joints - self._off(joints)

    def gripper_width_m(self) -> float:
        return self._plant.gripper_width_m() + self._width_offset_m

    def _off(self, joints_rad: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._zero_offset_rad + self._swing_rad * np.sin(self._periods * joints_rad + self._phases)
