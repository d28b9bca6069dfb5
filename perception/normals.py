"""Surface normals from a depth image and its intrinsics."""

import numpy as np
from numpy.typing import NDArray

from core.image import Intrinsics

#: Planes are fitted to windows of twice this and one pixel. The noise of a D435 hangs together over several
#: pixels: on the digital cell's table the median error is 25 deg with 4 px, 13 with 8 and 7 with 10, but
#: from 10 px on objects lose more at their edges than they gain.
RADIUS_PX = 8
#: Of a window, at least this share must have depth.
LEAST_SHARE = 0.4
#: A window beside the pixel is believed only where the one around it fits this many times worse.
_WORSE = 3.0

Array = NDArray[np.float64]


def normals_from_depth(
    depth_m: NDArray[np.float32], intrinsics: Intrinsics, radius_px: int = RADIUS_PX
) -> NDArray[np.float32]:
    """(H, W, 3) unit normals in camera axes, turned towards the camera; NaN where depth is or says too little.

    On a plane inverse depth is linear in the image: 1/z = (n_x x + n_y y + n_z) / d with x = (u - cx) / fx
    and y alike, so a linear fit gives the normal without bias. At edges, where the window around a pixel
    covers two surfaces, that of the windows beside it is taken which fits best and goes through the pixel.
    """
    valid = np.isfinite(depth_m) & (depth_m > 0)
    inverse = np.where(valid, 1 / np.where(valid, depth_m, 1), 0).astype(np.float64)
    x, y = np.moveaxis(intrinsics.rays()[..., :2].astype(np.float64), -1, 0)
    planes, misfit = _fit_windows(inverse, valid, x, y, radius_px)
    # A curved surface bulges most in the middle of its window: there the pixel itself says nothing of an edge.
    chosen, least = planes, misfit
    bar = least / _WORSE
    for dv in (-radius_px, 0, radius_px):
        for du in (-radius_px, 0, radius_px):
            plane, own = _shift(planes, dv, du), _shift(misfit, dv, du)
            # How badly a window fits its own pixels and the one it is to answer for.
            off = plane[..., 0] * x + plane[..., 1] * y + plane[..., 2] - inverse
            cost = np.where(np.isfinite(own), own + np.nan_to_num(off) ** 2, np.inf)
            better = cost < np.minimum(least, bar)
            least = np.where(better, cost, least)
            chosen = np.where(better[..., None], plane, chosen)
    normals = chosen / np.linalg.norm(chosen, axis=-1, keepdims=True)
    # n . ray = d / z: towards the camera it is negative.
    facing = normals[..., 0] * x + normals[..., 1] * y + normals[..., 2]
    normals *= np.where(facing > 0, -1.0, 1.0)[..., None]
    normals[~valid | ~np.isfinite(least)] = np.nan
    return normals.astype(np.float32)


def _fit_windows(inverse: Array, valid: NDArray[np.bool_], x: Array, y: Array, radius_px: int) -> tuple[Array, Array]:
    """Around every pixel: (H, W, 3) a, b, c of inverse = a x + b y + c, and its mean squared misfit (inf: no fit)."""
    m = valid.astype(np.float64)
    n, mx, my, mw = (_sum(m * v, radius_px) for v in (np.ones_like(x), x, y, inverse))
    n = np.maximum(n, 1)
    mx, my, mw = mx / n, my / n, mw / n
    xx, xy, yy, xw, yw, ww = (
        _sum(m * a * b, radius_px) / n - ma * mb
        for a, b, ma, mb in (
            (x, x, mx, mx),
            (x, y, mx, my),
            (y, y, my, my),
            (x, inverse, mx, mw),
            (y, inverse, my, mw),
            (inverse, inverse, mw, mw),
        )
    )
    determinant = xx * yy - xy**2
    full = (2 * radius_px + 1) ** 2
    # Pixels along a line leave the plane free to turn about it.
    fits = (n >= LEAST_SHARE * full) & (determinant > 0.01 * (xx + yy) ** 2)
    determinant[~fits] = 1
    a, b = (yy * xw - xy * yw) / determinant, (xx * yw - xy * xw) / determinant
    misfit = np.maximum(ww - a * xw - b * yw, 0)
    planes = np.stack([a, b, mw - a * mx - b * my], -1)
    return np.where(fits[..., None], planes, np.nan), np.where(fits, misfit, np.inf)


def _sum(values: Array, radius_px: int) -> Array:
    import cv2

    side = 2 * radius_px + 1
    return np.asarray(
        cv2.boxFilter(values, cv2.CV_64F, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT), np.float64
    )


def _shift(values: Array, dv: int, du: int) -> Array:
    """values at (v + dv, u + du); NaN or infinite beyond the image, as that has no fit."""
    out = np.full_like(values, np.inf if values.ndim == 2 else np.nan)
    height, width = values.shape[:2]
    rows, columns = slice(max(0, -dv), min(height, height - dv)), slice(max(0, -du), min(width, width - du))
    out[rows, columns] = values[max(0, dv) : height + min(0, dv), max(0, du) : width + min(0, du)]
    return out
