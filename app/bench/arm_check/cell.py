"""The digital cell's pictures with its arms put anywhere at once: path traced, nothing moves."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from hardware.simulation.digital_cell import DigitalCell, SimClock
from hardware.simulation.sim_camera import SimCamera


class PosedCell(DigitalCell):
    """Its camera's time passes without the arms': they stay where `pose` puts them."""

    def __init__(self, cell: Cell, seed: int) -> None:
        super().__init__(cell, seed)
        still = SimClock(lambda: None, self._physics.timestep_s, ())
        self.camera = SimCamera(cell, self._snapshot, still, seed=seed, has_depth=False)

    def pose(self, joints_rad: Mapping[str, NDArray[np.float64]]) -> None:
        """Puts arms at joints (6,), by name; what lies on the table stays."""
        objects = [(one.item, one.T_world_object) for one in self._physics.object_poses()]
        self._physics.load(objects, self._surface, joints_rad)
