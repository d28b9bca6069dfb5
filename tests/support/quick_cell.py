"""The digital cell with a camera that draws instead of path tracing: physics, arms and bus are the real ones."""

from core.cell import Cell
from hardware.arms.emulated_faults import EmulatedFaults
from hardware.simulation.digital_cell import DigitalCell
from hardware.simulation.drawn_camera import DrawnCamera
from hardware.simulation.faulty_camera import FaultyCamera
from tests.support.drawn_cell import CELL


class QuickCell(DigitalCell):
    """A whole cell whose frames cost a tenth of a second."""

    def __init__(self, cell: Cell = CELL, seed: int = 0) -> None:
        super().__init__(cell, seed)
        self.camera = FaultyCamera(DrawnCamera(cell, self._snapshot, self.clock), self.clock)  # type: ignore[assignment]
        self.truth = self.camera.truth

    def faults(self, arm: str) -> EmulatedFaults:
        """The emulated controller's faults, to be switched on."""
        return self.emulators[arm].faults
