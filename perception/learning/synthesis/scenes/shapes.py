"""Drawn geometry: vessels with walls, hollow mouldings, solids; each a closed mesh standing on z = 0."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from hardware.simulation.scene.meshes import (
    SEGMENTS,
    Mesh,
    Points,
    Shape,
    fillet,
    inner_wall,
    lathe,
    merge,
    rod,
    rounded_box,
    translate,
    vessel_profile,
)
from perception.learning.synthesis.scenes.profiles import Profile, draw_profile, draw_reach, draw_section, reach_at

#: Share of the vessels that have each; a handle only where the section is round.
HANDLE, FILLED, LIDDED = 0.12, 0.16, 0.1
#: Thinnest and thickest wall of a vessel, and of a moulding [m].
WALLS_M, MOULDED_WALLS_M = (0.0005, 0.004), (0.0006, 0.002)
#: A hollow less deep than this is none [m].
LEAST_DEPTH_M = 0.015
#: Air between a liquid and its glass: surfaces that touch would be traced as one.
GAP_M = 2e-4
#: Air between a lid and the rim below it, and beside it.
_LID_ABOVE_M, _LID_BESIDE_M = 5e-4, 3e-4
_LID_ROUNDING_M = 0.0012


@dataclass(frozen=True)
class _Hollow:
    """A vessel's wall around its inside: outer_rz, inner_rz (N, 2) from the floor up, below_rz what is under it."""

    outer_rz: Points
    inner_rz: Points
    below_rz: Points
    wall_m: float
    floor_m: float


def draw_vessel(rng: Generator) -> Shape:
    """What has a wall, open at the top: cup, glass, bottle, jar, bowl, vase and all between."""
    hollow = None
    while hollow is None:
        profile = draw_profile(rng)
        kind, reach = draw_reach(rng, profile)
        hollow = _draw_hollow(rng, profile)
    foot = [(0.0, 0.0), *hollow.below_rz.tolist()]
    rounding_m = min(0.003, 2 * hollow.wall_m)
    outline = vessel_profile(foot, hollow.outer_rz, hollow.wall_m, hollow.floor_m, rounding_m)
    mesh = lathe(outline, reach_at(outline, profile, reach))
    is_plain = not profile.parts & {"stem", "neck"}
    if is_plain and kind == "circle" and rng.random() < HANDLE:
        mesh = merge(mesh, _handle(rng, hollow.outer_rz, hollow.wall_m))
    is_filled = rng.random() < FILLED
    liquid = _liquid(rng, hollow.inner_rz, hollow.floor_m, profile, reach) if is_filled else None
    is_lidded = rng.random() < LIDDED and "lip" not in profile.parts
    lid = _lid(rng, hollow.outer_rz[-1]) if is_lidded else None
    parts = " and ".join(sorted(profile.parts & {"stem", "neck"})) or "open"
    return Shape(mesh, family=f"vessel, {parts}, {kind}", liquid=liquid, lid=lid)


def draw_moulding(rng: Generator) -> Shape:
    """A closed hollow body of thin plastic or glass: ball, ornament, moulded star or heart."""
    outer, reach, kind = _closed_outline(rng)
    wall = rng.uniform(*MOULDED_WALLS_M)
    shrink = 1.0 - wall / max(float(outer[:, 0].max()), 4 * wall)
    middle = np.array([0.0, outer[:, 1].mean()])
    inner = lathe(middle + shrink * (outer - middle), reach)
    inside_out = Mesh(inner.vertices_m, inner.faces[:, ::-1].copy())
    return Shape(merge(lathe(outer, reach), inside_out), family=f"moulding, {kind}")


def draw_solid(rng: Generator) -> Shape:
    """A massive body: paperweight, ball, block, can, tin."""
    if rng.random() < 0.4:
        half = np.exp(rng.uniform(np.log(0.012), np.log(0.075), 3))
        radius = float(half.min() * rng.uniform(0.05, 0.7))
        block = rounded_box(half, radius)
        return Shape(translate(block, (0.0, 0.0, -float(block.vertices_m[:, 2].min()))), family="block")
    if rng.random() < 0.5:
        outer, reach, kind = _closed_outline(rng)
        return Shape(lathe(outer, reach), family=f"solid, {kind}")
    profile = draw_profile(rng)
    kind, reach = draw_reach(rng, profile)
    outline = fillet(np.concatenate([[[0, 0]], profile.outer_rz, [[0, profile.outer_rz[-1, 1]]]]), 0.002)
    return Shape(lathe(outline, reach_at(outline, profile, reach)), family=f"solid, {kind}")


