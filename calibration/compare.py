"""How far two calibrations of a cell are apart."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from calibration.result import CellCalibration
from core.transforms import Matrix, rotation_angle


@dataclass(frozen=True)
class Difference:
    """what: `camera`, or an arm's name; how far it stands from where it stood, and is turned; zeros_deg: the largest
    change of a joint's zero, None for the camera."""

    what: str
    mm: float
    deg: float
    zeros_deg: float | None = None


def differences(a: CellCalibration, b: CellCalibration) -> Iterator[Difference]:
    """Of the camera, and of every arm that both have."""
    yield Difference("camera", *_apart(a.T_world_camera, b.T_world_camera))
    for name in sorted(a.arms.keys() & b.arms.keys()):
        one, other = a.arms[name], b.arms[name]
        zeros_deg = float(np.rad2deg(np.abs(other.offsets_rad - one.offsets_rad).max()))
        yield Difference(name, *_apart(one.T_world_base, other.T_world_base), zeros_deg)


def _apart(a: Matrix, b: Matrix) -> tuple[float, float]:
    shift_m = float(np.linalg.norm(a[:3, 3] - b[:3, 3]))
    return 1000 * shift_m, float(np.rad2deg(rotation_angle(a[:3, :3], b[:3, :3])))
