"""Tableware without an opening: can, box, ball, shaker, and a serving spoon."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from core.transforms import transform
from hardware.simulation.catalogue.collision import bars, disc, foot, stack_of_cylinders
from hardware.simulation.scene.meshes import (
    Points,
    Primitive,
    Shape,
    curve,
    fillet,
    lathe,
    rounded_box,
    sweep,
    translate,
)


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
    mesh = translate(rounded_box(half, rng.uniform(0.0015, 0.0035)), (0.0, 0.0, half[2]))
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


@dataclass(frozen=True)
class _Spoon:
    """Sizes [m]. The handle arches clear of the table, so that a gripper reaches under it."""

    length: float
    bowl_length: float
    bowl_half_width: float
    bowl_depth: float
    bowl_thickness: float
    grip_half_width: float
    grip_thickness: float
    arch: float


def spoon(rng: Generator) -> Shape:
    """A spoon along x, one closed sweep from a cupped bowl to an arched handle; it rests on bowl and tip."""
    low = [0.135, 0.044, 0.015, 0.007, 0.0020, 0.0045, 0.0042, 0.013]
    high = [0.175, 0.054, 0.019, 0.009, 0.0026, 0.0065, 0.0060, 0.016]
    sizes = _Spoon(*rng.uniform(low, high))
    # The middle line (N, 2) of (x, z): level with the bowl's rim, then over the arch down to the tip.
    x = np.concatenate([np.linspace(0.0, sizes.bowl_length, 30), np.linspace(sizes.bowl_length, sizes.length, 33)[1:]])
    rim, tip = sizes.bowl_depth + sizes.bowl_thickness / 2, sizes.grip_thickness / 2
    z = np.interp(_along_handle(sizes, x), [0.0, 0.35, 0.7, 1.0], [rim, sizes.arch, sizes.arch, tip])
    path = np.stack([x, np.convolve(np.pad(z, 3, mode="edge"), np.ones(7) / 7, mode="valid")], 1)
    mesh = sweep(path, _sections(sizes, path[:, 0]))
    shift = np.array([-sizes.length / 2, 0.0, -float(mesh.vertices_m[:, 2].min())])
    collision = _spoon_collision(sizes, path + shift[[0, 2]])
    height_m, handle_m = sizes.arch + sizes.grip_thickness / 2, 2 * sizes.grip_half_width
    parameters = {"length_m": sizes.length, "height_m": height_m, "handle_m": handle_m}
    return Shape(translate(mesh, shift), collision, parameters, metal_fill=1.0)


def _sections(s: _Spoon, x: Points) -> Points:
    """Sections (N, 40, 2): a flattened ellipse, bent into the bowl's cup."""
    handle, in_bowl = _along_handle(s, x), np.clip(x / s.bowl_length, 0.0, 1.0)
    lens = np.sqrt(np.clip(1.0 - (2.0 * in_bowl - 1.0) ** 2, 0.0, None))
    past = ((x - s.length) / s.grip_half_width + 1.0).clip(0.0)
    tip = np.sqrt(np.clip(1.0 - past**2, 0.02, None))  # rounds the handle's end
    neck = np.where(in_bowl > 0.5, s.grip_half_width * (0.6 + 0.4 * handle), 0.0006)
    width = np.maximum(s.bowl_half_width * lens, neck) * tip
    thickness = np.interp(handle, [0.0, 0.3], [s.bowl_thickness, s.grip_thickness]) * tip
    dip = s.bowl_depth * lens**1.5
    turn = np.linspace(0.0, 2 * np.pi, 40, endpoint=False)
    across, up = np.cos(turn), np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** 0.6
    height = thickness[:, None] / 2 * up - dip[:, None] * (1.0 - across**2)
    return np.stack([width[:, None] * across, height], -1)


def _along_handle(s: _Spoon, x: Points) -> Points:
    return np.clip((x - s.bowl_length) / (s.length - s.bowl_length), 0.0, 1.0)


def _spoon_collision(s: _Spoon, path: Points) -> tuple[Primitive, ...]:
    """Bars along the handle, a plate for the bowl's rim and one under it to rest on; path (N, 2) on the table."""
    middle, half = path[0, 0] + s.bowl_length / 2, s.bowl_thickness / 2
    under_m = (0.2 * s.bowl_length, 0.35 * s.bowl_half_width, half)
    rim_m = (0.42 * s.bowl_length, 0.8 * s.bowl_half_width, s.bowl_depth / 2)
    under = Primitive("box", under_m, transform(None, (middle, 0.0, half)))
    rim = Primitive("box", rim_m, transform(None, (middle, 0.0, s.bowl_thickness + s.bowl_depth / 2)))
    picks = np.linspace(30, len(path) - 1, 7).astype(int)
    return under, rim, *bars(path[picks], 0.9 * s.grip_half_width, s.grip_thickness / 2)
