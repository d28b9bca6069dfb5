"""Where a camera looks from: poses and pinholes as a fixed D435 at a table may have them."""

from dataclasses import replace

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from hardware.cameras.frame import Intrinsics
from hardware.transforms import Matrix, look_at, rotation_z, transform

NEAREST_M, FARTHEST_M = 0.4, 1.2
LOWEST_RAD, HIGHEST_RAD = np.radians(16.0), np.radians(85.0)
#: Focal length of a D435's colour camera over the width of its picture.
FOCAL_RATIO = 610.0 / 848.0


def d435_intrinsics(width: int, height: int) -> Intrinsics:
    """A D435's colour camera at a picture size: the field of view of 848x480 across the width."""
    focal = FOCAL_RATIO * width
    return Intrinsics(width, height, focal, focal, (width - 1) / 2, (height - 1) / 2)


def draw_pinhole(rng: Generator, nominal: Intrinsics) -> Intrinsics:
    """The nominal pinhole zoomed 0.95 to 2 times with its middle shifted: a part of a larger picture."""
    zoom = rng.uniform(0.95, 2.0) if rng.random() < 0.6 else rng.uniform(0.95, 1.2)
    shift = rng.uniform(-0.12, 0.12, 2) * [nominal.width, nominal.height]
    return replace(
        nominal, fx=nominal.fx * zoom, fy=nominal.fy * zoom, cx=nominal.cx + shift[0], cy=nominal.cy + shift[1]
    )


def draw_viewpoint(rng: Generator, center_m: ArrayLike, pinhole: Intrinsics) -> Matrix:
    """T_world_camera: 0.4 to 1.2 m from what it looks near, from 16 to 85 degrees above, hardly rolled.

    A narrow pinhole stays farther away, so that it sees more than one object.
    """
    zoom = pinhole.fx / (FOCAL_RATIO * pinhole.width)
    distance = rng.uniform(min(NEAREST_M * max(zoom, 1.0), 0.8), FARTHEST_M)
    azimuth = rng.uniform(-np.pi, np.pi)
    elevation = LOWEST_RAD + (HIGHEST_RAD - LOWEST_RAD) * rng.beta(1.6, 2.0)
    outward = np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])
    target = np.asarray(center_m, float) + rng.normal(0, 0.05, 3) * [1, 1, 0.3]
    eye = target + distance * outward
    eye[2] = max(eye[2], 0.12)
    roll = transform(rotation_z(rng.normal(0, np.radians(4.0))))
    return look_at((eye[0], eye[1], eye[2]), (target[0], target[1], target[2])) @ roll
