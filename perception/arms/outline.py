"""An arm as a camera must see it where its joints are as measured: which link and colour each pixel shows, by rays cut
with the links' boxes and cylinders, and the edges between what is of another colour."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.cell_parts import ArmMount
from core.image import Intrinsics
from core.transforms import Matrix
from hardware.robot.description import LINKS, SHAPES, Firmware, LinkShape
from hardware.robot.kinematics import link_poses

Span = tuple[NDArray[np.float32], NDArray[np.float32]]

#: What reaches nearer than this [m] to the camera's plane is not drawn.
_NEAREST_M = 0.05
#: The arm's colours by number, brighter ones later; 0 is whatever else there is.
_SHADES = {rgb: number for number, rgb in enumerate(sorted({s.rgb for of in SHAPES.values() for s in of}), start=1)}
#: Edges' directions are taken from a drawing smoothed over so many pixels (sigma), within a margin around the arm.
_SMOOTH_PX, _MARGIN_PX = 1.5, 6
#: What lies nearer than this to the picture's border [px] is no edge of the arm's, but of the picture.
_BORDER_PX = 3
#: A drawing's number of the link that stands still.
BASE = 1
_SIGNS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
#: All shapes in the order of their links: of which link each is, where in it, and its box's corners (P, 8, 3).
_PARTS = [(index, shape) for index, link in enumerate(LINKS) for shape in SHAPES[link]]
_LINK_OF = np.array([index for index, _ in _PARTS])
_T_LINK_PART = np.array([shape.T_link_shape for _, shape in _PARTS])
_CORNERS_M = np.array([_SIGNS * shape.half_extents_m for _, shape in _PARTS])


@dataclass(frozen=True)
class ArmDrawing:
    """shades (H, W) uint8: the number of the colour, 0 where no arm is seen; links (H, W) uint8: 1 + the index in
    `LINKS`; depth_m (H, W) float32, infinite where there is no arm."""

    shades: NDArray[np.uint8]
    links: NDArray[np.uint8]
    depth_m: NDArray[np.float32]

    @classmethod
    def empty(cls, k: Intrinsics) -> "ArmDrawing":
        size = (k.height, k.width)
        return cls(np.zeros(size, np.uint8), np.zeros(size, np.uint8), np.full(size, np.inf, np.float32))


@dataclass(frozen=True)
class ArmEdges:
    """Where a drawing's colours meet: pixels (N, 2) as (column, row), unit normals (N, 2), and of which link each is
    (N,), as in `ArmDrawing`."""

    pixels: NDArray[np.int64]
    normals: NDArray[np.float32]
    links: NDArray[np.uint8]

    def of_link(self, number: int) -> "ArmEdges":
        """Those of one link."""
        of = self.links == number
        return ArmEdges(self.pixels[of], self.normals[of], self.links[of])


@dataclass(frozen=True)
class ArmView:
    """How an arm is looked at. T_camera_base: where it stands; width_m: between its fingers."""

    intrinsics: Intrinsics
    T_camera_base: Matrix
    width_m: float
    firmware: Firmware = "new"

    @classmethod
    def of(cls, mount: ArmMount, intrinsics: Intrinsics, T_camera_world: Matrix, width_m: float) -> "ArmView":
        """Of a cell's arm."""
        return cls(intrinsics, T_camera_world @ mount.T_world_base, width_m, mount.firmware)

    def at_scale(self, share: float) -> "ArmView":
        """The same view in a smaller picture."""
        k = self.intrinsics
        smaller = k.resized(round(k.width * share), round(k.height * share))
        return ArmView(smaller, self.T_camera_base, self.width_m, self.firmware)

    def draw(
        self, joints_rad: NDArray[np.float64], before: ArmDrawing | None = None, links: slice = slice(None)
    ) -> ArmDrawing:
        """The arm at these joints (6,).

        Args:
            before: a drawing of other links to add to.
            links: which of `LINKS` are drawn.
        """
        before = before or ArmDrawing.empty(self.intrinsics)
        shades, numbers, depth_m = before.shades.copy(), before.links.copy(), before.depth_m.copy()
        poses = link_poses(joints_rad, self.width_m, self.firmware)
        T_base_link = np.array([poses[link] for link in LINKS])
        first, beyond, _ = links.indices(len(LINKS))
        drawn = slice(*np.searchsorted(_LINK_OF, (first, beyond)))
        T_camera_part = self.T_camera_base @ T_base_link[_LINK_OF[drawn]] @ _T_LINK_PART[drawn]
        windows = _windows(_CORNERS_M[drawn], T_camera_part, self.intrinsics)
        for (link, shape), T, window in zip(_PARTS[drawn], T_camera_part, windows, strict=True):
            if window is not None:
                entry_m = _entry_depth(shape, T, self.intrinsics, window)
                is_nearer = entry_m < depth_m[window]
                depth_m[window][is_nearer] = entry_m[is_nearer]
                shades[window][is_nearer] = _SHADES[shape.rgb]
                numbers[window][is_nearer] = link + 1
        return ArmDrawing(shades, numbers, depth_m)


