"""The cell while it is calibrated: the real one, or a digital one that stands elsewhere than its file says, with faults
planted if asked."""

from dataclasses import replace
from math import pi

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from app.calibrate.options import Plant
from calibration.board import Board
from calibration.hand_eye import SEEN_JOINTS
from calibration.poses import T_tcp_board
from calibration.result import ArmCalibration
from core.cell import Cell
from core.transforms import Matrix, transform
from hardware.cameras.camera import CorrectedCamera
from hardware.simulation.misplaced_cell import HeldBoard, MisplacedCell
from hardware.simulation.sim_camera import cell_intrinsics
from hardware.simulation.zero_offset import FORCED_RAD
from hardware.world import World
from hardware.worlds import open_world

#: A printer is this exact [m], a hand puts a board this exactly between fingers [m], [rad]: standard deviations.
_PRINT_M, _HAND_M, _HAND_RAD = 0.00015, 0.001, np.deg2rad(1.0)
_OFFSET_RAD, _WRONG_SIZE, _FIT_TO_PAGE = np.deg2rad(2.0), 38 / 40, 0.97
_BAD_VIEW = 6
#: A lens that states its focal length wrong by less than the table's tags alone would name.
_FOCAL = 1.006
#: What a gripper reads too much whose zero is off [m].
_WIDTH_M = 0.004


class Rig:
    """A world to calibrate."""

    def __init__(self, cell: Cell, camera: str, board: Board, seed: int, plant: Plant, is_drawn: bool = False) -> None:
        """plant, is_drawn (pictures drawn, not path-traced): in the digital cell only.

        Raises:
            CameraError, ArmError: as opening the world does.
        """
        self.board, self._seed, self._plant, self._camera = board, seed, plant, camera
        self._digital: MisplacedCell | None = None
        self._is_drawn = is_drawn
        if camera != "sim":
            self.world: World = open_world(cell, camera, seed)
            return
        offsets = np.zeros(6)
        offsets[2] = _OFFSET_RAD * (plant is Plant.JOINT_OFFSET)
        true_cell = cell
        if plant is Plant.PRINTED_97:
            smaller = [tag.model_copy(update={"size_m": tag.size_m * _FIT_TO_PAGE}) for tag in cell.tags]
            true_cell = cell.model_copy(update={"tags": tuple(smaller)})
        if plant is Plant.FOCAL:
            lens = true_cell.camera.model_copy(update={"focal_px": true_cell.camera.focal_px * _FOCAL})
            true_cell = true_cell.model_copy(update={"camera": lens})
        self._true_cell, self._offsets_rad = true_cell, dict.fromkeys(cell.arms, offsets)
        if plant is Plant.FORCED_JOINT:
            self._offsets_rad |= _draw_forced_joint(list(cell.arms), seed)
        self.world = self._digital = self._open(cell)

    def reopen(self, calibrated: Cell) -> None:
        """The same world, driven as the calibrated cell says."""
        self.world.close()
        if self._digital is None:
            self.world = open_world(calibrated, self._camera, self._seed)
        else:
            self.world = self._digital = self._open(calibrated)

    def _open(self, believed: Cell) -> MisplacedCell:
        width_m = _WIDTH_M * (self._plant is Plant.GRIPPER_ZERO)
        world = MisplacedCell(self._true_cell, self._seed, self._offsets_rad, believed.arms, self._is_drawn, width_m)
        world.camera = CorrectedCamera(world.camera, cell_intrinsics(believed))  # what it states, not what it is
        return world

    @property
    def is_digital(self) -> bool:
        return self._digital is not None

    def give_board(self, arm: str) -> None:
        """Puts the board between an arm's fingers, in the digital cell."""
        if self._digital is None:
            return
        printed = self._print_board()
        rng = np.random.default_rng([self._seed, *arm.encode()])
        turned = pi if self._plant is Plant.TURNED_TAGS else 0.0
        tags = [tag.model_copy(update={"yaw_rad": turned}) for tag in printed.tags]
        wobble = transform(Rotation.from_rotvec(rng.normal(0.0, _HAND_RAD, 3)).as_matrix(), rng.normal(0.0, _HAND_M, 3))
        self._digital.hold_board(arm, HeldBoard.printed(tags, printed.size_m, T_tcp_board(self.board) @ wobble))

    def _print_board(self) -> Board:
        """The board as its print came out."""
        rng = np.random.default_rng([self._seed, 3])
        share = {Plant.WRONG_SIZE: _WRONG_SIZE, Plant.PRINTED_97: _FIT_TO_PAGE}.get(self._plant, 1.0)
        return replace(self.board, tag_m=self.board.tag_m * share + float(rng.normal(0.0, _PRINT_M)))

    def take_board(self, arm: str) -> None:
        if self._digital is not None:
            self._digital.hold_board(arm, None)

    def spoils(self, number: int) -> bool:
        """Whether the view of this number is to be a bad one."""
        return self._plant is Plant.BAD_VIEW and number == _BAD_VIEW

    def T_camera_base(self, arm: str) -> Matrix | None:
        """The truth; None on hardware."""
        return None if self._digital is None else self._digital.T_camera_base(arm)

    def error_sigmas(self, name: str, arm: ArmCalibration) -> list[float] | None:
        """How many of its standard deviations each stated number of an arm is truly off: the base's place and turn,
        the zeros of the joints that are seen (counted from what the file has); None on hardware."""
        truth = self.T_camera_base(name)
        if truth is None:
            return None
        turn = Rotation.from_matrix(arm.T_camera_base[:3, :3] @ truth[:3, :3].T).as_rotvec()
        seen, zeros_rad = SEEN_JOINTS, arm.offsets_rad - self._offsets_rad[name]
        parts = (
            1000 * (arm.T_camera_base[:3, 3] - truth[:3, 3]) / arm.sigma_mm,
            np.rad2deg(turn) / arm.sigma_deg,
            np.rad2deg(zeros_rad[seen]) / arm.offsets_sigma_deg[seen],
        )
        return [float(number) for number in np.concatenate(parts)]

    def tcp_m(self, arm: str) -> np.ndarray | None:
        """(3,) where the fingertips truly are in the world; None on hardware."""
        return None if self._digital is None else self._digital.T_world_tcp(arm)[:3, 3]

    def close(self) -> None:
        self.world.close()


def _draw_forced_joint(arms: list[str], seed: int) -> dict[str, NDArray[np.float64]]:
    """One joint of one arm, which views can tell, pushed on its gears: it reads its command and stands elsewhere."""
    rng = np.random.default_rng([seed, 10])
    offsets = np.zeros(6)
    offsets[rng.choice(SEEN_JOINTS)] = FORCED_RAD * rng.choice((-1, 1))
    return {str(rng.choice(arms)): offsets}
