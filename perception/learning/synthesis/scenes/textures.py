"""Drawn textures, what cloth, print, stone and planks look like, and the table surfaces that are made of them."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from core.surfaces import Surface
from hardware.simulation.scene.materials import TEXTURE_PX, Finish, Scattering, noise

Image = NDArray[np.float64]
#: Few values, because each is compiled into kernels.
MIRROR_ROUGHNESSES = (0.01, 0.03, 0.07)
FROSTED_ROUGHNESSES = (0.15, 0.25, 0.4)
VARNISH_IOR = 1.6
_SIZE = (TEXTURE_PX, TEXTURE_PX)


def draw_table(rng: Generator, surface: str) -> Finish:
    """What a table of one surface is made of, from far wider ranges than the digital cell's.

    reflective: metal from mirror to satin, or anything under varnish or glass; translucent: frosted
    sheet; diffuse: anything matte.
    """
    match Surface(surface):
        case Surface.REFLECTIVE if rng.random() < 0.5:
            tone = rng.uniform(0.55, 0.92) * np.exp(rng.normal(0, 0.04, 3))
            smears = 1.0 + rng.uniform(0.0, 0.12) * (draw_pattern(rng) - 0.5)
            texture = (smears * tone).clip(0.05, 0.97).astype(np.float32)
            return Finish(Scattering.BRUSHED, texture, roughness=float(rng.choice(MIRROR_ROUGHNESSES)))
        case Surface.REFLECTIVE:
            return Finish(Scattering.GLAZE, draw_pattern(rng, float(rng.choice([0.05, 0.3, 0.8]))), ior=VARNISH_IOR)
        case Surface.TRANSLUCENT:
            tint = (0.6 + 0.37 * draw_colour(rng, 0.3)) * (1 + 0.04 * (draw_pattern(rng) - 0.5))
            roughness = float(rng.choice(FROSTED_ROUGHNESSES))
            return Finish(Scattering.FROSTED, tint.clip(0.1, 0.97).astype(np.float32), ior=1.49, roughness=roughness)
        case Surface.DIFFUSE:
            return Finish(Scattering.MATTE, draw_pattern(rng))


def draw_pattern(rng: Generator, brightest: float = 0.88) -> NDArray[np.float32]:
    """A texture (512, 512, 3), albedo 0.01..brightest, of any kind; its row 0 is the lower edge, at v = 0."""
    pattern = PATTERNS[int(rng.integers(len(PATTERNS)))](rng)
    grain = 1.0 + rng.uniform(0.0, 0.06) * noise(rng, _SIZE, (64, 64), 3)[..., None]
    # Patterns are pictures, row 0 above; print would be read in a mirror otherwise.
    return (pattern * grain * brightest).clip(0.01, brightest)[::-1].astype(np.float32)


def _uniform(rng: Generator) -> Image:
    return np.broadcast_to(draw_colour(rng), (*_SIZE, 3))


def _blotches(rng: Generator) -> Image:
    """Dyed cloth, marble, plaster: two colours mixed by smooth noise, soft or sharp."""
    cells = int(rng.choice([2, 3, 4, 8, 16]))
    mixed = noise(rng, _SIZE, (cells, cells), int(rng.integers(2, 6)))
    mixed = 1 / (1 + np.exp(-mixed * rng.uniform(1.0, 8.0)))
    one, other = draw_colour(rng), draw_colour(rng)
    return _between(mixed, one, (other * np.exp(rng.normal(0, 0.25, 3))).clip(0.015, 1.0))


def _stripes(rng: Generator) -> Image:
    u, v = np.meshgrid(np.linspace(0, 1, TEXTURE_PX), np.linspace(0, 1, TEXTURE_PX))
    # In a drawn direction, so that it repeats without a seam in most.
    ramp = u if rng.random() < 0.4 else v if rng.random() < 0.5 else (u + v) / 2
    along = ramp * rng.integers(3, 40)
    waves = np.sin(2 * np.pi * (along + rng.uniform(0, 0.4) * noise(rng, _SIZE, (3, 3), 2)))
    return _between((waves > rng.uniform(-0.7, 0.7)).astype(float), draw_colour(rng), draw_colour(rng))


def _checks(rng: Generator) -> Image:
    """Chess board, gingham or tiles with joints."""
    u, v = np.meshgrid(np.linspace(0, 1, TEXTURE_PX), np.linspace(0, 1, TEXTURE_PX))
    count = int(rng.integers(3, 24))
    x, y = (u * count) % 1, (v * count) % 1
    kind = rng.integers(3)
    if kind == 0:
        share = ((x > 0.5) ^ (y > 0.5)).astype(float)
    elif kind == 1:
        share = ((x > 0.5).astype(float) + (y > 0.5)) / 2
    else:
        joint = rng.uniform(0.03, 0.1)
        share = ((x < joint) | (y < joint)).astype(float)
    return _between(share, draw_colour(rng), draw_colour(rng))


def _planks(rng: Generator) -> Image:
    """Boards side by side, each with a tone and streaks of its own."""
    boards = int(rng.integers(2, 10))
    row = (np.arange(TEXTURE_PX) * boards // TEXTURE_PX).astype(int)
    tone = rng.uniform(0.75, 1.2, boards)[row]
    streaks = noise(rng, _SIZE, (int(rng.integers(24, 96)), int(rng.integers(1, 5))), 3)
    warm = rng.uniform(0.12, 0.8) * np.array([1.0, rng.uniform(0.6, 0.85), rng.uniform(0.3, 0.65)])
    gaps = np.where(np.diff(row, prepend=-1) != 0, 0.35, 1.0)
    image = (tone * gaps)[:, None, None] * (1 + rng.uniform(0.05, 0.3) * streaks[..., None]) * warm
    return image if rng.random() < 0.5 else image.transpose(1, 0, 2)


def _print(rng: Generator) -> Image:
    """Scattered discs, boxes and lines of many colours, as on wrapping paper, covers and posters."""
    import cv2

    image = np.broadcast_to(draw_colour(rng), (*_SIZE, 3)).astype(np.float32).copy()
    largest = int(rng.choice([12, 30, 90]))
    for _ in range(int(rng.integers(10, 160))):
        at, size = rng.integers(0, TEXTURE_PX, 2), int(rng.integers(3, largest))
        colour = [float(c) for c in draw_colour(rng)]
        if rng.random() < 0.4:
            cv2.circle(image, tuple(int(i) for i in at), size, colour, -1, cv2.LINE_AA)
        else:
            corner = at + rng.integers(2, largest * 2, 2)
            cv2.rectangle(image, tuple(int(i) for i in at), tuple(int(i) for i in corner), colour, -1)
    return image.astype(float)


def _letters(rng: Generator) -> Image:
    """Lines of text, dark on light."""
    import cv2

    ink, scale = np.zeros(_SIZE, np.uint8), rng.uniform(0.3, 1.6)
    for row in range(int(12 * scale) + 8, TEXTURE_PX, int(28 * scale) + 6):
        text = "".join(chr(c) for c in rng.integers(33, 123, 60))
        cv2.putText(ink, text, (4, row), cv2.FONT_HERSHEY_SIMPLEX, scale, 255, 1 + int(scale), cv2.LINE_AA)
    return _between(ink / 255.0, np.full(3, 0.03), draw_colour(rng, 0.5))


def _creased(rng: Generator) -> Image:
    """Plain cloth or paper whose folds shade it."""
    folds = np.abs(noise(rng, _SIZE, (int(rng.integers(2, 6)),) * 2, 4))
    return (1 - rng.uniform(0.04, 0.35) * folds[..., None]) * draw_colour(rng)


PATTERNS: tuple[Callable[[Generator], Image], ...] = (
    _uniform,
    _uniform,
    _blotches,
    _blotches,
    _creased,
    _creased,
    _planks,
    _stripes,
    _checks,
    _print,
    _letters,
)


def draw_colour(rng: Generator, darkest: float = 0.02) -> NDArray[np.float64]:
    """An albedo of any lightness; white, grey and black as often as colours."""
    light = rng.uniform(darkest, 1.0) ** rng.choice([0.5, 1.0, 2.0])
    return (light * np.exp(rng.normal(0, rng.choice([0.03, 0.25, 0.7]), 3))).clip(0.015, 1.0)


def _between(share: NDArray, one: NDArray, other: NDArray) -> Image:
    return share[..., None] * one + (1 - share[..., None]) * other
