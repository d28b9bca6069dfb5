"""How far, and which way, something is from where the cell's file has it: the camera by its tags, or a tag."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import degrees

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from core.cell import Cell
from core.transforms import Matrix, invert
from perception.depth_types import TableView

#: What is a smaller share of the whole is not worth a word.
_WORTH_SAYING = 0.25


@dataclass(frozen=True)
class CameraShift:
    """moved_m, turned_rad (a rotation vector), (3,) each: in the axes of the camera as it should be."""

    moved_m: NDArray[np.float64]
    turned_rad: NDArray[np.float64]

    @property
    def distance_m(self) -> float:
        return float(np.linalg.norm(self.moved_m))

    @property
    def turn_rad(self) -> float:
        return float(np.linalg.norm(self.turned_rad))

    def __str__(self) -> str:
        """As a person behind the camera sees it: `31 mm (30 to its left, 9 down) and 1.2° (1.2 to its right)`."""
        moved = _ways(1000 * self.moved_m, (("to its right", "to its left"), ("down", "up"), ("nearer", "back")), ".0f")
        turns = (("up", "down"), ("to its right", "to its left"), ("clockwise", "anticlockwise"))
        turned = _ways(np.rad2deg(self.turned_rad), turns, ".1f")
        return f"{1000 * self.distance_m:.0f} mm{moved} and {degrees(self.turn_rad):.1f}°{turned}"


def camera_shift(view: TableView, cell: Cell) -> CameraShift:
    """How the tags place the camera from where the cell has it."""
    T = invert(cell.camera.T_world_camera) @ invert(view.T_camera_world)
    return CameraShift(T[:3, 3], Rotation.from_matrix(T[:3, :3]).as_rotvec())


def ways_in_picture(moved_m: NDArray[np.float64], T_camera_world: Matrix) -> str:
    """Of a shift (2,) on the table, as the camera sees it: ` (12 right, 5 up) in the picture` [mm]."""
    right, down = T_camera_world[0, :2], T_camera_world[1, :2]
    along = [moved_m @ axis / max(float(np.linalg.norm(axis)), 1e-9) for axis in (right, down)]
    return f"{_ways(1000 * np.array(along), (('right', 'left'), ('down', 'up')), '.0f')} in the picture"


def _ways(amounts: NDArray[np.float64], words: Sequence[tuple[str, str]], form: str) -> str:
    """amounts: along each axis; words: for each axis which way is positive, and which negative."""
    least = max(_WORTH_SAYING * float(np.linalg.norm(amounts)), 0.05)
    pairs = zip(amounts.tolist(), words, strict=True)
    said = [f"{abs(one):{form}} {way[one < 0]}" for one, way in pairs if abs(one) >= least]
    return f" ({', '.join(said)})" if said else ""
