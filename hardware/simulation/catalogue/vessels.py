"""Hollow tableware: walls of even thickness around a curve, open at the top.

Each function draws one shape of its family. Sizes keep every vessel within a 100 mm gripper: across the
body, or by the rim where the body is wider.
"""

import numpy as np
from numpy.random import Generator

from hardware.simulation.catalogue.collision import (
    CLEAR_OF_TABLE_M,
    bars,
    disc,
    foot,
    ring_of_boxes,
    simplify,
    stack_of_cylinders,
)
from hardware.simulation.scene.meshes import Points, Shape, curve, lathe, merge, rod, vessel_profile


def tumbler(rng: Generator) -> Shape:
    """A straight or tapered drinking glass with a heavy base."""
    top, taper = rng.uniform(0.030, 0.040), rng.uniform(0.78, 1.0)
    height, wall, base = rng.uniform(0.085, 0.140), rng.uniform(0.0018, 0.0032), rng.uniform(0.005, 0.012)
    outer = np.stack([np.linspace(top * taper, top, 12), np.linspace(0.0, height, 12)], 1)
    return _vessel(outer, wall, base, 0.003, top * taper - 0.001)


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
    return Shape(mesh, collision, _sizes(outer, wall) | {"stem_m": 2 * stem, "foot_m": 2 * base})


def jar(rng: Generator) -> Shape:
    """A wide-mouthed preserving jar: straight body, shoulder, short neck."""
    body, height = rng.uniform(0.030, 0.040), rng.uniform(0.075, 0.130)
    neck, wall, base = body * rng.uniform(0.80, 0.90), rng.uniform(0.0025, 0.0038), rng.uniform(0.004, 0.006)
    shoulder = height - rng.uniform(0.024, 0.030)
    outer = curve([(body, 0.0), (body, shoulder), (neck, shoulder + 0.011), (neck, height)], 32)
    return _vessel(outer, wall, base, 0.004, body - 0.001, neck_m=2 * neck)


def bowl(rng: Generator) -> Shape:
    """A small bowl, taken by its rim or, when narrow, across."""
    rim, height = rng.uniform(0.040, 0.060), rng.uniform(0.045, 0.065)
    bottom, wall, base = rim * rng.uniform(0.45, 0.6), rng.uniform(0.0030, 0.0045), rng.uniform(0.004, 0.006)
    belly = bottom + rng.uniform(0.62, 0.75) * (rim - bottom)
    outer = curve([(bottom, 0.0), (belly, 0.3 * height), (rim, height)], 32)
    mesh = lathe(vessel_profile([(0.0, 0.0)], outer, wall, base, 0.003))
    collision = (*foot(bottom, base), *ring_of_boxes(_from(outer, base / 2), wall, 0.002))
    return Shape(mesh, collision, _sizes(outer, wall))


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
    body = _vessel(outer, wall, base, 0.004, outer[0, 0] - 0.001, handle_m=reach)
    handle = bars(simplify(path, 0.004), 1.5 * grip, grip)
    mesh = merge(body.mesh, rod(path, 1.5 * grip, grip, 24))
    return Shape(mesh, (*body.collision, *handle), body.parameters)


def bottle(rng: Generator) -> Shape:
    """A bottle with shoulder, narrow neck and lip. No finger fits inside, so it collides as a solid."""
    body, height = rng.uniform(0.026, 0.036), rng.uniform(0.150, 0.200)
    neck, wall = rng.uniform(0.0105, 0.0130), rng.uniform(0.0018, 0.0028)
    shoulder = height * rng.uniform(0.48, 0.60)
    throat = shoulder + rng.uniform(0.032, 0.048)
    lip = [(neck, height - 0.0125), (neck + 0.0022, height - 0.0105), (neck + 0.0022, height)]
    outer = curve([(body, 0.0), (body, shoulder), (neck, throat), *lip], 72)
    return _vessel(outer, wall, 0.005, 0.004, neck_m=2 * neck)


def flask(rng: Generator) -> Shape:
    """A conical laboratory flask (Erlenmeyer) with a straight neck; collides as a solid."""
    bottom, height = rng.uniform(0.032, 0.040), rng.uniform(0.100, 0.135)
    neck, wall = rng.uniform(0.0120, 0.0150), rng.uniform(0.0018, 0.0025)
    throat = height * rng.uniform(0.68, 0.75)
    cone = [(0.93 * bottom, 0.0), (bottom, 0.007), (neck + 0.07 * bottom, throat - 0.006), (neck, throat)]
    return _vessel(curve([*cone, (neck, height)], 64), wall, 0.003, 0.002, neck_m=2 * neck)


def _vessel(
    outer: Points, wall_m: float, base_m: float, round_m: float, foot_m: float | None = None, **sizes_m: float
) -> Shape:
    """A wall around a profile on a flat base; on a foot of this radius, or colliding as a solid where it has none."""
    mesh = lathe(vessel_profile([(0.0, 0.0)], outer, wall_m, base_m, round_m))
    if foot_m is None:
        collision = stack_of_cylinders(outer)
    else:
        collision = (*foot(foot_m, base_m), *ring_of_boxes(_from(outer, CLEAR_OF_TABLE_M), wall_m))
    return Shape(mesh, collision, _sizes(outer, wall_m) | sizes_m)


def _from(outer_rz: Points, z_m: float) -> Points:
    """The part of an outside profile above a height, cut exactly there."""
    cut = np.array([[np.interp(z_m, outer_rz[:, 1], outer_rz[:, 0]), z_m]])
    return np.concatenate([cut, outer_rz[outer_rz[:, 1] > z_m + 1e-4]])


def _sizes(outer_rz: Points, wall_m: float) -> dict[str, float]:
    return {"height_m": float(outer_rz[-1, 1]), "diameter_m": float(2 * outer_rz[:, 0].max()), "wall_m": float(wall_m)}
