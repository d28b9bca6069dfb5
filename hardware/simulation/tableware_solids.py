"""Tableware without an opening: can, box, ball, shaker and spoon."""

import numpy as np
from numpy.random import Generator

from hardware.simulation.scene import Primitive
from hardware.simulation.tableware_collision import bars, disc, foot, stack_of_cylinders
from hardware.simulation.tableware_mesh import fillet, lathe, moved, rounded_box, sweep
from hardware.simulation.tableware_vessels import Shape, curve
from hardware.transforms import transform


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


def spoon(rng: Generator) -> Shape:
    """A serving spoon along x that rests on its bowl and the tip of an arched handle."""
    length, bowl_length = rng.uniform(0.135, 0.175), rng.uniform(0.044, 0.054)
    bowl_half, grip_half = rng.uniform(0.015, 0.019), rng.uniform(0.0045, 0.0065)
    depth, thick, grip_thick = rng.uniform(0.007, 0.009), rng.uniform(0.0020, 0.0026), rng.uniform(0.0042, 0.0060)
    arch = rng.uniform(0.013, 0.016)
    x = np.concatenate([np.linspace(0.0, bowl_length, 30), np.linspace(bowl_length, length, 33)[1:]])
    handle = np.clip((x - bowl_length) / (length - bowl_length), 0.0, 1.0)
    bowl_part = np.clip(x / bowl_length, 0.0, 1.0)
    lens = np.sqrt(np.clip(1.0 - (2.0 * bowl_part - 1.0) ** 2, 0.0, None))
    neck = 0.6 * grip_half + 0.4 * grip_half * handle
    tip = np.sqrt(np.clip(1.0 - ((x - length + grip_half) / grip_half).clip(0.0) ** 2, 0.02, None))
    width = np.maximum(bowl_half * lens, np.where(bowl_part > 0.5, neck, 0.0006)) * tip
    thickness = np.where(handle > 0, np.interp(handle, [0.0, 0.3], [thick, grip_thick]), thick) * np.where(
        tip < 1, tip, 1
    )
    dip = depth * lens**1.5
    rise = np.interp(x, [0.0, bowl_length], [depth + thick / 2] * 2)
    top = np.interp(handle, [0.0, 0.35, 0.7, 1.0], [depth + thick / 2, arch, arch, grip_thick / 2])
    blend = _smooth(np.where(handle > 0, top, rise), 7)
    turn = np.linspace(0.0, 2 * np.pi, 40, endpoint=False)
    across = np.cos(turn)
    sections = np.stack(
        [
            width[:, None] * across,
            thickness[:, None] / 2 * np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** 0.6
            - dip[:, None] * (1.0 - across**2),
        ],
        -1,
    )
    mesh = sweep(np.stack([x, blend], 1), sections)
    lowest = float(mesh.vertices_m[:, 2].min())
    center = length / 2
    mesh = moved(mesh, (-center, 0.0, -lowest))
    bowl_box = Primitive(
        "box",
        (0.2 * bowl_length, 0.35 * bowl_half, thick / 2),
        transform(None, (bowl_length / 2 - center, 0.0, thick / 2)),
    )
    rim_box = Primitive(
        "box",
        (0.42 * bowl_length, 0.8 * bowl_half, depth / 2),
        transform(None, (bowl_length / 2 - center, 0.0, thick + depth / 2)),
    )
    picks = np.linspace(30, len(x) - 1, 7).astype(int)
    rod = np.stack([x[picks] - center, blend[picks] - lowest], 1)
    collision = (bowl_box, rim_box, *bars(rod, 0.9 * grip_half, grip_thick / 2))
    return Shape(
        mesh,
        collision,
        {"length_m": length, "height_m": arch + grip_thick / 2, "handle_m": 2 * grip_half},
        metal_fill=1.0,
    )


def _smooth(values: np.ndarray, window: int) -> np.ndarray:
    """Moving average that keeps both ends."""
    padded = np.pad(values, window // 2, mode="edge")
    return np.convolve(padded, np.ones(window) / window, mode="valid")
