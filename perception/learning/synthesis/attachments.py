"""What belongs to a drawn vessel besides its body: a handle, a liquid inside, a lid."""

import numpy as np
from numpy.random import Generator

from hardware.simulation.scene.scene import Mesh
from hardware.simulation.scene.tableware_mesh import SEGMENTS, fillet, sweep
from perception.learning.synthesis.profiles import Profile
from perception.learning.synthesis.turning import Points, reach_at, turned

#: Air between a liquid and its glass: surfaces that touch would be traced as one.
GAP_M = 2e-4
#: Air between a lid and the rim below it, and beside it.
_LID_ABOVE_M, _LID_BESIDE_M = 5e-4, 3e-4
_LID_ROUNDING_M = 0.0012
#: Points along a handle's path, and around its section.
_HANDLE_POINTS, _HANDLE_SIDES = 21, 16


def draw_fill(rng: Generator, inner_rz: Points, floor_m: float, profile: Profile, reach: Points) -> Mesh | None:
    """What stands in a vessel, from its floor to a level; None where there is no room for it."""
    level_m = floor_m + rng.uniform(0.15, 0.95) * (inner_rz[-1, 1] - floor_m)
    wet = inner_rz[(inner_rz[:, 1] > floor_m + GAP_M) & (inner_rz[:, 1] < level_m)] - [GAP_M, 0.0]
    if len(wet) < 4 or wet[:, 0].min() < 0.002:
        return None
    (low_r, low), (high_r, high) = wet[0], wet[-1]
    bottom = [[0.0, low], [low_r * 0.98, low]]
    top = [[high_r * 0.98, high], [0.0, high]]
    outline = np.concatenate([bottom, wet[1:], top])
    return turned(outline, reach_at(outline, profile, reach))


def draw_lid(rng: Generator, rim_rz: Points) -> Mesh:
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
    outline = fillet(np.array(corners), _LID_ROUNDING_M)
    return turned(outline, np.ones((len(outline), SEGMENTS)))


def draw_handle(rng: Generator, outer_rz: Points, wall_m: float) -> Mesh:
    """An ear along +x, rooted in the wall of a round vessel."""
    height = float(outer_rz[-1, 1])
    low, high = rng.uniform(0.1, 0.3) * height, rng.uniform(0.7, 0.92) * height
    turn = np.linspace(-np.pi / 2, np.pi / 2, _HANDLE_POINTS)
    low_root, high_root = np.interp([low, high], outer_rz[:, 1], outer_rz[:, 0]) - wall_m / 2
    bulge = rng.uniform(0.018, 0.034) * np.abs(np.cos(turn)) ** rng.uniform(0.5, 1.0)
    roots = np.linspace(float(low_root), float(high_root), _HANDLE_POINTS)
    path = np.stack([roots + bulge, (low + high) / 2 + (high - low) / 2 * np.sin(turn)], 1)
    around = np.linspace(0.0, 2 * np.pi, _HANDLE_SIDES, endpoint=False)
    grip = rng.uniform(0.0022, 0.005)
    section = np.stack([rng.uniform(1.0, 1.8) * grip * np.cos(around), grip * np.sin(around)], 1)
    return sweep(path, np.broadcast_to(section, (len(path), *section.shape)))
