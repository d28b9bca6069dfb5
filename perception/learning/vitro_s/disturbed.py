"""Disturbs clean renderings as a D435, its driver and a calibrated cell do: colour, depth sensor, table plane."""

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from perception.depth_types import Plane

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]

#: Share of the pictures with each disturbance.
BLUR, MOTION, JPEG, TINT, GREY = 0.25, 0.05, 0.2, 0.9, 0.03
#: Noise of a table's plane from tags: tilt [rad] and height [share of the camera's]; a few times worse at the tails.
TILT_RAD, HEIGHT_SHARE = np.radians(0.25), 0.003
#: Noise of an active stereo camera's depth [1/m * z²] and its range [m].
SENSOR_NOISE, SENSOR_RANGE_M = 0.0025, (0.25, 3.0)


def disturbed_color(rng: Generator, color: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Exposure, white balance, contrast, blur, noise and compression of a colour picture (H, W, 3)."""
    image: NDArray = color.astype(np.float32) / 255
    if rng.random() < TINT:
        gain = np.exp(rng.normal(0, 0.22)) * np.exp(rng.normal(0, 0.08, 3))
        image = (image * gain.astype(np.float32)).clip(0, 1.3)
        image = np.minimum(image, 1.0) ** np.float32(np.exp(rng.normal(0, 0.22)))
        grey = image.mean(-1, keepdims=True)
        image = grey + (image - grey) * np.float32(rng.uniform(0.4, 1.6))
    if rng.random() < GREY:
        image = np.repeat(image.mean(-1, keepdims=True), 3, -1)
    image = _blurred(rng, image.astype(np.float32))
    sigma = abs(rng.normal(0, 0.008))
    image = image + rng.standard_normal(image.shape, np.float32) * np.float32(sigma)
    out = (image.clip(0, 1) * 255 + 0.5).astype(np.uint8)
    if rng.random() < JPEG:
        packed = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 96))])[1]
        out = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    return out


def _blurred(rng: Generator, image: Map) -> Map:
    """Out of focus, or moved while exposed; a sharpened one as often as a soft one."""
    if rng.random() < MOTION:
        length, angle = int(rng.integers(2, 5)), rng.uniform(0, np.pi)
        kernel = np.zeros((11, 11), np.float32)
        step = np.array([np.cos(angle), np.sin(angle)]) * length / 2
        one, other = (tuple(round(5 + s * c) for c in step) for s in (-1, 1))
        cv2.line(kernel, one, other, 1.0)
        return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()), np.float32)
    if rng.random() < BLUR:
        soft = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 0.9))
        return np.asarray(soft if rng.random() < 0.7 else image + 0.7 * (image - soft), np.float32)
    return image


def disturbed_plane(rng: Generator, plane: Plane) -> Plane:
    """The plane as a cell's tags give it."""
    worse = 4.0 if rng.random() < 0.15 else 1.0
    normal = plane.normal + rng.normal(0, TILT_RAD * worse, 3)
    offset = plane.offset_m * (1 + rng.normal(0, HEIGHT_SHARE * worse))
    return Plane(normal / np.linalg.norm(normal), float(offset))


def sensed(rng: Generator, depth_m: Map, behind_m: Map, glass: Mask, metal: Mask) -> Map:
    """What an active stereo camera makes of a scene, roughly: NaN holes, and what is behind glass.

    depth_m: first surfaces; behind_m: what glass (mask) stands before; metal: where little matches.
    All (H, W). Glass is seen through, matched or a hole, by patches. It is no stereo: the digital
    cell's own (`hardware.simulation.stereo`) takes more time than a whole sample.
    """
    shape = depth_m.shape
    patches = _patches(rng, shape)
    out = np.where(glass & (patches > rng.uniform(-0.2, 1.2)), depth_m, behind_m)
    out = np.where(metal & (_patches(rng, shape) < rng.uniform(-0.3, 0.3)), out * (1 + 0.4 * (patches - 0.3)), out)
    holes = glass & (_patches(rng, shape) < rng.uniform(0.0, 1.0))
    holes |= metal & (_patches(rng, shape) < rng.uniform(0.1, 0.95))
    holes |= _patches(rng, shape) < rng.uniform(-0.3, 0.3)
    edge = cv2.morphologyEx(np.nan_to_num(out, nan=9.0), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    holes |= (edge > 0.03) & (_patches(rng, shape) < rng.uniform(0, 0.9))
    coarse = cv2.resize(rng.standard_normal((shape[0] // 4, shape[1] // 4), np.float32), shape[::-1])
    out = out + np.float32(SENSOR_NOISE * rng.uniform(0.3, 2)) * out**2 * coarse
    holes |= ~((out > SENSOR_RANGE_M[0]) & (out < SENSOR_RANGE_M[1]))
    return np.where(holes, np.nan, out).astype(np.float32)


def _patches(rng: Generator, shape: tuple[int, ...]) -> Map:
    """Smooth noise, about uniform in 0..1."""
    cells = int(rng.choice([6, 16, 48]))
    grid = rng.random((cells * shape[0] // shape[1] + 1, cells), np.float32)
    noise = cv2.resize(grid, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray((noise - 0.5) * 1.3 + 0.5, np.float32)
