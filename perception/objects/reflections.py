"""Mirror images on the table: what an estimator takes for things, and the sensor sees behind the table.

In a table that mirrors, arms, lamps and walls stand on their heads. An estimator makes low blobs of them, a stereo
sensor measures them as far away as they look: behind the table, where nothing can be.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from perception.depth_types import Plane
from perception.objects.object_map import ObjectMap

Map = NDArray[np.float32]

#: So far under the table [m] the sensor sees no table: its noise there is a few millimetres.
BEHIND_M = 0.015
#: What is more likely than this to be an object is none's image: glass too may seem to be behind the table.
LEAST_OBJECT = 0.2
#: Within a window this wide [px] most of what the sensor sees must be behind the table.
WINDOW_PX, MOST = 15, 0.5


def without_reflections(estimate_m: Map, sensor_m: Map, objects: ObjectMap, plane: Plane, rays: Map) -> Map:
    """(H, W) [m]: the table where an estimate stands above it and only an image of something is seen.

    estimate_m, sensor_m (H, W) [m], NaN or 0 where there is none; rays (H, W, 3; z = 1).
    """
    is_known = np.isfinite(sensor_m) & (sensor_m > 0)
    is_behind = is_known & (plane.height(rays * np.where(is_known, sensor_m, 1.0)[..., None]) < -BEHIND_M)
    window = (WINDOW_PX, WINDOW_PX)
    behind, known = (cv2.blur(mask.astype(np.float32), window) for mask in (is_behind, is_known))
    slant = rays @ plane.normal
    table_m = np.where(slant < 0, plane.offset_m / np.where(slant < 0, slant, -1.0), np.nan)
    is_image = (behind > MOST * known) & (objects.probability < LEAST_OBJECT) & (estimate_m < table_m)
    return np.where(is_image, table_m, estimate_m).astype(np.float32)
