"""Cross-sections: how far an outline reaches in every direction around its axis.

A section is a function of the angle with a mean near 1; a radius of the profile is multiplied by it.
"""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from hardware.simulation.scene.meshes import SEGMENTS, Points
from perception.learning.synthesis.scenes.profiles import Profile

Draw = Callable[[Generator, Points], Points]


def circle(rng: Generator, angle_rad: Points) -> Points:
    """Round: most glassware."""
    return np.ones_like(angle_rad)


def superellipse(rng: Generator, angle_rad: Points) -> Points:
    """From oval to nearly rectangular: |x/a|^n + |y/b|^n = 1 (Lamé), a b = 1."""
    power, aspect = rng.uniform(2.2, 9.0), rng.uniform(0.62, 1.0)
    x, y = np.abs(np.cos(angle_rad)) * np.sqrt(aspect), np.abs(np.sin(angle_rad)) / np.sqrt(aspect)
    return (x**power + y**power) ** (-1 / power) * 0.92


def polygon(rng: Generator, angle_rad: Points) -> Points:
    """A regular polygon of 3 to 8 sides with rounded corners."""
    sides = rng.integers(3, 9)
    sector = 2 * np.pi / sides
    within = (angle_rad % sector) - sector / 2
    flat = np.cos(sector / 2) / np.cos(within)
    return 1.0 + rng.uniform(0.5, 0.9) * (flat / flat.mean() - 1.0)


def lobes(rng: Generator, angle_rad: Points) -> Points:
    """Flutes, petals and stars: a cosine, sharpened or flattened."""
    count = int(rng.integers(3, 17))
    depth = rng.uniform(0.02, 0.22) * min(1.0, 5.0 / count)
    wave = np.cos(count * angle_rad)
    return 1.0 + depth * np.sign(wave) * np.abs(wave) ** rng.uniform(0.5, 1.6)


def heart(rng: Generator, angle_rad: Points) -> Points:
    """One dent and one point, as moulded hearts and leaves have."""
    dent, point = rng.uniform(0.15, 0.35), rng.uniform(0.08, 0.22)
    turn = (angle_rad + np.pi) % (2 * np.pi) - np.pi
    back = np.pi - np.abs(turn)
    return 1.0 - dent * np.exp(-((turn / 0.45) ** 2)) + point * np.exp(-((back / 0.35) ** 2))


#: Share of the lobed and many-sided sections that are twisted on their way up, and the greatest twist [rad].
TWISTED, MOST_TWIST_RAD = 0.2, 1.5
#: Every kind with its share of the draws.
SECTIONS: tuple[tuple[Draw, float], ...] = (
    (circle, 0.74),
    (superellipse, 0.12),
    (polygon, 0.05),
    (lobes, 0.07),
    (heart, 0.02),
)


def draw_section(rng: Generator, angle_rad: Points) -> tuple[str, Points]:
    """The kind of one drawn section and its reach at the angles given."""
    kinds, shares = zip(*SECTIONS, strict=True)
    kind = kinds[int(rng.choice(len(kinds), p=shares))]
    return kind.__name__, kind(rng, angle_rad)


def draw_reach(rng: Generator, profile: Profile) -> tuple[str, Points]:
    """A section's kind and the factors (len(z), SEGMENTS) on radii at the profile's own heights z."""
    z = profile.outer_rz[:, 1]
    angle = np.linspace(0.0, 2 * np.pi, SEGMENTS, endpoint=False)
    kind, section = draw_section(rng, angle)
    twist = 0.0
    if kind in ("lobes", "polygon") and rng.random() < TWISTED:
        twist = rng.uniform(-MOST_TWIST_RAD, MOST_TWIST_RAD) / z[-1]
    sections = np.stack([np.interp(angle + twist * height, angle, section, period=2 * np.pi) for height in z])
    return kind, 1.0 + profile.shaped[:, None] * (sections - 1.0)


def reach_at(outline_rz: Points, profile: Profile, reach: Points) -> Points:
    """The factors (N, SEGMENTS) at the heights of an outline (N, 2) that was made from the profile."""
    z = profile.outer_rz[:, 1]
    low = np.clip(np.searchsorted(z, outline_rz[:, 1]) - 1, 0, len(z) - 2)
    share = ((outline_rz[:, 1] - z[low]) / (z[low + 1] - z[low])).clip(0, 1)[:, None]
    return (1 - share) * reach[low] + share * reach[low + 1]
