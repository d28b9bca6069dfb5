"""Hollow tableware: walls of even thickness around a curve, open at the top.

Each function draws one shape of its family. Sizes keep every vessel within a 100 mm gripper: across the
body, or by the rim where the body is wider.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator

from hardware.simulation.scene.scene import Mesh, Primitive
from hardware.simulation.scene.tableware_collision import (
    CLEAR_OF_TABLE_M,
    bars,
    disc,
    foot,
    ring_of_boxes,
    simplified,
    stack_of_cylinders,
)
from hardware.simulation.scene.tableware_mesh import fillet, lathe, merged, sweep

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Shape:
    """A drawn geometry. solidity is the part of the mesh's volume that is material (1 for walls)."""

    mesh: Mesh
    collision: tuple[Primitive, ...]
    parameters: dict[str, float]
    solidity: float = 1.0
    #: Part of it that is left in metal: pressed from thinner sheet than drawn, or hollow.
    metal_fill: float = 0.25


def curve(knots_rz_m: ArrayLike, count: int = 28) -> Points:
    """A smooth outside profile (count, 2) of (radius, z) through knots of increasing z, without overshoot."""
    knots = np.asarray(knots_rz_m, float)
    z = np.linspace(knots[0, 1], knots[-1, 1], count)
    return np.stack([PchipInterpolator(knots[:, 1], knots[:, 0])(z), z], 1)


