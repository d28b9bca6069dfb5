"""The digital cell as a new one is: arms and camera stand elsewhere than its file says, joints read from other
zeros and not quite true, and a hand can show a printed board."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.cell_parts import ArmMount, Tag
from core.transforms import Matrix, transform
from hardware.arms.emulator import ArmPlant
from hardware.cameras.camera import Camera
from hardware.robot.kinematics import forward_kinematics
from hardware.simulation.catalogue.cell_scene import CellState
from hardware.simulation.digital_cell import DigitalCell
from hardware.simulation.drawn_boards import BoardCamera, ShownBoard
from hardware.simulation.scene.materials import Scattering, plain
from hardware.simulation.scene.scene import ScenePart, tag_papers
from hardware.simulation.scene.triangles import box
from hardware.simulation.sim_camera import SimCamera
from hardware.simulation.zero_offset import OffsetPlant

#: How far a ruler and a tape are off: arms' feet and the camera [m], an arm's turn [rad], each a standard deviation.
FEET_M, CAMERA_M, TURN_RAD = 0.008, 0.012, np.deg2rad(1.0)
#: Root mean square of what an encoder that runs out of true reads wrong [rad].
READING_RAD = np.deg2rad(0.05)
PLATE_M = 0.003


def misplace(cell: Cell, seed: int) -> Cell:
    """The cell as it truly stands, drawn from a seed."""
    rng = np.random.default_rng([seed, 14])
    arms = {
        name: mount.model_copy(
            update={
                "base_m": tuple(np.add(mount.base_m, [*rng.normal(0.0, FEET_M, 2), abs(rng.normal(0.0, FEET_M / 4))])),
                "yaw_rad": mount.yaw_rad + float(rng.normal(0.0, TURN_RAD)),
            }
        )
        for name, mount in cell.arms.items()
    }
    camera = cell.camera.model_copy(
        update={
            "position_m": tuple(np.add(cell.camera.position_m, rng.normal(0.0, CAMERA_M, 3))),
            "target_m": tuple(np.add(cell.camera.target_m, rng.normal(0.0, CAMERA_M, 3))),
        }
    )
    return cell.model_copy(update={"arms": arms, "camera": camera})


@dataclass
class HeldBoard:
    """A board in a hand: its tags, print and plate in the board's frame (tags in z = 0), and where that is in the
    tool's."""

    tags: tuple[Tag, ...]
    parts: tuple[ScenePart, ...]
    T_tcp_board: Matrix

    @classmethod
    def printed(cls, tags: Sequence[Tag], size_m: tuple[float, float], T_tcp_board: Matrix) -> "HeldBoard":
        half = (size_m[0] / 2, size_m[1] / 2, PLATE_M / 2)
        plate = box(half).at(transform(translation_m=(0.0, 0.0, -PLATE_M / 2)))
        white = plain(Scattering.MATTE, (0.85, 0.85, 0.85))
        return cls(tuple(tags), (tag_papers(tuple(tags)), ScenePart("plate", plate, white)), T_tcp_board)


class MisplacedCell(DigitalCell):
    """`cell` is what its file says; the truth is `misplace` of it. Seen by nobody but a calibration's own judge."""

    camera: Camera  # type: ignore[assignment]

    def __init__(
        self,
        cell: Cell,
        seed: int,
        offsets_rad: Mapping[str, NDArray[np.float64]] | None = None,
        mounts: Mapping[str, ArmMount] | None = None,
        is_drawn: bool = False,
        width_offset_m: float = 0.0,
    ) -> None:
        """offsets_rad: by arm (6,), what its joints truly are less what they report; mounts: what drivers are told;
        is_drawn: its pictures are drawn in a tenth of a second instead of path-traced; width_offset_m: what grippers
        read too much."""
        self._mounts = mounts or cell.arms
        self._offsets_rad = {name: np.zeros(6) for name in cell.arms} | dict(offsets_rad or {})
        self._rng = np.random.default_rng([seed, 41])
        self._boards: dict[str, HeldBoard] = {}
        self._width_offset_m = width_offset_m
        super().__init__(misplace(cell, seed), seed)
        self.camera = (
            BoardCamera(self._cell, self._snapshot, self.clock, self._shown, seed)
            if is_drawn
            else SimCamera(self._cell, self._snapshot, self.clock, seed=seed, has_depth=False)
        )

    def hold_board(self, arm: str, board: HeldBoard | None) -> None:
        """Puts a board between an arm's fingers, or takes it away."""
        self._boards.pop(arm, None)
        if board is not None:
            self._boards[arm] = board

    def T_camera_base(self, arm: str) -> Matrix:
        """The truth, for evaluation only."""
        return np.linalg.inv(self._T_world_camera) @ self._cell.arms[arm].T_world_base

    def T_world_tcp(self, arm: str) -> Matrix:
        """The truth, for evaluation only."""
        mount = self._cell.arms[arm]
        return mount.T_world_base @ forward_kinematics(self._physics.plant(arm).joints_rad(), mount.firmware)

    def _shown(self) -> list[ShownBoard]:
        return [(board.tags, self.T_world_tcp(arm) @ board.T_tcp_board) for arm, board in self._boards.items()]

    def _plant(self, name: str) -> ArmPlant:
        return OffsetPlant(
            self._physics.plant(name), self._offsets_rad[name], READING_RAD, self._rng, self._width_offset_m
        )

    def _mount(self, name: str) -> ArmMount:
        return self._mounts[name]

    def _snapshot(self) -> CellState:
        state = super()._snapshot()
        held = tuple(
            (part, self.T_world_tcp(arm) @ board.T_tcp_board)
            for arm, board in self._boards.items()
            for part in board.parts
        )
        return CellState(state.surface, state.objects, state.robot, state.T_world_camera, state.appearance_seed, held)
