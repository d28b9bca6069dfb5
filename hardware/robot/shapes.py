"""The PiPER's geometry as boxes, cylinders and spheres, within the extents of the maker's meshes.

One set of shapes serves collision checks, physics and pictures. Neighbouring links overlap at their
common joint, as the real ones do; no other pair touches at the park pose.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.transforms import Matrix, transform

Rgb = tuple[float, float, float]
Vector2 = tuple[float, float]
_WHITE = (0.78, 0.78, 0.80)
_DARK = (0.09, 0.09, 0.10)
_GREY = (0.30, 0.31, 0.33)
_AXIS_Y = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


@dataclass(frozen=True, eq=False)
class LinkShape:
    """One primitive of a link: half sizes for `box`, (radius, half height) for `cylinder` (axis z),
    (radius,) for `sphere` [m]; T_link_shape places it in the link's frame."""

    link: str
    kind: Literal["box", "cylinder", "sphere"]
    size_m: tuple[float, ...]
    T_link_shape: Matrix
    rgb: Rgb

    @property
    def half_extents_m(self) -> NDArray[np.float64]:
        """Half sizes (3,) of the box around it, along the shape's own axes."""
        if self.kind == "cylinder":
            radius, half = self.size_m
            return np.array([radius, radius, half])
        return np.array(self.size_m if self.kind == "box" else self.size_m * 3)


def _box(link: str, low: tuple[float, ...], high: tuple[float, ...], rgb: Rgb) -> LinkShape:
    low_m, high_m = np.array(low), np.array(high)
    half = tuple(float(h) for h in (high_m - low_m) / 2)
    return LinkShape(link, "box", half, transform(translation_m=(low_m + high_m) / 2), rgb)


def _tube(link: str, axis: str, at: Vector2, span: Vector2, radius: float, rgb: Rgb) -> LinkShape:
    """A cylinder along the link's `y` or `z`; `at` is where its axis crosses the other two."""
    middle, half = (span[0] + span[1]) / 2, (span[1] - span[0]) / 2
    places = {"y": transform(_AXIS_Y, (at[0], middle, at[1])), "z": transform(translation_m=(*at, middle))}
    return LinkShape(link, "cylinder", (radius, half), places[axis], rgb)


def _finger(link: str) -> tuple[LinkShape, ...]:
    """Pad (inner face at z = 0, tip at y = 0) and the carriage that runs in the gripper's body."""
    return (
        _box(link, (-0.011, -0.045, 0.0), (0.011, 0.0, 0.010), _DARK),
        _box(link, (-0.028, -0.077, 0.0), (0.028, -0.045, 0.027), _GREY),
    )


SHAPES: dict[str, tuple[LinkShape, ...]] = {
    "base_link": (
        _tube("base_link", "z", (0.0, 0.0), (0.0, 0.086), 0.040, _WHITE),
        _box("base_link", (-0.059, -0.030, 0.0), (0.0, 0.030, 0.070), _WHITE),
    ),
    "link1": (_tube("link1", "z", (0.0, 0.0), (-0.035, 0.030), 0.037, _DARK),),
    "link2": (
        _tube("link2", "z", (0.0, 0.0), (-0.047, 0.047), 0.032, _DARK),
        _box("link2", (0.0, -0.030, -0.032), (0.285, 0.022, 0.032), _WHITE),
        _box("link2", (0.090, -0.058, -0.028), (0.260, -0.030, 0.028), _WHITE),
        _tube("link2", "z", (0.285, 0.0), (-0.047, 0.047), 0.032, _DARK),
    ),
    "link3": (
        _tube("link3", "z", (0.0, 0.0), (-0.040, 0.040), 0.030, _DARK),
        _tube("link3", "y", (-0.022, 0.0), (-0.213, 0.010), 0.031, _WHITE),
    ),
    "link4": (_tube("link4", "z", (0.0, 0.0), (-0.034, 0.027), 0.030, _DARK),),
    "link5": (_tube("link5", "y", (0.0, 0.0), (-0.086, 0.012), 0.029, _WHITE),),
    "link6": (_tube("link6", "z", (0.0, 0.0), (-0.004, 0.0), 0.030, _DARK),),
    "gripper_base": (_box("gripper_base", (-0.031, -0.073, 0.0), (0.031, 0.073, 0.058), _DARK),),
    "link7": _finger("link7"),
    "link8": _finger("link8"),
}