def edges_of(drawing: ArmDrawing) -> ArmEdges:
    """Of a drawing, those at the picture's border left out."""
    import cv2

    window = _around(drawing.shades)
    shades, links = drawing.shades[window], drawing.links[window]
    smooth = cv2.GaussianBlur(shades.astype(np.float32), (0, 0), _SMOOTH_PX)
    across, down = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    is_edge = np.zeros(shades.shape, bool)
    is_edge[:, :-1] |= shades[:, :-1] != shades[:, 1:]
    is_edge[:-1] |= shades[:-1] != shades[1:]
    rows, columns = np.nonzero(is_edge)
    steps = np.stack([across[rows, columns], down[rows, columns]], axis=1)
    normals = (steps / np.maximum(np.linalg.norm(steps, axis=1, keepdims=True), 1e-6)).astype(np.float32)
    last = np.array(shades.shape) - 1
    neighbours = [
        links[np.minimum(rows + r, last[0]), np.minimum(columns + c, last[1])] for r, c in ((0, 0), (1, 0), (0, 1))
    ]
    pixels = np.stack([columns + window[1].start, rows + window[0].start], axis=1)
    size = np.array(drawing.shades.shape[::-1])
    inside = ((pixels >= _BORDER_PX) & (pixels < size - _BORDER_PX)).all(axis=1)
    return ArmEdges(pixels[inside], normals[inside], np.max(neighbours, axis=0)[inside])


def _around(shades: NDArray[np.uint8]) -> tuple[slice, slice]:
    """The window that holds what is drawn, and a margin."""
    spans = []
    for axis, size in ((1, shades.shape[0]), (0, shades.shape[1])):
        drawn = np.flatnonzero(shades.any(axis=axis))
        low, high = (drawn[0], drawn[-1] + 1) if len(drawn) else (0, 1)
        spans.append(slice(max(low - _MARGIN_PX, 0), min(high + _MARGIN_PX, size)))
    return spans[0], spans[1]


def _windows(corners_m: NDArray[np.float64], T_camera_part: Matrix, k: Intrinsics) -> list[tuple[slice, slice] | None]:
    """Rows and columns that each of some shapes (P, 4, 4) with corners (P, 8, 3) can appear in; None where it is out of
    the picture, or behind the camera."""
    seen_m = corners_m @ T_camera_part[:, :3, :3].swapaxes(1, 2) + T_camera_part[:, None, :3, 3]
    is_ahead = seen_m[..., 2].min(axis=1) >= _NEAREST_M
    seen_m[~is_ahead] = (0.0, 0.0, 1.0)  # no division by what is behind
    pixels, size = k.project(seen_m.reshape(-1, 3)).reshape(-1, 8, 2), np.array([k.width, k.height])
    lows = np.clip(np.floor(pixels.min(axis=1)), 0, size).astype(int).tolist()
    highs = np.clip(np.ceil(pixels.max(axis=1)) + 1, 0, size).astype(int).tolist()
    return [
        (slice(top, bottom), slice(left, right)) if ahead and right > left and bottom > top else None
        for ahead, (left, top), (right, bottom) in zip(is_ahead.tolist(), lows, highs, strict=True)
    ]


def _entry_depth(
    shape: LinkShape, T_camera_shape: Matrix, k: Intrinsics, window: tuple[slice, slice]
) -> NDArray[np.float32]:
    """Depth [m] at which the rays of a window's pixels enter a shape, infinite where they miss it."""
    rows, columns = (np.arange(part.start, part.stop, dtype=np.float32) for part in window)
    x, y = ((columns - k.cx) / k.fx)[None, :], ((rows - k.cy) / k.fy)[:, None]
    R, t = T_camera_shape[:3, :3], T_camera_shape[:3, 3]
    start = -(R.T @ t)
    along = [(x * R[0, i] + (y * R[1, i] + R[2, i])).astype(np.float32) for i in range(3)]
    with np.errstate(divide="ignore", invalid="ignore"):
        firsts, lasts = zip(*_spans(shape, along, start), strict=True)
        enter, leave = np.maximum.reduce(firsts), np.minimum.reduce(lasts)  # NaN, where a ray misses, stays
        return np.where((leave >= enter) & (enter > 0.0), enter, np.inf).astype(np.float32)


def _spans(shape: LinkShape, along: list[NDArray[np.float32]], start: NDArray[np.float64]) -> Iterator[Span]:
    """Between which depths each ray is within a shape's extent, one by one. along, start: rays in the shape's frame."""
    if shape.kind == "box":
        yield from (_slab(along[i], start[i], shape.size_m[i]) for i in range(3))
        return
    radius, half = shape.size_m
    a, b = along[0] ** 2 + along[1] ** 2, along[0] * start[0] + along[1] * start[1]
    root = np.sqrt(b * b - a * (start[0] ** 2 + start[1] ** 2 - radius**2))
    yield (-b - root) / a, (-b + root) / a
    yield _slab(along[2], start[2], half)


def _slab(along: NDArray[np.float32], start: float, half: float) -> Span:
    one, other = (-half - start) / along, (half - start) / along
    return np.minimum(one, other), np.maximum(one, other)
