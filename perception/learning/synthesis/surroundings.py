"""Drawn light: a room all around as an environment map, and two lamps above the table."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from core.transforms import look_at
from hardware.simulation.scene.surfaces import noise
from hardware.simulation.scene.surroundings import Lamp
from perception.learning.synthesis.patterns import draw_colour

ROOM_PX = (128, 256)


def draw_room(rng: Generator) -> NDArray[np.float32]:
    """Radiance (128, 256, 3) by latitude (row 0 is straight up) and longitude.

    A sky-to-floor gradient of drawn colours, cluttered with soft noise, rectangles as furniture and
    bright ones as windows and lights.
    """
    rows, columns = ROOM_PX
    height = np.linspace(1, -1, rows)[:, None, None]
    top, bottom = (draw_colour(rng, 0.1) * rng.uniform(0.2, 1.2) for _ in range(2))
    image = bottom + (top - bottom) / (1 + np.exp(-height * rng.uniform(1, 12)))
    image = np.broadcast_to(image, (rows, columns, 3)) * (1 + 0.3 * noise(rng, ROOM_PX, (4, 8), 4)[..., None])
    image = image.copy()
    for _ in range(rng.integers(0, 24)):
        _rectangle(rng, image, draw_colour(rng) * rng.uniform(0.2, 1.2), (4, 60), (4, 60), (20, 110))
    for _ in range(rng.integers(0, 4)):
        _rectangle(rng, image, rng.uniform(2, 12) * np.exp(rng.normal(0, 0.08, 3)), (8, 40), (6, 30), (10, 70))
    for _ in range(rng.integers(0, 5)):
        _rectangle(rng, image, rng.uniform(3, 20) * np.exp(rng.normal(0, 0.1, 3)), (4, 50), (2, 8), (2, 30))
    return np.maximum(image, 0.01).astype(np.float32)


def _rectangle(
    rng: Generator,
    image: NDArray,
    rgb: NDArray,
    widths: tuple[int, int],
    heights: tuple[int, int],
    rows: tuple[int, int],
) -> None:
    """Paints one between the rows given, wrapping round the horizon."""
    left, top = int(rng.integers(image.shape[1])), int(rng.integers(*rows))
    across = np.arange(left, left + int(rng.integers(*widths))) % image.shape[1]
    image[top : top + int(rng.integers(*heights)), across] = rgb


def draw_lamps(rng: Generator) -> tuple[Lamp, Lamp]:
    """From a ceiling panel to a small bright lamp close by; the second one is often all but off."""
    first = _lamp(rng, float(np.exp(rng.uniform(np.log(0.8), np.log(12.0)))))
    return first, _lamp(rng, float(rng.choice([0.02, 1.0])) * rng.uniform(0.3, 6.0))


def _lamp(rng: Generator, irradiance: float) -> Lamp:
    azimuth, height = rng.uniform(0, 2 * np.pi), rng.uniform(0.9, 2.4)
    distance, side = rng.uniform(0.2, 2.0), float(np.exp(rng.uniform(np.log(0.08), np.log(0.9))))
    eye = (distance * np.cos(azimuth), distance * np.sin(azimuth), height)
    warmth = np.array([1.0, rng.uniform(0.8, 1.05), rng.uniform(0.55, 1.2)])
    radiance = irradiance * warmth * (distance**2 + height**2) / side**2
    return Lamp(look_at(eye, (0.0, 0.0, 0.0), up=(0.1, 1.0, 0.2)), side, radiance)
