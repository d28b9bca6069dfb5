"""Drawn geometry: vessels with walls, hollow mouldings, solids; each a closed mesh standing on z = 0."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from hardware.simulation.scene import Mesh
from hardware.simulation.tableware_mesh import SEGMENTS, fillet, merged, moved, rounded_box, sweep, tube
from hardware.simulation.tableware_vessels import inner_wall, vessel_profile
from perception.synthesis.profiles import Profile, draw_profile
from perception.synthesis.sections import draw_section

Points = NDArray[np.float64]
HANDLE, FILLED, LIDDED = 0.06, 0.22, 0.2
#: Air between a liquid and its glass: surfaces that touch would be traced as one.
GAP_M = 2e-4


@dataclass(frozen=True)
class Shape:
    """family: what a person would sort it under. fill and lid, where there are any, lie in the same frame."""

    family: str
    mesh: Mesh
    is_hollow: bool
    fill: Mesh | None = None
    lid: Mesh | None = None


def draw_vessel(rng: Generator) -> Shape:
    """A thing with a wall, open at the top: cup, glass, bottle, jar, bowl, vase and all between."""
    while True:
        shape = _vessel(rng, draw_profile(rng))
        if shape is not None:
            return shape


def draw_moulding(rng: Generator) -> Shape:
    """A closed hollow body of thin plastic or glass: ball, ornament, moulded star or heart."""
    outer, reach, kind = _closed_outline(rng)
    wall = rng.uniform(0.0006, 0.002)
    shrink = 1.0 - wall / max(float(outer[:, 0].max()), 4 * wall)
    middle = np.array([0.0, outer[:, 1].mean()])
    inner = _turned(middle + shrink * (outer - middle), reach)
    return Shape(f"moulding, {kind}", merged(_turned(outer, reach), _inside_out(inner)), True)


def draw_solid(rng: Generator) -> Shape:
    """A massive body: paperweight, ball, block, can, tin."""
    if rng.random() < 0.4:
        half = np.exp(rng.uniform(np.log(0.012), np.log(0.075), 3))
        radius = float(half.min() * rng.uniform(0.05, 0.7))
        return Shape("block", _standing(rounded_box(half, radius)), False)
    if rng.random() < 0.5:
        outer, reach, kind = _closed_outline(rng)
        return Shape(f"solid, {kind}", _turned(outer, reach), False)
    profile = draw_profile(rng)
    kind, reach = _reach(rng, profile.outer_rz[:, 1], profile)
    outline = fillet(np.concatenate([[[0, 0]], profile.outer_rz, [[0, profile.outer_rz[-1, 1]]]]), 0.002)
    return Shape(f"solid, {kind}", _turned(outline, _at(outline, profile, reach)), False)


#: Kinds of shape and their share of the draws.
KINDS: tuple[tuple[Callable[[Generator], Shape], float], ...] = (
    (draw_vessel, 0.74),
    (draw_moulding, 0.10),
    (draw_solid, 0.16),
)


def draw_shape(rng: Generator) -> Shape:
    """Any of the kinds."""
    kinds, shares = zip(*KINDS, strict=True)
    return kinds[int(rng.choice(len(kinds), p=shares))](rng)


def _vessel(rng: Generator, profile: Profile) -> Shape | None:
    """The vessel around a profile, or None where its wall leaves no hollow."""
    kind, reach = _reach(rng, profile.outer_rz[:, 1], profile)
    hollow = profile.outer_rz[:, 1] >= profile.inside_from_m
    outer, below = profile.outer_rz[hollow], profile.outer_rz[~hollow]
    wall = float(np.exp(rng.uniform(np.log(0.0005), np.log(0.004))))
    floor = profile.inside_from_m + max(wall, rng.uniform(0.001, 0.012) if rng.random() < 0.5 else wall)
    if outer[:, 0].min() < 2.5 * wall or outer[-1, 1] - floor < 0.015:
        return None
    inner = inner_wall(outer, wall, floor)
    if len(inner) < 8 or (np.diff(inner[:, 1]) <= 0).any():
        return None
    outline = vessel_profile([(0.0, 0.0), *below.tolist()], outer, wall, floor, min(0.003, 2 * wall))
    mesh = _turned(outline, _at(outline, profile, reach))
    if not (profile.parts & {"stem", "neck"}) and kind == "circle" and rng.random() < HANDLE:
        mesh = merged(mesh, _handle(rng, outer, wall))
    fill = _fill(rng, inner, floor, profile, reach) if rng.random() < FILLED else None
    lid = _lid(rng, outer[-1], wall) if rng.random() < LIDDED and "lip" not in profile.parts else None
    parts = " and ".join(sorted(profile.parts & {"stem", "neck"})) or "open"
    return Shape(f"vessel, {parts}, {kind}", mesh, True, fill, lid)


def _reach(rng: Generator, z: Points, profile: Profile) -> tuple[str, Points]:
    """A section's kind and the factors (len(z), SEGMENTS) on radii at the profile's own heights."""
    angle = np.linspace(0.0, 2 * np.pi, SEGMENTS, endpoint=False)
    kind, section = draw_section(rng, angle)
    twist = rng.uniform(-1.5, 1.5) / z[-1] if kind in ("lobes", "polygon") and rng.random() < 0.2 else 0.0
    turned = np.stack([np.interp(angle + twist * height, angle, section, period=2 * np.pi) for height in z])
    return kind, 1.0 + profile.shaped[:, None] * (turned - 1.0)


def _at(outline_rz: Points, profile: Profile, reach: Points) -> Points:
    """The factors at the heights of an outline made from the profile."""
    z = profile.outer_rz[:, 1]
    low = np.clip(np.searchsorted(z, outline_rz[:, 1]) - 1, 0, len(z) - 2)
    t = ((outline_rz[:, 1] - z[low]) / (z[low + 1] - z[low])).clip(0, 1)[:, None]
    return (1 - t) * reach[low] + t * reach[low + 1]


def _turned(outline_rz: Points, reach: Points) -> Mesh:
    """Revolves a closed outline (N, 2) whose radius is scaled in each direction by reach (N, K)."""
    angle = np.linspace(0.0, 2 * np.pi, reach.shape[1], endpoint=False)
    r = outline_rz[1:-1, :1] * reach[1:-1]
    z = np.broadcast_to(outline_rz[1:-1, 1:], r.shape)
    rings = np.stack([r * np.cos(angle), r * np.sin(angle), z], -1)
    ends = np.array([[0.0, 0.0, outline_rz[0, 1]], [0.0, 0.0, outline_rz[-1, 1]]])
    return tube(rings, ends[0], ends[1])


def _closed_outline(rng: Generator) -> tuple[Points, Points, str]:
    """A superellipse turned about the vertical: from a disc over a ball to a drop, with its section's factors."""
    radius, aspect, power = rng.uniform(0.018, 0.055), np.exp(rng.normal(0, 0.4)), rng.uniform(1.6, 4.0)
    t = np.linspace(-np.pi / 2, np.pi / 2, 49)
    r = radius * np.abs(np.cos(t)) ** (2 / power)
    z = aspect * radius * np.sign(np.sin(t)) * np.abs(np.sin(t)) ** (2 / power)
    r = r * np.exp(rng.uniform(-0.35, 0.35) * z / z.max())
    r[[0, -1]] = 0.0
    angle = np.linspace(0.0, 2 * np.pi, SEGMENTS, endpoint=False)
    kind, section = draw_section(rng, angle)
    return np.stack([r, z - z.min()], 1), np.broadcast_to(section, (len(t), SEGMENTS)), kind