def inner_wall(outer_rz: Points, wall_m: float, floor_m: float) -> Points:
    """The inside of a wall: the outside curve moved inwards by its thickness, from the floor up."""
    along = np.gradient(outer_rz, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    inner = outer_rz + wall_m * np.stack([-along[:, 1], along[:, 0]], 1)
    inner = inner[(inner[:, 0] > 1e-3) & (inner[:, 1] > floor_m)]
    inner[-1, 1] = outer_rz[-1, 1]
    return inner


def vessel_profile(below: ArrayLike, outer_rz: Points, wall_m: float, floor_m: float, round_m: float) -> Points:
    """The closed outline of a vessel: `below` (from the axis to where the outside starts), out, rim, in.

    round_m rounds the foot's edge and the inside of the floor.
    """
    inner = inner_wall(outer_rz, wall_m, floor_m)[::-1]
    middle, half = (outer_rz[-1] + inner[0]) / 2, (outer_rz[-1, 0] - inner[0, 0]) / 2
    turn = np.linspace(0.0, np.pi, 9)
    rim = middle + half * np.stack([np.cos(turn), np.sin(turn)], 1)
    outside = fillet(np.concatenate([np.reshape(below, (-1, 2)), outer_rz]), round_m)
    corner = np.array([[np.interp(floor_m, inner[::-1, 1], inner[::-1, 0]), floor_m], [0.0, floor_m]])
    inside = fillet(np.concatenate([inner, corner]), round_m)
    return np.concatenate([outside[:-1], rim, inside[1:]])


def tumbler(rng: Generator) -> Shape:
    """A straight or tapered drinking glass with a heavy base."""
    top, taper = rng.uniform(0.030, 0.040), rng.uniform(0.78, 1.0)
    height, wall, base = rng.uniform(0.085, 0.140), rng.uniform(0.0018, 0.0032), rng.uniform(0.005, 0.012)
    outer = np.stack([np.linspace(top * taper, top, 12), np.linspace(0.0, height, 12)], 1)
    mesh = lathe(vessel_profile([(0.0, 0.0)], outer, wall, base, 0.003))
    collision = (*foot(top * taper - 0.001, base), *ring_of_boxes(_from(outer, CLEAR_OF_TABLE_M), wall))
    return Shape(mesh, collision, _sizes(outer, wall, height))


def wine_glass(rng: Generator) -> Shape:
    """A bowl on a stem on a flat foot."""
    height, bowl = rng.uniform(0.140, 0.190), rng.uniform(0.029, 0.038)
    base, stem = rng.uniform(0.030, 0.036), rng.uniform(0.0035, 0.0050)
    start, wall = height * rng.uniform(0.42, 0.52), rng.uniform(0.0015, 0.0022)
    rim, waist = bowl * rng.uniform(0.74, 0.92), start + rng.uniform(0.38, 0.5) * (height - start)
    deep = start + 0.14 * (waist - start)
    outer = curve([(stem, start), (0.62 * bowl, deep), (bowl, waist), (rim, height)], 36)
    below = [(0.0, 0.0), (base, 0.0), (base, 0.0018), (0.45 * base, 0.0038), (1.3 * stem, 0.008), (stem, 0.016)]
    mesh = lathe(vessel_profile([*below, (stem, start - 0.004)], outer, wall, start + 0.0045, 0.0018))
    stalk = disc(stem, 0.003, start + 0.004)
    stand = (*foot(base, 0.003), disc(base, 0.001, 0.003))
    collision = (*stand, stalk, *ring_of_boxes(_from(outer, start + 0.001), wall, 0.002))
    return Shape(mesh, collision, _sizes(outer, wall, height) | {"stem_m": 2 * stem, "foot_m": 2 * base})


def jar(rng: Generator) -> Shape:
    """A wide-mouthed preserving jar: straight body, shoulder, short neck."""
    body, height = rng.uniform(0.030, 0.040), rng.uniform(0.075, 0.130)
    neck, wall, base = body * rng.uniform(0.80, 0.90), rng.uniform(0.0025, 0.0038), rng.uniform(0.004, 0.006)
    shoulder = height - rng.uniform(0.024, 0.030)
    outer = curve([(body, 0.0), (body, shoulder), (neck, shoulder + 0.011), (neck, height)], 32)
    mesh = lathe(vessel_profile([(0.0, 0.0)], outer, wall, base, 0.004))
    collision = (*foot(body - 0.001, base), *ring_of_boxes(_from(outer, CLEAR_OF_TABLE_M), wall))
    return Shape(mesh, collision, _sizes(outer, wall, height) | {"neck_m": 2 * neck})


def bowl(rng: Generator) -> Shape:
    """A small bowl, taken by its rim or, when narrow, across."""
    rim, height = rng.uniform(0.040, 0.060), rng.uniform(0.045, 0.065)
    bottom, wall, base = rim * rng.uniform(0.45, 0.6), rng.uniform(0.0030, 0.0045), rng.uniform(0.004, 0.006)
    belly = bottom + rng.uniform(0.62, 0.75) * (rim - bottom)
    outer = curve([(bottom, 0.0), (belly, 0.3 * height), (rim, height)], 32)
    mesh = lathe(vessel_profile([(0.0, 0.0)], outer, wall, base, 0.003))
    collision = (*foot(bottom, base), *ring_of_boxes(_from(outer, base / 2), wall, 0.002))
    return Shape(mesh, collision, _sizes(outer, wall, height))


def mug(rng: Generator) -> Shape:
    """A straight mug with a handle along +x."""
    radius, height = rng.uniform(0.034, 0.040), rng.uniform(0.080, 0.105)
    wall, base = rng.uniform(0.0030, 0.0045), rng.uniform(0.005, 0.007)
    outer = np.stack([np.linspace(radius * rng.uniform(0.92, 1.0), radius, 12), np.linspace(0.0, height, 12)], 1)
    low, high, reach = 0.22 * height, 0.82 * height, rng.uniform(0.024, 0.032)
    turn = np.linspace(-np.pi / 2, np.pi / 2, 25)
    roots = np.interp([low, high], outer[:, 1], outer[:, 0]) - wall / 2
    root = np.interp(turn, [-np.pi / 2, np.pi / 2], roots)
    rounding = np.abs(np.cos(turn)) ** 0.7
    path = np.stack([root + reach * rounding, (low + high) / 2 + (high - low) / 2 * np.sin(turn)], 1)
    grip = rng.uniform(0.0035, 0.0048)
    around = np.linspace(0.0, 2 * np.pi, 24, endpoint=False)
    section = np.stack([1.5 * grip * np.cos(around), grip * np.sin(around)], 1)
    handle = sweep(path, np.broadcast_to(section, (len(path), *section.shape)))
    mesh = merged(lathe(vessel_profile([(0.0, 0.0)], outer, wall, base, 0.004)), handle)
    wall_boxes = ring_of_boxes(_from(outer, CLEAR_OF_TABLE_M), wall)
    collision = (*foot(outer[0, 0] - 0.001, base), *wall_boxes, *bars(simplified(path, 0.004), 1.5 * grip, grip))
    return Shape(mesh, collision, _sizes(outer, wall, height) | {"handle_m": reach})


def bottle(rng: Generator) -> Shape:
    """A bottle with shoulder, narrow neck and lip. No finger fits inside, so it collides as a solid."""
    body, height = rng.uniform(0.026, 0.036), rng.uniform(0.150, 0.200)
    neck, wall = rng.uniform(0.0105, 0.0130), rng.uniform(0.0018, 0.0028)
    shoulder = height * rng.uniform(0.48, 0.60)
    throat = shoulder + rng.uniform(0.032, 0.048)
    lip = [(neck, height - 0.0125), (neck + 0.0022, height - 0.0105), (neck + 0.0022, height)]
    outer = curve([(body, 0.0), (body, shoulder), (neck, throat), *lip], 72)
    mesh = lathe(vessel_profile([(0.0, 0.0)], outer, wall, 0.005, 0.004))
    return Shape(mesh, stack_of_cylinders(outer), _sizes(outer, wall, height) | {"neck_m": 2 * neck})


def flask(rng: Generator) -> Shape:
    """A conical laboratory flask (Erlenmeyer) with a straight neck; collides as a solid."""
    bottom, height = rng.uniform(0.032, 0.040), rng.uniform(0.100, 0.135)
    neck, wall = rng.uniform(0.0120, 0.0150), rng.uniform(0.0018, 0.0025)
    throat = height * rng.uniform(0.68, 0.75)
    knots = [
        (0.93 * bottom, 0.0),
        (bottom, 0.007),
        (neck + 0.07 * bottom, throat - 0.006),
        (neck, throat),
        (neck, height),
    ]
    outer = curve(knots, 64)
    mesh = lathe(vessel_profile([(0.0, 0.0)], outer, wall, 0.003, 0.002))
    return Shape(mesh, stack_of_cylinders(outer), _sizes(outer, wall, height) | {"neck_m": 2 * neck})


def _from(outer_rz: Points, z_m: float) -> Points:
    """The part of an outside profile above a height, cut exactly there."""
    cut = np.array([[np.interp(z_m, outer_rz[:, 1], outer_rz[:, 0]), z_m]])
    return np.concatenate([cut, outer_rz[outer_rz[:, 1] > z_m + 1e-4]])


def _sizes(outer_rz: Points, wall_m: float, height_m: float) -> dict[str, float]:
    return {"height_m": float(height_m), "diameter_m": float(2 * outer_rz[:, 0].max()), "wall_m": float(wall_m)}
