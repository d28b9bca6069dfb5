"""The misplaced cell with a camera that draws its tags and the boards in its hands instead of path tracing."""

import numpy as np

from calibration.board import Board
from core.cell import Cell
from core.transforms import invert
from hardware.cameras.frame import RgbdFrame
from hardware.simulation.drawn_camera import DrawnCamera, draw_tags
from hardware.simulation.misplaced_cell import MisplacedCell


class BoardCell(MisplacedCell):
    """Every frame costs a twentieth of a second; `board` is drawn where a hand holds one."""

    def __init__(self, cell: Cell, seed: int, board: Board) -> None:
        super().__init__(cell, seed)
        self.camera = _BoardCamera(self, board)  # type: ignore[assignment]


class _BoardCamera(DrawnCamera):
    def __init__(self, cell: BoardCell, board: Board) -> None:
        super().__init__(cell._cell, cell._snapshot, cell.clock)
        self._owner, self._board = cell, board

    def read(self, timeout_s: float = 1.0) -> RgbdFrame:
        self._clock.sleep(1.0 / self.cell.camera.fps)
        self._number += 1
        T_world_camera = self._snapshot().T_world_camera
        color = draw_tags(self.cell, T_world_camera, seed=self._number)
        shown = self.cell.model_copy(update={"tags": self._board.tags})
        for arm, held in self._owner._boards.items():
            T_board_camera = invert(self._owner.T_world_tcp(arm) @ held.T_tcp_board) @ T_world_camera
            over = draw_tags(shown, T_board_camera, noise=0.0)
            is_board = over != np.bincount(over.ravel()).argmax()
            color = np.where(is_board, over, color)
        return RgbdFrame(
            color=color,
            depth_m=np.full(color.shape[:2], np.nan, np.float32),
            intrinsics=self.intrinsics,
            serial=self.cell.camera.serial,
            number=self._number,
            stamp_s=self._clock.now_s(),
            source="drawn",
        )
