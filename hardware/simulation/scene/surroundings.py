"""What stands around the table, drawn from a seed: a room far away and the lamps above."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.transforms import Matrix, look_at

#: Coarse enough to sample quickly; mirrors show the room a little out of focus.
ROOM_PX = (128, 256)


@dataclass(frozen=True)
class Lamp:
    """A square lamp: it shines along its own +z."""

    T_world_lamp: Matrix
    side_m: float
    radiance: NDArray[np.float64]


def lamps(seed: int) -> tuple[Lamp, ...]:
    """Two lamps above the table, one of them often faint."""
    rng = np.random.default_rng([seed, 2])
    placed = []
    for strength in (rng.uniform(4.0, 9.0), rng.uniform(0.3, 4.0)):
        azimuth, height = rng.uniform(0, 2 * np.pi), rng.uniform(1.3, 2.0)
        distance = rng.uniform(0.3, 1.4)
        eye = (distance * np.cos(azimuth), distance * np.sin(azimuth), height)
        side = rng.uniform(0.2, 0.5)
        irradiance = strength * np.array([1.0, rng.uniform(0.86, 1.0), rng.uniform(0.7, 1.0)])
        facing_table = look_at(eye, (0.0, 0.0, 0.0), up=(0.1, 1.0, 0.2))
        placed.append(Lamp(facing_table, side, irradiance * (distance**2 + height**2) / side**2))
    return tuple(placed)


def room(seed: int) -> NDArray[np.float32]:
    """Radiance (128, 256, 3) of the room around, by latitude (row 0 is straight up) and longitude.

    Walls with windows, doors, shelves and pictures give glass something to bend and metal something to mirror.
    """
    rng = np.random.default_rng([seed, 3])
    rows, columns = ROOM_PX
    elevation = (np.pi / 2 - (np.arange(rows) + 0.5) / rows * np.pi)[:, None]
    azimuth = ((np.arange(columns) + 0.5) / columns * 2 * np.pi)[None, :]
    wall = rng.uniform(0.2, 0.55) * rng.uniform(0.85, 1.1, 3)
    image = np.broadcast_to(wall, (rows, columns, 3)).copy()
    image *= (0.75 + 0.35 * np.sin(elevation).clip(-1, 1) + 0.12 * np.cos(azimuth - rng.uniform(0, 6)))[..., None]
    for _ in range(rng.integers(8, 16)):
        low = rng.uniform(-0.4, 0.3)
        _paint(
            image,
            rng.uniform(0, columns),
            rng.uniform(8, 50),
            (low, low + rng.uniform(0.1, 0.6)),
            rng.uniform(0.03, 0.9, 3),
        )
    for _ in range(rng.integers(1, 4)):
        sky = rng.uniform(2.0, 6.0) * np.array([0.9, 1.0, 1.1])
        _paint(image, rng.uniform(0, columns), rng.uniform(10, 25), (0.05, rng.uniform(0.4, 0.8)), sky)
    ceiling = elevation[:, 0] > rng.uniform(0.7, 0.95)
    image[ceiling] = wall * 0.6 + 0.4
    for _ in range(rng.integers(1, 5)):
        low = rng.uniform(0.95, 1.25)
        _paint(
            image,
            rng.uniform(0, columns),
            rng.uniform(15, 45),
            (low, low + rng.uniform(0.06, 0.15)),
            np.full(3, rng.uniform(4, 9)),
        )
    return np.maximum(image, 0.01).astype(np.float32)


def _muted(rng: np.random.Generator) -> NDArray[np.float64]:
    """The colour of a door, a shelf or a picture: mostly grey."""
    grey = rng.uniform(0.04, 0.8)
    return grey + 0.25 * grey * rng.uniform(-1, 1, 3)


def _paint(image: NDArray, column: float, width: float, elevations: tuple[float, float], rgb: NDArray) -> None:
    """Paints a rectangle of latitude and longitude, wrapping round."""
    rows = image.shape[0]
    top, bottom = (int((0.5 - e / np.pi) * rows) for e in reversed(elevations))
    across = np.arange(int(column), int(column + width)) % image.shape[1]
    image[max(top, 0) : bottom, across] = rgb
