"""Mirror images on the table: what an estimator takes for things, and the sensor sees behind the table, or on it.

In a table that mirrors, arms, lamps and walls stand on their heads. An estimator makes low blobs of them, a stereo
sensor measures them as far away as they look: behind the table, where nothing can be; or it measures the table.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from core.image import Intrinsics
from perception.depth_types import Plane
from perception.objects.object_map import ObjectMap

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]

#: So far under the table [m] the sensor sees no table: its noise there is a few millimetres. So far above it, it may.
BEHIND_M, ON_TABLE_M = 0.015, 0.010
#: Glass may stand where a sensor sees the table, or past it: not where the network that tells objects apart finds one
#: less likely than this, and the estimator is less sure than this of what it says; behind the table, and where an
#: object's own image would be, one of them is enough.
LEAST_OBJECT, LEAST_CONFIDENCE = 0.2, 0.4
#: Where the sensor sees nothing of what stands on a table that it sees images in, both must doubt it so much.
LEAST_OBJECT_UNSEEN, LEAST_CONFIDENCE_UNSEEN, MOST_SEEN = 0.1, 0.25, 0.05
#: Within a window this wide [px] the sensor must see this share of what stands there, and most of that must be so.
WINDOW_PX, LEAST_KNOWN, MOST = 15, 0.3, 0.5
#: A table of which the sensor sees at least half, and at most this share behind it, is matt: it shows no images.
MATT_SHARE = 0.10
#: An object's own image may be seen so far [px] beside where it should be. It is none of what the sensor sees stand
#: there, within this [m].
IMAGE_EDGE_PX, AGREE_M = 8, 0.020


def is_matt(height_m: Map) -> bool:
    """Whether a sensor's heights (N,) [m] over a table, NaN where it has none, are of one that shows no images."""
    known_m = height_m[np.isfinite(height_m)]
    return bool(len(known_m) > len(height_m) / 2 and (known_m < -BEHIND_M).mean() < MATT_SHARE)


def sees_images(height_m: Map) -> bool:
    """Whether a sensor's heights (N,) [m] over a table, NaN where it has none, are partly of what a table shows that
    mirrors or is clear: a sensor that sees little of a matt table is no reason to think so."""
    known_m = height_m[np.isfinite(height_m)]
    return bool(len(known_m) > LEAST_KNOWN * len(height_m) and (known_m < -BEHIND_M).mean() >= MATT_SHARE)


def own_images(objects: ObjectMap, front_m: Map, plane: Plane, intrinsics: Intrinsics) -> Mask:
    """(H, W) where a table that mirrors shows the objects on it; front_m (H, W) [m]: their fronts.

    An image is taken for the hull of what is seen of its object and its back, mirrored in the table.
    """
    images, rays = np.zeros(objects.ids.shape, np.uint8), intrinsics.rays()
    for id_ in range(1, objects.count + 1):
        its = objects.ids == id_
        depth_m = np.concatenate([front_m[its], (front_m + objects.thickness_m)[its]])
        points = np.concatenate([rays[its]] * 2) * depth_m[:, None]
        mirrored = points - 2 * plane.height(points)[:, None] * plane.normal
        mirrored = mirrored[np.isfinite(mirrored).all(axis=1) & (mirrored[:, 2] > 0)]
        if len(mirrored):
            hull = cv2.convexHull(np.rint(intrinsics.project(mirrored)).astype(np.int32))
            cv2.fillConvexPoly(images, hull, 1)
    return cv2.dilate(images, np.ones((2 * IMAGE_EDGE_PX + 1,) * 2, np.uint8)) > 0


def without_reflections(
    estimate_m: Map, confidence: Map, sensor_m: Map, objects: ObjectMap, plane: Plane, rays: Map, images: Mask
) -> Map:
    """(H, W) [m]: the table where an estimate stands above it and only an image of something is seen.

    estimate_m, sensor_m (H, W) [m], NaN or 0 where there is none; confidence (H, W) of the estimate; rays (H, W, 3;
    z = 1); images (H, W): where the objects' own images would be.
    """
    slant = rays @ plane.normal
    table_m = np.where(slant < 0, plane.offset_m / np.where(slant < 0, slant, -1.0), np.nan)
    estimated_m = plane.height(rays * estimate_m[..., None])
    stands = estimated_m > ON_TABLE_M
    has_sensor = np.isfinite(sensor_m) & (sensor_m > 0)
    sensed_m = np.where(has_sensor, plane.height(rays * np.where(has_sensor, sensor_m, 1.0)[..., None]), np.nan)
    is_known = stands & has_sensor
    height_m = np.where(is_known, sensed_m, np.inf)
    known = _share(is_known)
    is_unlikely, is_unsure = objects.probability < LEAST_OBJECT, confidence < LEAST_CONFIDENCE
    is_doubtful = ~objects.mask & (is_unlikely | is_unsure)
    is_image = (_share(height_m < -BEHIND_M) > MOST * known) & is_doubtful
    is_image |= (_share(height_m < ON_TABLE_M) > MOST * known) & is_unlikely & is_unsure
    is_image &= known >= LEAST_KNOWN * _share(stands)
    around_m = sensed_m[~objects.mask]
    if not is_matt(around_m):
        agrees = _share(is_known & (np.abs(height_m - estimated_m) < AGREE_M))
        is_image |= images & is_doubtful & (agrees <= MOST * _share(stands))
    if sees_images(around_m):
        is_phantom = (objects.probability < LEAST_OBJECT_UNSEEN) & (confidence < LEAST_CONFIDENCE_UNSEEN)
        sees = _share(is_known & (height_m > ON_TABLE_M))
        is_image |= ~objects.mask & is_phantom & (sees <= MOST_SEEN * _share(stands))
    return np.where(is_image & stands, table_m, estimate_m).astype(np.float32)


def _share(mask: NDArray[np.bool_]) -> Map:
    """(H, W) how much of the window around each pixel is in a mask."""
    return np.asarray(cv2.blur(mask.astype(np.float32), (WINDOW_PX, WINDOW_PX)))
