"""A camera that draws the table's tags and the boards that hands hold: for many calibrations in little time."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from core.cell import Cell
from core.cell_parts import Tag
from core.clock import Clock
from core.transforms import Matrix, invert
from hardware.cameras.frame import RgbdFrame
from hardware.simulation.catalogue.cell_scene import CellState
from hardware.simulation.drawn_camera import DrawnCamera, draw_tags

#: A board's tags, and T_world_board.
ShownBoard = tuple[Sequence[Tag], Matrix]


class BoardCamera(DrawnCamera):
    """Its depth is all holes. shown: the boards before it now."""

    def __init__(
        self,
        cell: Cell,
        snapshot: Callable[[], CellState],
        clock: Clock,
        shown: Callable[[], Iterable[ShownBoard]],
        seed: int,
    ) -> None:
        """seed: of the sensor's noise."""
        super().__init__(cell, snapshot, clock)
        self._shown, self._seed = shown, seed

    def read(self, timeout_s: float = 1.0) -> RgbdFrame:
        self._clock.sleep(1.0 / self.cell.camera.fps)
        self._number += 1
        T_world_camera = self._snapshot().T_world_camera
        color = draw_tags(self.cell, T_world_camera, noise=0.0)
        for tags, T_world_board in self._shown():
            board = self.cell.model_copy(update={"tags": tuple(tags)})
            over = draw_tags(board, invert(T_world_board) @ T_world_camera, noise=0.0)
            is_board = over != np.bincount(over.ravel()).argmax()
            color = np.where(is_board, over, color)
        noise = np.random.default_rng([self._seed, self._number]).normal(0.0, 2.0, color.shape[:2])[..., None]
        noisy = np.clip(color + noise, 0, 255).astype(np.uint8)
        return self._frame(noisy, np.full(color.shape[:2], np.nan, np.float32))