#: Kinds of shape and their share of the draws.
KINDS: tuple[tuple[Callable[[Generator], Shape], float], ...] = (
    (draw_vessel, 0.84),
    (draw_moulding, 0.06),
    (draw_solid, 0.10),
)
#: Those shares alone.
SHARES = tuple(share for _, share in KINDS)


def draw_shape(rng: Generator, shares: Sequence[float] = SHARES) -> Shape:
    """Any of the kinds; shares: of the draws, in their order."""
    kinds = [kind for kind, _ in KINDS]
    return kinds[int(rng.choice(len(kinds), p=shares))](rng)


def _draw_hollow(rng: Generator, profile: Profile) -> _Hollow | None:
    """A wall and a floor inside a profile, or None where they leave no room."""
    is_beside = profile.outer_rz[:, 1] >= profile.inside_from_m
    outer, below = profile.outer_rz[is_beside], profile.outer_rz[~is_beside]
    wall = float(np.exp(rng.uniform(*np.log(WALLS_M))))
    is_thick = rng.random() < 0.5
    floor = profile.inside_from_m + (max(wall, rng.uniform(0.001, 0.012)) if is_thick else wall)
    if outer[:, 0].min() < 2.5 * wall or outer[-1, 1] - floor < LEAST_DEPTH_M:
        return None
    inner = inner_wall(outer, wall, floor)
    if len(inner) < 8 or (np.diff(inner[:, 1]) <= 0).any():
        return None
    return _Hollow(outer, inner, below, wall, floor)


def _liquid(rng: Generator, inner_rz: Points, floor_m: float, profile: Profile, reach: Points) -> Mesh | None:
    """What stands in a vessel, from its floor to a level; None where there is no room for it."""
    level_m = floor_m + rng.uniform(0.15, 0.95) * (inner_rz[-1, 1] - floor_m)
    wet = inner_rz[(inner_rz[:, 1] > floor_m + GAP_M) & (inner_rz[:, 1] < level_m)] - [GAP_M, 0.0]
    if len(wet) < 4 or wet[:, 0].min() < 0.002:
        return None
    (low_r, low), (high_r, high) = wet[0], wet[-1]
    outline = np.array([[0.0, low], [low_r * 0.98, low], *wet[1:], [high_r * 0.98, high], [0.0, high]])
    return lathe(outline, reach_at(outline, profile, reach))


def _lid(rng: Generator, rim_rz: Points) -> Mesh:
    """A screw cap that reaches down around the rim (2,), or a disc on it where it would be lower than that."""
    rim_r, rim_z = (float(c) for c in rim_rz)
    radius, height = rim_r + rng.uniform(0.0005, 0.002), rng.uniform(0.006, 0.02)
    low = rim_z - height * rng.uniform(0.3, 0.8)
    under = rim_z + _LID_ABOVE_M
    if low + height < rim_z + 0.001:
        corners = [[0, under], [radius, under], [radius, rim_z + height], [0, rim_z + height]]
    else:
        beside = rim_r + _LID_BESIDE_M
        corners = [[0, under], [beside, under], [beside, low], [radius + 5e-4, low]]
        corners += [[radius, low + height], [0, low + height]]
    return lathe(fillet(corners, _LID_ROUNDING_M))


def _handle(rng: Generator, outer_rz: Points, wall_m: float) -> Mesh:
    """An ear along +x, rooted in the wall of a round vessel."""
    height = float(outer_rz[-1, 1])
    low, high = rng.uniform(0.1, 0.3) * height, rng.uniform(0.7, 0.92) * height
    turn = np.linspace(-np.pi / 2, np.pi / 2, 21)
    low_root, high_root = np.interp([low, high], outer_rz[:, 1], outer_rz[:, 0]) - wall_m / 2
    bulge = rng.uniform(0.018, 0.034) * np.abs(np.cos(turn)) ** rng.uniform(0.5, 1.0)
    roots = np.linspace(float(low_root), float(high_root), 21)
    path = np.stack([roots + bulge, (low + high) / 2 + (high - low) / 2 * np.sin(turn)], 1)
    grip = rng.uniform(0.0022, 0.005)
    return rod(path, rng.uniform(1.0, 1.8) * grip, grip, 16)


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
