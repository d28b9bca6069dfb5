"""Mirror images on the table: what an estimator takes for things, and the sensor sees behind the table, or on it.

In a table that mirrors, arms, lamps and walls stand on their heads. An estimator makes low blobs of them, a stereo
sensor measures them as far away as they look: behind the table, where nothing can be; or it measures the table.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from perception.depth_types import Plane
from perception.objects.object_map import ObjectMap

Map = NDArray[np.float32]

#: So far under the table [m] the sensor sees no table: its noise there is a few millimetres. So far above it, it may.
BEHIND_M, ON_TABLE_M = 0.015, 0.010
#: Glass may stand where a sensor sees the table, or past it: not where the network that tells objects apart finds one
#: less likely than this, and the estimator is less sure than this of what it says; behind the table one of them is
#: enough.
LEAST_OBJECT, LEAST_CONFIDENCE = 0.2, 0.4
#: Within a window this wide [px] the sensor must see this share of what stands there, and most of that must be so.
WINDOW_PX, LEAST_KNOWN, MOST = 15, 0.3, 0.5


def without_reflections(
    estimate_m: Map, confidence: Map, sensor_m: Map, objects: ObjectMap, plane: Plane, rays: Map
) -> Map:
    """(H, W) [m]: the table where an estimate stands above it and only an image of something is seen.

    estimate_m, sensor_m (H, W) [m], NaN or 0 where there is none; confidence (H, W) of the estimate; rays (H, W, 3;
    z = 1).
    """
    slant = rays @ plane.normal
    table_m = np.where(slant < 0, plane.offset_m / np.where(slant < 0, slant, -1.0), np.nan)
    stands = plane.height(rays * estimate_m[..., None]) > ON_TABLE_M
    is_known = stands & np.isfinite(sensor_m) & (sensor_m > 0)
    height_m = np.where(is_known, plane.height(rays * np.where(is_known, sensor_m, 1.0)[..., None]), np.inf)
    known = _share(is_known)
    is_unlikely, is_unsure = objects.probability < LEAST_OBJECT, confidence < LEAST_CONFIDENCE
    is_image = (_share(height_m < -BEHIND_M) > MOST * known) & ~objects.mask & (is_unlikely | is_unsure)
    is_image |= (_share(height_m < ON_TABLE_M) > MOST * known) & is_unlikely & is_unsure
    is_image &= known >= LEAST_KNOWN * _share(stands)
    return np.where(is_image & stands, table_m, estimate_m).astype(np.float32)


def _share(mask: NDArray[np.bool_]) -> Map:
    """(H, W) how much of the window around each pixel is in a mask."""
    return np.asarray(cv2.blur(mask.astype(np.float32), (WINDOW_PX, WINDOW_PX)))
