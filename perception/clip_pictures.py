"""Clips for the eye: maps in colours under their frames, in one range for the whole clip."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from perception.depth_types import Kind
from perception.pictures import HOLE_RGB, Image, colour_depth, depth_range, legend, write

#: Sheets and videos show frames no wider than this, and enlarge those that are narrower than the other [px].
PANEL_WIDTH, LEAST_WIDTH = 480, 240
_GAP = 6

_CAPTIONS = {"disparity": "1/depth", "depth": "depth", "metric": "metres"}


@dataclass(frozen=True)
class MapColours:
    """How maps of one clip are drawn. near, far: the values in red and blue; unused for normals."""

    kind: Kind | Literal["normals"]
    near: float = 0.0
    far: float = 1.0

    @classmethod
    def of(cls, kind: Kind | Literal["normals"], samples: Sequence[NDArray[np.float32]]) -> "MapColours":
        """The range of some of the clip's maps."""
        if kind == "normals":
            return cls(kind)
        if kind == "metric":
            return cls(kind, *depth_range(*samples))
        values = np.concatenate([s[np.isfinite(s)] for s in samples])
        low, high = np.percentile(values, [0.5, 99.5]) if len(values) else (0.0, 1.0)
        high = max(high, low + 1e-6)
        return cls(kind, high, low) if kind == "disparity" else cls(kind, low, high)

    def draw(self, values: NDArray[np.float32]) -> Image:
        """(H, W, 3) RGB: red near and blue far; normals as right red, up green, towards the camera blue."""
        if self.kind == "normals":
            return _colour_normals(values)
        if self.kind == "metric":
            return colour_depth(values, self.near, self.far)
        # As a depth that runs from 1 (near) to 2 (far), for which the colours are.
        share = np.clip((values - self.near) / (self.far - self.near), 0, 1)
        return colour_depth((1 + share).astype(np.float32), 1.0, 2.0)

    def legend(self, height: int) -> Image:
        """What the colours mean."""
        if self.kind != "normals":
            return legend(height, self.near, self.far, _CAPTIONS[self.kind])
        # A ball as the camera sees it: every direction in its colour.
        side = max(24, round(84 * height / 480))
        x, y = np.meshgrid(*[np.linspace(-1.1, 1.1, side, dtype=np.float32)] * 2)
        square = x**2 + y**2
        normals = np.stack([x, y, -np.sqrt(np.clip(1 - square, 0, None))], -1)
        normals[square > 1] = np.nan
        image = np.full((height, side, 3), HOLE_RGB, np.uint8)
        image[:side] = _colour_normals(normals)[:height]
        return image


def side_by_side(color: Image, values: NDArray[np.float32], colours: MapColours) -> Image:
    """Colour at the left, the map at the right, of even size for video codecs."""
    size = panel_size(*color.shape[:2])
    return np.hstack([_fit(color, *size), _fit(colours.draw(values), *size)])


def panel_size(height: int, width: int) -> tuple[int, int]:
    """(height, width) at which a frame is shown: even numbers."""
    share = np.clip(PANEL_WIDTH / width, None, 1.0) if width > LEAST_WIDTH else LEAST_WIDTH / width
    return max(2, 2 * round(height * share / 2)), max(2, 2 * round(width * share / 2))


def contact_sheet(
    colors: Sequence[Image], maps: Sequence[NDArray[np.float32]], numbers: Sequence[int], colours: MapColours
) -> Image:
    """Two or three frames in a row, colour above and map below, with their numbers and one legend."""
    height, width = panel_size(*colors[0].shape[:2])
    panels = []
    for color, values, number in zip(colors, maps, numbers, strict=True):
        top = _fit(color, height, width).copy()
        scale = max(width / 700, 0.3)
        write(top, f"frame {number}", (round(10 * scale), round(28 * scale)), scale, max(1, round(2 * scale)))
        panels.append(np.vstack([top, _fit(colours.draw(values), height, width)]))
    across = 2 if len(panels) in (2, 4) else min(3, len(panels))
    blank = np.full_like(panels[0], HOLE_RGB)
    panels += [blank] * (-len(panels) % across)
    gap = np.full((panels[0].shape[0], _GAP, 3), 255, np.uint8)
    rows = [
        np.hstack([part for panel in panels[i : i + across] for part in (panel, gap)][:-1])
        for i in range(0, len(panels), across)
    ]
    bar = np.full((_GAP, rows[0].shape[1], 3), 255, np.uint8)
    sheet = np.vstack([part for row in rows for part in (row, bar)][:-1])
    side = colours.legend(min(sheet.shape[0], 480))
    below = np.full((sheet.shape[0] - side.shape[0], side.shape[1], 3), HOLE_RGB, np.uint8)
    return np.hstack([sheet, np.vstack([side, below])])


def _fit(image: Image, height: int, width: int) -> Image:
    if image.shape[:2] == (height, width):
        return image
    how = cv2.INTER_AREA if width < image.shape[1] else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(image, (width, height), interpolation=how), np.uint8)


def _colour_normals(normals: NDArray[np.float32]) -> Image:
    seen = np.asarray(np.isfinite(normals).all(axis=-1))
    shown = np.where(seen[..., None], normals, 0) * np.array([1, -1, -1], np.float32)
    image = np.clip(np.rint(127.5 + 127.5 * shown), 0, 255).astype(np.uint8)
    image[~seen] = HOLE_RGB
    return image
