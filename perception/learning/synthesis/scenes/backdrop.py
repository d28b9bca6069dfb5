"""All but the objects: table, floor and wall, tags, books, robots' arms, a tray; the room, and two lamps."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from core.cell_parts import Tag
from core.transforms import Matrix, look_at, rotation_z, transform
from hardware.simulation.scene.materials import Finish, Scattering, noise, plain
from hardware.simulation.scene.meshes import Primitive
from hardware.simulation.scene.scene import ROOM_PX, Lamp, ScenePart, lamp_over_table, paint, table_top, tag_papers
from hardware.simulation.scene.triangles import Triangles, box, join_triangles, primitive, rectangle
from perception.learning.synthesis.scenes.materials import draw_material
from perception.learning.synthesis.scenes.textures import draw_colour, draw_pattern, draw_table

#: Half sizes (3,) and T_world_box.
Box = tuple[NDArray[np.float64], Matrix]
Range = tuple[int, int]
#: Share of the scenes that have each.
WALL, TRAY, TAGS = 0.35, 0.08, 0.6
#: Share of the scenes with no arm, one and two: on a polished table their mirror images look like objects.
ARMS = (0.35, 0.3, 0.35)
#: Tags a scene, and how many kinds of them there are (tag36h11).
MOST_TAGS, TAG_IDS = 7, 587
#: Where tags lie is rounded: sines differ in the last bits between processors.
DECIMALS = 9
#: Textured boxes a scene; the number is compiled into kernels, so missing ones are hidden.
BOOKS = 2
HIDDEN = transform(translation_m=(0.0, 0.0, -9.0))


@dataclass(frozen=True)
class Backdrop:
    """parts, and the boxes that objects rest against; container and tags as in
    `Scene`."""

    parts: tuple[ScenePart, ...]
    solids: tuple[Box, ...]
    container: str | None
    tags: tuple[Tag, ...] = ()


def draw_backdrop(rng: Generator, surface: str) -> Backdrop:
    """A table of one surface and its surroundings, on some of them a tray."""
    finish = draw_table(rng, surface)
    tray = rng.random() < TRAY
    size_m = rng.uniform(0.7, 2.6, 2)
    T_world_table = transform(rotation_z(rng.uniform(-np.pi, np.pi)), (*rng.uniform(-0.08, 0.08, 2), 0.0))
    table = table_top(size_m, finish, rng.uniform(0.5, 3.0)).at(T_world_table)
    parts = [table, *_room_parts(rng)]
    tags, papers = _tags(rng, size_m, T_world_table)
    parts.append(papers)
    solids: list[Box] = []
    if tray:
        solids = _tray_boxes(rng)
        walls = join_triangles([box(half).at(T) for half, T in solids])
        material = draw_material(rng, "transparent" if rng.random() < 0.3 else "ordinary")
        parts.append(ScenePart("tray", walls, material.finish))
    books = [] if tray else [_book(rng) for _ in range(BOOKS) if rng.random() < 0.4]
    for i in range(BOOKS):
        half, T = books[i] if i < len(books) else (np.full(3, 0.01), HIDDEN)
        cover = Finish(Scattering.MATTE, draw_pattern(rng))
        parts.append(ScenePart(f"book{i}", box(half, uv_per_m=rng.uniform(2.0, 8.0)).at(T), cover))
    arms = int(rng.choice(len(ARMS), p=ARMS))
    if arms:
        parts.append(draw_arms(rng, arms))
    return Backdrop(tuple(parts), (*solids, *books), "tray" if tray else None, tags)


def _room_parts(rng: Generator) -> list[ScenePart]:
    """A textured floor, and a wall behind some tables, standing on the table or on the floor."""
    floor_z = -rng.uniform(0.1, 0.9)
    floor = rectangle((9.0, 9.0), uv_span=(6.0, 6.0)).at(transform(translation_m=(0, 0, floor_z)))
    parts = [ScenePart("floor", floor, Finish(Scattering.MATTE, draw_pattern(rng)))]
    T = HIDDEN
    if rng.random() < WALL:
        azimuth, distance = rng.uniform(-np.pi, np.pi), rng.uniform(0.3, 1.4)
        T = look_at((distance * np.cos(azimuth), distance * np.sin(azimuth), 0.0), (0.0, 0.0, 0.0))
    wall = rectangle((5.0, 3.0), uv_span=(3.0, 2.0)).at(T)
    return [*parts, ScenePart("wall", wall, Finish(Scattering.MATTE, draw_pattern(rng)))]


def _tags(rng: Generator, size_m: NDArray, T_world_table: Matrix) -> tuple[tuple[Tag, ...], ScenePart]:
    """AprilTags scattered over the table, no two alike, in the world, and their papers; or none in sight."""
    count = int(rng.integers(1, MOST_TAGS + 1)) if rng.random() < TAGS else 0
    drawn = max(count, 1)
    spots = rng.uniform(-0.5, 0.5, (drawn, 2)) * np.minimum(size_m - 0.15, 1.0)
    ids = rng.choice(TAG_IDS, drawn, replace=False)
    tags = []
    for id_, spot in zip(ids, spots, strict=True):
        size, turn = round(float(rng.uniform(0.03, 0.1)), DECIMALS), rotation_z(float(rng.uniform(-np.pi, np.pi)))
        T = T_world_table @ transform(turn, (*spot, 0.0))
        x, y, yaw = (round(float(c), DECIMALS) for c in (*T[:2, 3], np.arctan2(T[1, 0], T[0, 0])))
        tags.append(Tag(id=int(id_), size_m=size, position_m=(x, y), yaw_rad=yaw))
    papers = tag_papers(tuple(tags))
    return (tuple(tags), papers) if count else ((), papers.at(HIDDEN))


def _tray_boxes(rng: Generator) -> list[Box]:
    """Four walls around the origin; the table is the floor."""
    half, height, wall = rng.uniform(0.10, 0.2, 2), rng.uniform(0.01, 0.05), rng.uniform(0.0015, 0.006)
    yaw = rotation_z(rng.uniform(-np.pi, np.pi))
    boxes: list[Box] = []
    for side, axis in ((-1, 0), (-1, 1), (1, 0), (1, 1)):
        size, at = np.array([*half, height]), np.array([0.0, 0.0, height])
        size[axis], at[axis] = wall, side * half[axis]
        boxes.append((size, transform(yaw) @ transform(translation_m=at)))
    return boxes


def _book(rng: Generator) -> Box:
    """A box of any format lying or standing away from the middle."""
    half = np.array([rng.uniform(0.03, 0.14), rng.uniform(0.02, 0.1), rng.uniform(0.004, 0.06)])
    azimuth, distance = rng.uniform(-np.pi, np.pi), rng.uniform(0.16, 0.5)
    at = (distance * np.cos(azimuth), distance * np.sin(azimuth), half[2])
    return half, transform(rotation_z(rng.uniform(-np.pi, np.pi)), at)


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
