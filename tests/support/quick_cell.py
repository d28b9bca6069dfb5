"""The digital cell with a camera that draws instead of path tracing: physics, arms and bus are the real ones."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from hardware.arms.emulated_faults import EmulatedFaults
from hardware.simulation.digital_cell import DigitalCell
from hardware.simulation.drawn_camera import DrawnCamera
from hardware.simulation.faulty_camera import FaultyCamera
from tests.support.drawn_cell import CELL


class QuickCell(DigitalCell):
    """A whole cell whose frames cost a tenth of a second."""

    def __init__(
        self, cell: Cell = CELL, seed: int = 0, forced_rad: Mapping[str, NDArray[np.float64]] | None = None
    ) -> None:
        super().__init__(cell, seed, forced_rad=forced_rad)
        self.drawn = DrawnCamera(cell, self._snapshot, self.clock)
        self.camera = FaultyCamera(self.drawn, self.clock)  # type: ignore[assignment]
        self.truth = self.camera.truth

    def faults(self, arm: str) -> EmulatedFaults:
        """The emulated controller's faults, to be switched on."""
        return self.emulators[arm].faults
