"""What lights a scene: lamps above the table, and a room far away, which glass bends and metal mirrors."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.transforms import Matrix, look_at

#: A room's radiance by latitude (row 0 is straight up) and longitude: coarse enough to sample quickly; mirrors
#: show it a little out of focus.
ROOM_PX = (128, 256)


@dataclass(frozen=True)
class Lamp:
    """A square lamp: it shines along its own +z."""

    T_world_lamp: Matrix
    side_m: float
    radiance: NDArray[np.float64]


def lamp_over_table(
    azimuth_rad: float, distance_m: float, height_m: float, side_m: float, irradiance: NDArray[np.float64]
) -> Lamp:
    """A lamp that faces the table's centre and brings it this linear RGB irradiance (3,).

    Args:
        distance_m: from the table's centre, along the table.
    """
    eye_m = (distance_m * np.cos(azimuth_rad), distance_m * np.sin(azimuth_rad), height_m)
    radiance = irradiance * (distance_m**2 + height_m**2) / side_m**2
    return Lamp(look_at(eye_m, (0.0, 0.0, 0.0), up=(0.1, 1.0, 0.2)), side_m, radiance)


def paint(room: NDArray, left: float, width: float, rows: slice, rgb: NDArray) -> None:
    """Paints a rectangle of a room, columns wrapping round."""
    room[rows, np.arange(int(left), int(left + width)) % room.shape[1]] = rgb
