"""An arm whose joints' zeros are not where its controller takes them to be."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware.arms.emulator import ArmPlant


class OffsetPlant:
    """A plant that its controller reads, and drives, `zero_offset_rad` (6,) beside the truth."""

    def __init__(self, plant: ArmPlant, zero_offset_rad: NDArray[np.float64]) -> None:
        self._plant, self._zero_offset_rad = plant, zero_offset_rad

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plant, name)

    def drive_joints(self, targets_rad: NDArray[np.float64]) -> None:
        self._plant.drive_joints(targets_rad + self._zero_offset_rad)

    def joints_rad(self) -> NDArray[np.float64]:
        return self._plant.joints_rad() - self._zero_offset_rad