def _fill(rng: Generator, inner: Points, floor: float, profile: Profile, reach: Points) -> Mesh | None:
    """What stands in a vessel, from its floor to a level."""
    level = floor + rng.uniform(0.15, 0.95) * (inner[-1, 1] - floor)
    wet = inner[(inner[:, 1] > floor + GAP_M) & (inner[:, 1] < level)] - [GAP_M, 0.0]
    if len(wet) < 4 or wet[:, 0].min() < 0.002:
        return None
    low, high = wet[0, 1], wet[-1, 1]
    outline = np.concatenate(
        [[[0.0, low]], [[wet[0, 0] * 0.98, low]], wet[1:], [[wet[-1, 0] * 0.98, high]], [[0.0, high]]]
    )
    return _turned(outline, _at(outline, profile, reach))


def _lid(rng: Generator, rim_rz: Points, wall: float) -> Mesh:
    """A screw cap or stopper over the rim."""
    radius, height = rim_rz[0] + rng.uniform(0.0005, 0.002), rng.uniform(0.006, 0.02)
    low = rim_rz[1] - height * rng.uniform(0.3, 0.8)
    outline = fillet(
        np.array(
            [
                [0, rim_rz[1] + 5e-4],
                [rim_rz[0] + 3e-4, rim_rz[1] + 5e-4],
                [rim_rz[0] + 3e-4, low],
                [radius + 5e-4, low],
                [radius, low + height],
                [0, low + height],
            ]
        ),
        0.0012,
    )
    if low + height < rim_rz[1] + 0.001:
        outline = fillet(
            np.array(
                [
                    [0, rim_rz[1] + 5e-4],
                    [radius, rim_rz[1] + 5e-4],
                    [radius, rim_rz[1] + height],
                    [0, rim_rz[1] + height],
                ]
            ),
            0.0012,
        )
    return _turned(outline, np.ones((len(outline), SEGMENTS)))


def _handle(rng: Generator, outer_rz: Points, wall: float) -> Mesh:
    """An ear along +x."""
    height = float(outer_rz[-1, 1])
    low, high = rng.uniform(0.1, 0.3) * height, rng.uniform(0.7, 0.92) * height
    turn = np.linspace(-np.pi / 2, np.pi / 2, 21)
    roots = np.interp([low, high], outer_rz[:, 1], outer_rz[:, 0]) - wall / 2
    reach = rng.uniform(0.018, 0.034) * np.abs(np.cos(turn)) ** rng.uniform(0.5, 1.0)
    path = np.stack([np.linspace(*roots, 21) + reach, (low + high) / 2 + (high - low) / 2 * np.sin(turn)], 1)
    around = np.linspace(0.0, 2 * np.pi, 16, endpoint=False)
    grip = rng.uniform(0.0022, 0.005)
    section = np.stack([rng.uniform(1.0, 1.8) * grip * np.cos(around), grip * np.sin(around)], 1)
    return sweep(path, np.broadcast_to(section, (len(path), *section.shape)))


def _inside_out(mesh: Mesh) -> Mesh:
    return Mesh(mesh.vertices_m, mesh.faces[:, ::-1].copy())


def _standing(mesh: Mesh) -> Mesh:
    return moved(mesh, (0.0, 0.0, -float(mesh.vertices_m[:, 2].min())))
