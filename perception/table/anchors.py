"""Pixels of known depth: the tags' faces, the table between them, or the sensor's view of the table."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.image import RgbdImage
from perception.depth_types import RelativeDepth, SeenTag, TableView
from perception.table.plane import plane_inliers

#: The share of a tag's side that is taken for its inside, away from mixed pixels at its edge.
TAG_INSIDE = 0.9
#: Tags are sampled on a grid this wide [px], the table on a wider one: it is larger, and most of the anchors.
TAG_GRID_PX = 2
TABLE_GRID_PX = 4
TABLE = -1
_OTHER = -2


@dataclass(frozen=True)
class Anchors:
    """N pixels: their relative depth, true depth [m], and the tag each lies on (-1: bare table).

    pixels: (N, 2) columns and rows [px].
    near: (N,) ids of the tag whose neighbourhood a table pixel belongs to (its own id on a tag), so
    that a tag can be left out together with the table around it.
    """

    relative: NDArray[np.float64]
    depth_m: NDArray[np.float64]
    tag: NDArray[np.int64]
    near: NDArray[np.int64]
    pixels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.depth_m)

    def of(self, image: NDArray) -> NDArray:
        """(N, ...) what an image (H, W, ...) has at these pixels."""
        return image[self.pixels[:, 1], self.pixels[:, 0]]

    def where(self, keep: NDArray[np.bool_]) -> "Anchors":
        """Those of them that are kept (N,)."""
        return Anchors(self.relative[keep], self.depth_m[keep], self.tag[keep], self.near[keep], self.pixels[keep])


def find_anchors(relative: RelativeDepth, view: TableView, frame: RgbdImage) -> Anchors:
    """The anchors of a view, where the estimator has an answer."""
    truth = view.plane.depth(frame.intrinsics.rays())
    if view.source == "tags":
        owner = _tag_owner(view, truth.shape)
    else:
        owner = np.where(_on_grid(plane_inliers(frame, view.plane), TABLE_GRID_PX), TABLE, _OTHER)
    v, u = np.nonzero((owner != _OTHER) & np.isfinite(relative.values) & np.isfinite(truth))
    tag = owner[v, u].astype(np.int64)
    near = np.full(len(u), TABLE)
    if view.tags:
        centres = np.array([seen.corners_px.mean(axis=0) for seen in view.tags])
        squared = (u[:, None] - centres[:, 0]) ** 2 + (v[:, None] - centres[:, 1]) ** 2
        near = np.array([seen.id for seen in view.tags])[np.argmin(squared, axis=1)]
    near = np.where(tag >= 0, tag, near)
    pixels = np.stack([u, v], axis=1)
    return Anchors(relative.values[v, u].astype(float), truth[v, u].astype(float), tag, near, pixels)


def tag_pixels(tag: SeenTag, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """(H, W) pixels well inside a tag's black square."""
    import cv2

    middle = tag.corners_px.mean(axis=0)
    quad = middle + TAG_INSIDE * (tag.corners_px - middle)
    mask = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(mask, np.rint(quad).astype(np.int32), 1)
    return mask.astype(bool)


def _tag_owner(view: TableView, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """(H, W): a tag's id on it, -1 on a grid of the table between the tags, -2 elsewhere."""
    import cv2

    hull = cv2.convexHull(np.rint(np.concatenate([tag.corners_px for tag in view.tags])).astype(np.int32))
    between = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(between, hull, 1)
    owner = np.where(_on_grid(between.astype(bool), TABLE_GRID_PX), TABLE, _OTHER).astype(np.int64)
    for tag in view.tags:
        inside = tag_pixels(tag, shape)
        owner[inside] = _OTHER
        owner[_on_grid(inside, TAG_GRID_PX)] = tag.id
    return owner


def _on_grid(mask: NDArray[np.bool_], step_px: int) -> NDArray[np.bool_]:
    grid = np.zeros_like(mask)
    grid[::step_px, ::step_px] = True
    return mask & grid
