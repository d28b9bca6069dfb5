"""Profiles turned about the vertical into closed meshes, their radius scaled from direction to direction."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from hardware.simulation.scene.scene import Mesh
from hardware.simulation.scene.tableware_mesh import SEGMENTS, tube
from perception.learning.synthesis.profiles import Profile
from perception.learning.synthesis.sections import draw_section

Points = NDArray[np.float64]
#: Share of the lobed and many-sided sections that are twisted on their way up, and the greatest twist [rad].
TWISTED, MOST_TWIST_RAD = 0.2, 1.5


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


def turned(outline_rz: Points, reach: Points) -> Mesh:
    """Revolves a closed outline (N, 2) whose radius is scaled in each direction by reach (N, K)."""
    angle = np.linspace(0.0, 2 * np.pi, reach.shape[1], endpoint=False)
    r = outline_rz[1:-1, :1] * reach[1:-1]
    z = np.broadcast_to(outline_rz[1:-1, 1:], r.shape)
    rings = np.stack([r * np.cos(angle), r * np.sin(angle), z], -1)
    bottom, top = ([0.0, 0.0, float(outline_rz[end, 1])] for end in (0, -1))
    return tube(rings, np.array(bottom), np.array(top))
