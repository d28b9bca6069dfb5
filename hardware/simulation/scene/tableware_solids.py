"""Tableware without an opening: can, box, ball and shaker."""

import numpy as np
from numpy.random import Generator

from core.transforms import transform
from hardware.simulation.scene.scene import Primitive
from hardware.simulation.scene.tableware_collision import disc, foot, stack_of_cylinders
from hardware.simulation.scene.tableware_mesh import fillet, lathe, moved, rounded_box
from hardware.simulation.scene.tableware_vessels import Shape, curve


def can(rng: Generator) -> Shape:
    """A drinks can: straight body, tapered ends, recessed lid. Closed, so its weight is its filling's part."""
    radius, height = rng.uniform(0.026, 0.034), rng.uniform(0.085, 0.125)
    end, taper = 0.86 * radius, rng.uniform(0.008, 0.012)
    body = [(radius, taper), (radius, height - taper), (end, height)]
    lid = [(end - 0.0025, height), (end - 0.0035, height - 0.004), (0.0, height - 0.004)]
    mesh = lathe(fillet([(0.0, 0.0), (end, 0.0), *body, *lid], 0.0025))
    stand = (*foot(end, 0.002), disc(end, 0.001, height))
    collision = (*stand, disc(radius, taper, height - taper))
    return Shape(mesh, collision, {"height_m": height, "diameter_m": 2 * radius}, solidity=0.3)


def box(rng: Generator) -> Shape:
    """A block or packet with rounded edges, standing on one of its faces."""
    half = rng.uniform([0.016, 0.022, 0.020], [0.033, 0.042, 0.060])
    mesh = moved(rounded_box(half, rng.uniform(0.0015, 0.0035)), (0.0, 0.0, half[2]))
    collision = (Primitive("box", tuple(map(float, half)), transform(None, (0.0, 0.0, half[2]))),)
    sizes = {f"size_{axis}_m": float(2 * h) for axis, h in zip("xyz", half, strict=True)}
    return Shape(mesh, collision, sizes | {"height_m": float(2 * half[2])}, solidity=0.35)


def ball(rng: Generator) -> Shape:
    """A sphere."""
    radius = rng.uniform(0.020, 0.034)
    turn = np.linspace(-np.pi / 2, np.pi / 2, 41)
    profile = radius * np.stack([np.cos(turn), 1.0 + np.sin(turn)], 1)
    collision = (Primitive("sphere", (float(radius),), transform(None, (0.0, 0.0, radius))),)
    return Shape(lathe(profile), collision, {"height_m": 2 * radius, "diameter_m": 2 * radius}, solidity=0.5)


def shaker(rng: Generator) -> Shape:
    """A salt or sugar shaker: waisted body, a groove, a flat-topped cap."""
    bottom, height = rng.uniform(0.022, 0.030), rng.uniform(0.070, 0.105)
    waist, neck = bottom * rng.uniform(0.74, 0.86), bottom * rng.uniform(0.84, 0.92)
    cap, seam = 1.06 * neck, height * rng.uniform(0.70, 0.78)
    body = curve([(bottom, 0.0), (waist, 0.55 * seam), (neck, seam)], 24)
    lid = [(neck, seam + 0.002), (cap, seam + 0.003), (cap, height - 0.008), (0.72 * cap, height), (0.0, height)]
    mesh = lathe(np.concatenate([fillet([(0.0, 0.0), *body], 0.0025), fillet([body[-1], *lid], 0.004)[1:]]))
    sizes = {"height_m": height, "diameter_m": 2 * bottom}
    outer = np.concatenate([body, lid[:-1]])
    return Shape(mesh, stack_of_cylinders(outer, 0.0005), sizes, solidity=0.4)
