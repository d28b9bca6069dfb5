"""What stands around drawn scenes: robots' arms, a room as an environment map, and two lamps above the table."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from core.transforms import look_at, transform
from hardware.simulation.scene.materials import Scattering, noise, plain
from hardware.simulation.scene.meshes import Primitive
from hardware.simulation.scene.scene import ROOM_PX, Lamp, ScenePart, lamp_over_table, paint
from hardware.simulation.scene.triangles import Triangles, box, join_triangles, primitive
from perception.learning.synthesis.scenes.textures import draw_colour

Range = tuple[int, int]


def draw_room(rng: Generator) -> NDArray[np.float32]:
    """Radiance (128, 256, 3), as `ROOM_PX` tells.

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


def _rectangle(rng: Generator, image: NDArray, rgb: NDArray, widths: Range, heights: Range, rows: Range) -> None:
    """Paints one between the rows given, wrapping round the horizon."""
    left, top = int(rng.integers(image.shape[1])), int(rng.integers(*rows))
    width, height = int(rng.integers(*widths)), int(rng.integers(*heights))
    paint(image, left, width, slice(top, top + height), rgb)


def draw_lamps(rng: Generator) -> tuple[Lamp, Lamp]:
    """From a ceiling panel to a small bright lamp close by; the second one is often all but off."""
    first = _lamp(rng, float(np.exp(rng.uniform(np.log(0.8), np.log(12.0)))))
    return first, _lamp(rng, float(rng.choice([0.02, 1.0])) * rng.uniform(0.3, 6.0))


def _lamp(rng: Generator, irradiance: float) -> Lamp:
    azimuth, height = rng.uniform(0, 2 * np.pi), rng.uniform(0.9, 2.4)
    distance, side = rng.uniform(0.2, 2.0), float(np.exp(rng.uniform(np.log(0.08), np.log(0.9))))
    warmth = np.array([1.0, rng.uniform(0.8, 1.05), rng.uniform(0.55, 1.2)])
    return lamp_over_table(azimuth, distance, height, side, irradiance * warmth)


def draw_arms(rng: Generator, count: int) -> ScenePart:
    """Thick links from the table's edge to above it, as parked robots show."""
    links = [link for _ in range(count) for link in _links(rng)]
    grey = rng.choice([0.03, 0.3, 0.8]) * np.exp(rng.normal(0, 0.2, 3))
    return ScenePart("arm", join_triangles(links), plain(Scattering.MATTE, grey.clip(0.02, 0.88)))


def _links(rng: Generator) -> list[Triangles]:
    azimuth = rng.uniform(-np.pi, np.pi)
    joint = 0.35 * np.array([np.cos(azimuth), np.sin(azimuth), 0.0]) + rng.normal(0, 0.08, 3) * [1, 1, 0]
    links: list[Triangles] = []
    for _ in range(int(rng.integers(2, 5))):
        step = rng.normal(0, 0.07, 3) + np.array([0, 0, 0.08])
        end = joint + step
        end[2] = max(end[2], 0.06)
        middle, length = (joint + end) / 2, float(np.linalg.norm(end - joint))
        T = look_at(tuple(middle), tuple(end), up=(0.3, 0.9, 0.1))
        radius = rng.uniform(0.02, 0.04)
        links.append(primitive(Primitive("capsule", (radius, length / 2), np.eye(4))).at(T))
        joint = end
    return [*links, *_hand(rng, joint)]


def _hand(rng: Generator, wrist: NDArray) -> list[Triangles]:
    """A palm and two fingers that point about downwards, well above the table."""
    wide, long, heading = rng.uniform(0.03, 0.07), rng.uniform(0.02, 0.05), rng.uniform(-np.pi, np.pi)
    lowest_m = 2 * long + 0.1
    at = (wrist[0], wrist[1], max(wrist[2], lowest_m))
    down = np.array([rng.normal(0, 0.4), rng.normal(0, 0.4), -1.0])
    T = look_at(at, (at[0] + down[0], at[1] + down[1], at[2] + down[2]), up=(np.cos(heading), np.sin(heading), 0.1))
    palm = box(np.array([wide, 0.02, long])).at(T)
    fingers = [
        box(np.array([0.006, 0.01, long])).at(T @ transform(translation_m=(side * wide * 0.8, 0.0, 1.9 * long)))
        for side in (-1, 1)
    ]
    return [palm, *fingers]
