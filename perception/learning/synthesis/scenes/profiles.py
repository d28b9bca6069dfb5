"""Outside profiles of vessels as a continuum: feet, stems, bodies, shoulders, necks, threads and lips in any mix.

No family is listed: what a bottle, a goblet or a flask is comes out of which of these parts a draw has. A section is
how far the outline reaches in every direction around its axis, with a mean near 1: the profile's radii are multiplied
by it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from scipy.interpolate import PchipInterpolator

from hardware.simulation.scene.meshes import SEGMENTS, Points

Draw = Callable[[Generator, Points], Points]

#: Share of the draws that have each part.
STEM, NECK, THREADS, RIPPLES, LIP = 0.28, 0.26, 0.5, 0.1, 0.3
#: Share of the draws with neither stem nor neck that are wider than high, as bowls and dishes are.
WIDE = 0.35
#: Middle and spread of ln(radius / height): slender with a stem or a neck, as goblets and bottles are.
SLENDER, STOUT = (np.log(0.24), 0.40), (np.log(0.38), 0.35)
#: Points of a profile.
COUNT = 72


@dataclass(frozen=True)
class Profile:
    """outer_rz (N, 2): radius and height [m] from the foot up, heights rising.

    inside_from_m: height of the lowest point of the hollow; above a stem. parts: which ones it has.
    shaped (N,): how much of the cross-section shows at each height, 0 on stems and necks, 1 on bodies.
    """

    outer_rz: Points
    inside_from_m: float
    parts: frozenset[str]
    shaped: Points


def draw_profile(rng: Generator) -> Profile:
    """One vessel's outside, 2 to 24 cm high and 3 to 19 cm wide."""
    parts = {name for name, share in (("stem", STEM), ("neck", NECK), ("lip", LIP)) if rng.random() < share}
    height, radius, is_wide = _draw_size(rng, is_slender=bool(parts & {"stem", "neck"}))
    low = _stem(rng, height, radius) if "stem" in parts else []
    start = low[-1][0] if low else 0.0
    top = height * (1 - rng.uniform(0.12, 0.36)) if "neck" in parts else height
    body = _body(rng, start, top, radius, "stem" in parts, is_wide)
    high = _neck(rng, top, height, body[-1][1]) if "neck" in parts else []
    z, r, shaped = _through(low, body, high)
    if high and rng.random() < THREADS:
        parts.add("threads")
        r = r + _waves(z, top + 0.4 * (height - top), height, rng.uniform(0.0025, 0.004), rng.uniform(4e-4, 1e-3))
    if rng.random() < RIPPLES:
        parts.add("ripples")
        r = r + _waves(z, start, top, rng.uniform(0.006, 0.02), rng.uniform(3e-4, 1.5e-3))
    if "lip" in parts:
        reach, out = rng.uniform(0.05, 0.2) * height, rng.uniform(0.001, 0.006)
        r = r + out * np.exp(-(((height - z) / reach) ** 2) * 3)
    base = start if low else 0.0
    return Profile(np.stack([r.clip(0.002), z], 1), base, frozenset(parts), shaped)


def _draw_size(rng: Generator, is_slender: bool) -> tuple[float, float, bool]:
    """Height and greatest radius [m], and whether it is a wide one."""
    if is_slender:
        height = rng.uniform(0.07, 0.24)
        return float(height), float(np.clip(height * np.exp(rng.normal(*SLENDER)), 0.016, 0.06)), False
    if rng.random() < WIDE:
        radius = rng.uniform(0.03, 0.09)
        return float(np.clip(radius * rng.uniform(0.5, 1.5), 0.025, 0.12)), float(radius), True
    height = np.exp(rng.uniform(np.log(0.035), np.log(0.24)))
    return float(height), float(np.clip(height * np.exp(rng.normal(*STOUT)), 0.016, 0.075)), False


def _stem(rng: Generator, height: float, radius: float) -> list[tuple[float, float]]:
    """Knots (height, radius) of a flat foot and a stem, with a knob on some."""
    foot, stalk = radius * rng.uniform(0.7, 1.1), rng.uniform(0.0028, 0.008)
    rise, end = rng.uniform(0.002, 0.006), height * rng.uniform(0.22, 0.55)
    knots = [(0.0, foot), (rise, foot * 0.96), (rise + 0.1 * end, 0.5 * foot), (0.4 * end, stalk)]
    if rng.random() < 0.3:
        knots += [(0.55 * end, stalk * rng.uniform(1.5, 2.6)), (0.7 * end, stalk)]
    return [*knots, (end, stalk * rng.uniform(1.0, 1.3))]


def _body(
    rng: Generator, start: float, top: float, radius: float, on_stem: bool, is_wide: bool
) -> list[tuple[float, float]]:
    """Knots of a bowl or body: a smooth random curve, straight walls as often as not; a wide one opens upwards."""
    count = int(rng.integers(2, 6))
    z = start + (top - start) * np.concatenate([[0.06], np.sort(rng.uniform(0.15, 0.9, count - 2)), [1.0]])
    wild = 0.0 if rng.random() < 0.4 else rng.uniform(0.03, 0.35)
    taper = rng.uniform(-0.35, 0.35) if rng.random() < 0.6 else 0.0
    along = np.linspace(-1, 1, count)
    if is_wide and rng.random() < 0.8:
        wild, taper = 0.3 * wild, rng.uniform(0.0, 0.6)
    r = radius * np.exp(wild * rng.normal(size=count) + taper * along)
    r = np.clip(r * radius / r.max(), 0.25 * radius, radius)
    knots = list(zip(z.tolist(), r.tolist(), strict=True))
    if on_stem:
        return knots
    return [(start, r[0] * rng.uniform(0.75, 1.0)), *knots]


def _neck(rng: Generator, top: float, height: float, shoulder: float) -> list[tuple[float, float]]:
    neck = max(shoulder * rng.uniform(0.25, 0.8), 0.008)
    bend = top + (height - top) * rng.uniform(0.15, 0.6)
    return [(bend, neck * rng.uniform(1.0, 1.15)), (height, neck * rng.uniform(0.9, 1.2))]


def _through(*groups: list[tuple[float, float]]) -> tuple[Points, Points, Points]:
    """Heights, radii and section weights of a monotone curve through the knots of low, body and high."""
    knots = np.array([knot for group in groups for knot in group])
    weight = np.concatenate([np.full(len(group), float(i == 1)) for i, group in enumerate(groups)])
    keep = np.concatenate([[True], np.diff(knots[:, 0]) > 5e-4])
    knots, weight = knots[keep], weight[keep]
    z = np.unique(np.concatenate([np.linspace(0.0, knots[-1, 0], COUNT), knots[:, 0]]))
    return z, PchipInterpolator(*knots.T)(z), PchipInterpolator(knots[:, 0], weight)(z).clip(0, 1)


def _waves(z: Points, low: float, high: float, pitch_m: float, depth_m: float) -> Points:
    window = np.clip(np.minimum(z - low, high - z) / 0.004, 0, 1)
    return depth_m * window * np.sin(2 * np.pi * z / pitch_m)


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
