"""Collision primitives of tableware: rings of boxes a finger can reach into, stacks of cylinders, bars."""

import itertools

import numpy as np
from numpy.typing import ArrayLike

from core.transforms import rotation_z, transform
from hardware.simulation.scene.meshes import Points, Primitive

RING_BOXES = 16
#: ScenePart of each facet a ring's box covers: its corners then stand out 1 % of the radius, not 2 %.
FACET_COVER = 0.75
#: Cylinders of an upright object end this far above the table; its `foot` reaches down.
CLEAR_OF_TABLE_M = 0.001


def ring_of_boxes(outer_rz_m: ArrayLike, wall_m: float, tolerance_m: float = 0.0015) -> tuple[Primitive, ...]:
    """A hollow wall: bands of boxes tangent to the outside profile (N, 2) of (radius, z), bottom to top."""
    line = simplify(np.asarray(outer_rz_m, float), tolerance_m)
    boxes = []
    for (r0, z0), (r1, z1) in itertools.pairwise(line):
        slant = float(np.hypot(r1 - r0, z1 - z0))
        lean = float(np.arctan2(r1 - r0, z1 - z0))
        inward = np.array([-np.cos(lean), np.sin(lean)]) * wall_m / 2
        r, z = (r0 + r1) / 2 + inward[0], (z0 + z1) / 2 + inward[1]
        width = FACET_COVER * max(r0, r1) * np.tan(np.pi / RING_BOXES)
        tilt = np.array([[np.cos(lean), 0, np.sin(lean)], [0, 1, 0], [-np.sin(lean), 0, np.cos(lean)]])
        for angle in np.arange(RING_BOXES) * 2 * np.pi / RING_BOXES:
            turn = rotation_z(angle)
            boxes.append(Primitive("box", (wall_m / 2, width, slant / 2), transform(turn @ tilt, turn @ [r, 0, z])))
    return tuple(boxes)


def stack_of_cylinders(outer_rz_m: ArrayLike, tolerance_m: float = 0.0015) -> tuple[Primitive, ...]:
    """A body no finger reaches into: cylinders under the outside profile (N, 2), bottom to top, on a foot."""
    line = simplify(np.asarray(outer_rz_m, float), tolerance_m)
    line[0, 1] += CLEAR_OF_TABLE_M
    parts = [*foot(line[0, 0], 2 * CLEAR_OF_TABLE_M)]
    for (r0, z0), (r1, z1) in itertools.pairwise(line):
        pieces = max(1, round(abs(r1 - r0) / (2 * tolerance_m)))
        edges = np.linspace(0.0, 1.0, pieces + 1)
        for low, high in itertools.pairwise(edges):
            radius = r0 + (low + high) / 2 * (r1 - r0)
            parts.append(disc(radius, z0 + low * (z1 - z0), z0 + high * (z1 - z0)))
    return tuple(part for part in parts if min(part.size_m) > 1e-4)


def foot(radius_m: float, top_m: float) -> tuple[Primitive, ...]:
    """What an upright object stands on: two crossed boxes, whose eight corners lie on a circle.

    A cylinder must not stand on the table: MuJoCo 4.0 takes the lowest point of a cylinder that is
    upright to within rounding from noise, finds it millimetres inside the plane and throws it up.
    """
    half = float(radius_m / np.sqrt(2)), float(radius_m / np.sqrt(2)), float(top_m) / 2
    turns = (rotation_z(0.0), rotation_z(np.pi / 4))
    return tuple(Primitive("box", half, transform(turn, (0.0, 0.0, top_m / 2))) for turn in turns)


def disc(radius_m: float, bottom_m: float, top_m: float) -> Primitive:
    """An upright cylinder on the axis between two heights."""
    return Primitive(
        "cylinder", (float(radius_m), float(top_m - bottom_m) / 2), transform(None, (0, 0, (bottom_m + top_m) / 2))
    )


def bars(path_xz_m: ArrayLike, half_width_m: float, half_thickness_m: float) -> tuple[Primitive, ...]:
    """Boxes along a path in the xz plane: half width along y, half thickness across the path."""
    path = np.asarray(path_xz_m, float)
    boxes = []
    for (x0, z0), (x1, z1) in itertools.pairwise(path):
        length = float(np.hypot(x1 - x0, z1 - z0))
        c, s = (x1 - x0) / length, (z1 - z0) / length
        along = np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])
        T = transform(along, ((x0 + x1) / 2, 0.0, (z0 + z1) / 2))
        boxes.append(Primitive("box", (length / 2, half_width_m, half_thickness_m), T))
    return tuple(boxes)


def simplify(line: Points, tolerance_m: float) -> Points:
    """Fewest points of a polyline that stay within a tolerance of it (Douglas & Peucker, 1973)."""
    if len(line) < 3:
        return line
    chord = line[-1] - line[0]
    length = np.linalg.norm(chord)
    relative = line - line[0]
    off = np.abs(relative[:, 0] * chord[1] - relative[:, 1] * chord[0]) / length
    far = int(np.argmax(off))
    if off[far] <= tolerance_m:
        return line[[0, -1]]
    left, right = simplify(line[: far + 1], tolerance_m), simplify(line[far:], tolerance_m)
    return np.concatenate([left[:-1], right])
