"""Training samples of the objects' network: a view as a camera, a sensor and an estimator give it, and its labels."""

from dataclasses import replace

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from perception.depth_types import Plane
from perception.estimators.vitro_s.encoding import encode_depth, plane_disparity
from perception.estimators.vitro_s.model import VitroS
from perception.learning.objects.views import ARM, ARM_IMAGE, NOT_LEARNT, View, pack, unpack
from perception.learning.vitro_s.samples import disturbed_color, disturbed_plane, sensed
from perception.objects.encoding import OFFSET_PX, density_px_m, inputs, mirror

Map = NDArray[np.float32]
#: Share of the views of which vitro-s saw a sensor's depth too, and of those in which that is lost on the table.
WITH_SENSOR, TABLE_LIES = 0.5, 0.5
#: What a sample shows as the estimator's answer: none, vitro-s', or the truth made as soft and as wrong as others are.
NONE, VITRO_S, SOFT_TRUTH = "none", "vitro-s", "soft truth"
ANSWERS = {NONE: 0.3, VITRO_S: 0.5, SOFT_TRUTH: 0.2}
#: Share of the samples without arms' masks, as of a camera that knows of no arms.
NO_ARMS = 0.15
#: What an error counts on glass and metal, and on other objects.
GLASS_WEIGHT, OBJECT_WEIGHT = 2.0, 1.0
#: Rows of a target.
MASK, FRONT, BACK, OFFSET_X, OFFSET_Y, MASK_WEIGHT, DEPTH_WEIGHT = range(7)


def add_answers(rng: Generator, view: View, model: VitroS) -> View:
    """The view with vitro-s' answer, disturbed as a D435, its driver and a calibrated cell disturb it, and half of the
    time with what a sensor that vitro-s was shown sees of it."""
    plane = disturbed_plane(rng, view.table)
    sensor_m = imitate_sensor(rng, view) if rng.random() < WITH_SENSOR else None
    seen = model.see(disturbed_color(rng, view.color), view.intrinsics, plane, sensor_m)
    return replace(view, sensor=None if sensor_m is None else pack(sensor_m), estimate=pack(seen.depth_m))


def imitate_sensor(rng: Generator, view: View) -> Map:
    """What an active stereo camera makes of a view, roughly; (H, W) [m], NaN holes."""
    glass, metal = (np.isin(view.ids, [i for i, o in view.optics.items() if o == kind]) for kind in _OPTICS)
    through = np.fmax(view.depth_m, view.table.depth(view.intrinsics.rays()))
    lost = metal if rng.random() > TABLE_LIES else (view.ids == 0) | metal
    return sensed(rng, view.depth_m, np.where(glass, through, view.depth_m).astype(np.float32), glass, lost)


_OPTICS = ("transparent", "specular")


def sample(rng: Generator, view: View, kind: str | None = None) -> tuple[Map, Map]:
    """(CHANNELS, H, W) inputs and (7, H, W) targets of a disturbed view, mirrored half of the time.

    kind: what is shown as the estimator's answer (`ANSWERS`); drawn where it is None.
    """
    kind = kind or str(rng.choice(list(ANSWERS), p=list(ANSWERS.values())))
    rays, plane = view.intrinsics.rays(), disturbed_plane(rng, view.table)
    estimate_m = soft_truth(rng, view) if kind == SOFT_TRUTH else None
    if kind == VITRO_S and view.estimate is not None:
        estimate_m = unpack(view.estimate)
    has_sensor = view.sensor is not None and (kind == VITRO_S or rng.random() < 0.5)
    sensor_m = unpack(view.sensor) if has_sensor and view.sensor is not None else None
    has_arms = rng.random() > NO_ARMS
    arms, images = ((view.others & bit > 0) if has_arms else None for bit in (ARM, ARM_IMAGE))
    density = density_px_m(view.intrinsics.fx, plane)
    x = inputs(disturbed_color(rng, view.color), rays, plane, density, sensor_m, estimate_m, arms, images)
    y = targets(view, plane, rays)
    if rng.random() < 0.5:
        x, y = mirror(x), y[..., ::-1].copy()
        y[OFFSET_X] *= -1
    return x, y


def targets(view: View, plane: Plane, rays: Map) -> Map:
    """(7, H, W): mask, q of front and back, offsets to the object's middle, weights of the mask and of the depths."""
    y = np.zeros((7, *view.ids.shape), np.float32)
    object_ = view.ids > 0
    reference = plane_disparity(rays, plane)
    y[MASK] = object_
    for row, depth_m in ((FRONT, view.depth_m), (BACK, unpack(view.back))):
        y[row] = np.nan_to_num(encode_depth(depth_m, reference))
    rows, columns = np.mgrid[: object_.shape[0], : object_.shape[1]]
    for id_ in np.unique(view.ids[object_]):
        its = view.ids == id_
        y[OFFSET_X][its] = (columns[its].mean() - columns[its]) / OFFSET_PX
        y[OFFSET_Y][its] = (rows[its].mean() - rows[its]) / OFFSET_PX
        y[DEPTH_WEIGHT][its] = OBJECT_WEIGHT if view.optics.get(int(id_)) == "ordinary" else GLASS_WEIGHT
    y[MASK_WEIGHT] = view.others & NOT_LEARNT == 0
    return y


def soft_truth(rng: Generator, view: View) -> Map:
    """The true depth (H, W) [m] as an estimator of any kind may give it: blurred, coarse, each object off its place."""
    depth_m: Map = np.fmin(view.depth_m, np.nan_to_num(view.table.depth(view.intrinsics.rays()), nan=3.0))
    for id_ in np.unique(view.ids[view.ids > 0]):
        depth_m[view.ids == id_] += rng.normal(0, 0.012)
    wave = cv2.resize(
        rng.normal(0, 0.006, (4, 5)).astype(np.float32), depth_m.shape[::-1], interpolation=cv2.INTER_CUBIC
    )
    disparity: NDArray = 1.0 / np.maximum(np.nan_to_num(depth_m + wave, nan=3.0), 0.1)
    if rng.random() < 0.5:
        times = rng.uniform(1.0, 4.0)
        small = cv2.resize(disparity, None, fx=1 / times, fy=1 / times, interpolation=cv2.INTER_AREA)
        disparity = cv2.resize(small, depth_m.shape[::-1], interpolation=cv2.INTER_LINEAR)
    disparity = cv2.GaussianBlur(disparity, (0, 0), rng.uniform(0.3, 5.0))
    return (1.0 / disparity).astype(np.float32)
