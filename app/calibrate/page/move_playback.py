"""The motion that awaits approval, as a ghost with its board; and the board in the hand that holds it."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from app.events import Event, MotionBegin, MoveProposed, QuestionEnd
from app.page.arm_shapes import GHOST_RGB
from app.page.playback import MotionPlayback, PlayedMotion
from calibration.board import Board
from calibration.poses import PLATE_M, T_tcp_board
from core.cell import Cell
from core.transforms import rotation_to_quaternion
from hardware.robot.kinematics import T_LINK6_TCP

if TYPE_CHECKING:
    from viser import BoxHandle, ViserServer

_WHITE = (245, 245, 245)


class MovePlayback(MotionPlayback):
    """Shown from the proposal until it is refused or the arm moves."""

    def __init__(self, server: "ViserServer", cell: Cell, board: Board) -> None:
        super().__init__(server, cell)
        self._held = {name: add_plate(server, f"/arms/{name}", board, _WHITE) for name in cell.arms}
        self._planned = {name: add_plate(server, f"/ghost/{name}", board, GHOST_RGB) for name in cell.arms}

    def hear(self, event: Event) -> None:
        match event:
            case MoveProposed(arm, motion, has_board):

                def at(time_s: float) -> tuple[NDArray[np.float64], float]:
                    return motion.at(time_s), PLATE_M if has_board else 0.0

                for name in self._held:
                    self._held[name].visible = self._planned[name].visible = has_board and name == arm
                self.show(PlayedMotion(arm, motion.duration_s, at))
            case MotionBegin() | QuestionEnd():
                self.show(None)


def add_plate(server: "ViserServer", arm: str, board: Board, rgb: tuple[int, int, int]) -> "BoxHandle":
    """A board in the hand of an arm whose shapes are at this path of the scene."""
    T = T_LINK6_TCP @ T_tcp_board(board)
    position, wxyz = (T @ [0.0, 0.0, -PLATE_M / 2, 1.0])[:3], rotation_to_quaternion(T[:3, :3])
    size_m = (*board.size_m, PLATE_M)
    return server.scene.add_box(f"{arm}/link6/board", rgb, size_m, position=position, wxyz=wxyz, visible=False)
