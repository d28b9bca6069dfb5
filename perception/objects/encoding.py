"""What goes into the objects' network and what its numbers mean: depth as height over the table, as in vitro-s
(`perception.estimators.vitro_s.encoding`), and the place of an object's middle beside each of its pixels."""

import numpy as np
from numpy.typing import NDArray

from perception.depth_types import Plane
from perception.estimators.vitro_s.encoding import USUAL_HEIGHT_M, axis_distance_m, encode_depth, plane_disparity

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]

#: Colour (3), the ray's slant, x and y, camera height, pixels a metre; the sensor's q and where it has one; the
#: estimator's q and where it has one; arms; arms' mirror images in the table.
CHANNELS = 14
#: Pixels a metre at the table are told relative to this.
USUAL_DENSITY_PX_M = 500.0
#: q beyond these is shown as these.
SHOWN_Q = (-2.0, 4.0)
#: Distances to an object's middle are told in so many pixels.
OFFSET_PX = 32.0
_RAY_X = 4


def inputs(
    color: NDArray[np.uint8],
    rays: Map,
    plane: Plane,
    density_px_m: float,
    sensor_m: Map | None,
    estimate_m: Map | None,
    arms: Mask | None,
    arm_images: Mask | None,
) -> Map:
    """(CHANNELS, H, W) what the network sees.

    color (H, W, 3); rays (H, W, 3; z = 1); density_px_m: pixels a metre where the camera's axis meets the table;
    sensor_m, estimate_m (H, W) [m] with NaN holes; arms, arm_images (H, W); None for what there is none of.
    """
    out = np.zeros((CHANNELS, *color.shape[:2]), np.float32)
    out[:3] = color.transpose(2, 0, 1) / 127.5 - 1.0
    out[3] = -(rays @ plane.normal.astype(np.float32))
    out[4:6] = rays[..., :2].transpose(2, 0, 1)
    out[6] = np.log(-plane.offset_m / USUAL_HEIGHT_M)
    out[7] = np.log(density_px_m / USUAL_DENSITY_PX_M)
    reference = plane_disparity(rays, plane)
    for first, depth_m in ((8, sensor_m), (10, estimate_m)):
        if depth_m is not None:
            q = encode_depth(depth_m, reference)
            out[first] = np.nan_to_num(q, nan=0.0).clip(*SHOWN_Q)
            out[first + 1] = np.isfinite(q)
    for channel, mask in ((12, arms), (13, arm_images)):
        if mask is not None:
            out[channel] = mask
    return out


def mirror(x: Map) -> Map:
    """Inputs (CHANNELS, H, W) of the same scene seen in an upright mirror."""
    turned = x[..., ::-1].copy()
    turned[_RAY_X] *= -1
    return turned


def density_px_m(focal_px: float, plane: Plane) -> float:
    """Pixels a metre at the table where a camera's axis meets it."""
    return focal_px / axis_distance_m(plane)
