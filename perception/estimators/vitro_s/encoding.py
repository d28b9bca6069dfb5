"""What goes into vitro-s and what its numbers mean.

Depth is told as height over the table: with the camera h above its plane, a ray that meets the plane at
disparity d_plane meets a point z above it at d = d_plane / (1 - z/h). The network sees and answers

    q = QUOTIENT * ln(d / d_plane) = -QUOTIENT * ln(1 - z/h),

which is 0 all over the bare table, the same for one height wherever it is in the picture, and whose error
is a relative error of depth. Rays that hardly meet the table or rise above it take the plane's disparity
of a shallow ray instead, so that q is defined everywhere.
"""

import numpy as np
from numpy.typing import NDArray

from perception.depth_types import Plane

Map = NDArray[np.float32]

#: Color (3), slant of the ray to the table, ray x and y, camera height, sensor's q and where it has one.
CHANNELS = 9
QUOTIENT = 4.0
#: Least slant (table normal times ray, both scaled to z = 1) at which the plane's own disparity is taken.
SHALLOWEST = 0.12
#: Camera heights [m] are told relative to this one.
USUAL_HEIGHT_M = 0.6
#: q beyond these is cut off: far behind the table, and nearly at the camera.
LOWEST_Q, HIGHEST_Q = -3.0, 6.0
#: Logarithms of expected errors beyond these say nothing more: they are not trained.
LOG_B = (-6.0, 2.0)


def plane_disparity(rays: Map, plane: Plane) -> Map:
    """Disparity [1/m] of the table in every ray (H, W, 3; z = 1), of a shallow ray where it does not meet it."""
    slant = -(rays @ plane.normal.astype(np.float32))
    return (np.maximum(slant, SHALLOWEST) / np.float32(-plane.offset_m)).astype(np.float32)


def axis_distance_m(plane: Plane) -> float:
    """How far along its axis a camera meets the table, as on a slope of `SHALLOWEST` where that is shallower."""
    return -plane.offset_m / max(-float(plane.normal[2]), SHALLOWEST)


def encode_depth(depth_m: Map, reference: Map) -> Map:
    """q of depths (H, W) [m] over the plane's disparity, NaN where there is no depth."""
    with np.errstate(divide="ignore", invalid="ignore"):
        q = -QUOTIENT * np.log(depth_m * reference)
    return np.where(depth_m > 0, q.clip(LOWEST_Q, HIGHEST_Q), np.nan).astype(np.float32)


def decode_depth(q: Map, reference: Map) -> Map:
    """Depth (H, W) [m] of the network's answer."""
    return (np.exp(-q / QUOTIENT) / reference).astype(np.float32)


def inputs(color: NDArray[np.uint8], rays: Map, plane: Plane, sensor_m: Map | None) -> Map:
    """(CHANNELS, H, W) what the network sees.

    color (H, W, 3); rays (H, W, 3; z = 1); sensor_m (H, W) [m] with NaN or 0 as holes, None for color alone.
    """
    height, width = color.shape[:2]
    out = np.zeros((CHANNELS, height, width), np.float32)
    out[:3] = color.transpose(2, 0, 1) / 127.5 - 1.0
    out[3] = -(rays @ plane.normal.astype(np.float32))
    out[4:6] = rays[..., :2].transpose(2, 0, 1)
    out[6] = np.log(-plane.offset_m / USUAL_HEIGHT_M)
    if sensor_m is not None:
        q = encode_depth(sensor_m, plane_disparity(rays, plane))
        out[7] = np.nan_to_num(q, nan=0.0).clip(-2.0, 4.0)
        out[8] = np.isfinite(q)
    return out


def mirror(x: Map) -> Map:
    """Inputs (CHANNELS, H, W) of the same scene seen in an upright mirror: its table stays where it is."""
    turned = x[..., ::-1].copy()
    turned[4] *= -1
    return turned
