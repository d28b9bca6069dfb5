"""Training samples of vitro-s: a picture, a depth sensor and a table plane, disturbed as a D435, its driver and a
calibrated cell disturb them, and the depth to predict."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from core.errors import TrainingError
from core.image import Intrinsics
from perception.depth_types import Plane
from perception.estimators.vitro_s.encoding import encode_depth, inputs, mirror, plane_disparity
from perception.learning.datasets.base import DatasetFrame

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]
#: What an error counts on glass and mirrors, on ordinary objects, and elsewhere.
GLASS_WEIGHT, OBJECT_WEIGHT, ELSEWHERE = 6.0, 3.0, 1.0
#: Share of that far below the table or close to the camera, where q is steep and nothing is to be grasped.
BEYOND_WEIGHT, BEYOND_Q = 0.05, (-0.3, 3.0)
#: Share of the samples that show the sensor's depth too.
WITH_SENSOR = 0.5
#: Share of those in which the sensor is lost on the table too.
TABLE_LIES = 0.5

#: Share of the pictures with each disturbance.
BLUR, MOTION, JPEG, TINT, GREY = 0.25, 0.05, 0.2, 0.9, 0.03
#: Noise of a table's plane from tags: tilt [rad] and height [share of the camera's]; a few times worse at the tails.
TILT_RAD, HEIGHT_SHARE = np.radians(0.25), 0.003
#: Noise of an active stereo camera's depth [1/m * z²] and its range [m].
SENSOR_NOISE, SENSOR_RANGE_M = 0.0025, (0.25, 3.0)


@dataclass(frozen=True)
class KnownFrame:
    """One frame with a known table, 10 bytes a pixel: what a sample is drawn from.

    color (H, W, 3); depth_m (H, W) of the first surface, NaN where unknown; object_, transparent, specular
    (H, W): pixels of any object, of glass and of metal.
    """

    color: NDArray[np.uint8]
    depth_m: Map
    intrinsics: Intrinsics
    table: Plane
    object_: Mask
    transparent: Mask
    specular: Mask

    @staticmethod
    def of(frame: DatasetFrame) -> "KnownFrame":
        """Raises TrainingError where the data set does not say where the table is."""
        if frame.table is None or frame.instance_ids is None:
            raise TrainingError(
                "vitro-s learns on frames whose table and objects are known.", "Train it on a transphy3d data set."
            )
        object_ = frame.instance_ids > 0
        none = np.zeros_like(object_)
        glass, metal = (none if mask is None else mask for mask in (frame.transparent, frame.specular))
        return KnownFrame(frame.color, frame.depth_m, frame.intrinsics, frame.table, object_, glass, metal)

    @property
    def nbytes(self) -> int:
        arrays = (self.color, self.depth_m, self.object_, self.transparent, self.specular)
        return sum(array.nbytes for array in arrays)

    def shrunk(self, times: int) -> "KnownFrame":
        """The same in a picture so many times smaller each way: coarse frames are quick ones."""
        if times == 1:
            return self
        height, width = (side // times for side in self.depth_m.shape)
        every = tuple(slice(times // 2, count * times, times) for count in (height, width))
        color = self.color[: height * times, : width * times].reshape(height, times, width, times, 3).mean((1, 3))
        k = self.intrinsics
        centre = [(c + 0.5) / times - 0.5 for c in (k.cx, k.cy)]
        masks = (np.ascontiguousarray(mask[every]) for mask in (self.object_, self.transparent, self.specular))
        return KnownFrame(
            (color + 0.5).astype(np.uint8),
            np.ascontiguousarray(self.depth_m[every]),
            Intrinsics(width, height, k.fx / times, k.fy / times, *centre),
            self.table,
            *masks,
        )

    def part(self, rows: slice, columns: slice) -> "KnownFrame":
        k, place = self.intrinsics, (rows, columns)
        height, width = self.object_[place].shape
        pinhole = Intrinsics(width, height, k.fx, k.fy, k.cx - columns.start, k.cy - rows.start)
        masks = (mask[place] for mask in (self.object_, self.transparent, self.specular))
        return KnownFrame(self.color[place], self.depth_m[place], pinhole, self.table, *masks)

    @property
    def behind_m(self) -> Map:
        """(H, W) what is behind glass, taken to be the table [m]; elsewhere the first surface."""
        through = np.fmax(self.depth_m, self.table.depth(self.intrinsics.rays()))
        return np.where(self.transparent, through, self.depth_m).astype(np.float32)


def sample(rng: Generator, frame: KnownFrame, crop: tuple[int, int] | None = None) -> tuple[Map, Map, Map]:
    """(CHANNELS, h, w) inputs, (h, w) target q and (h, w) weight of a disturbed frame; weight 0 where unknown.

    crop: (height, width) of a part around an object that is taken of it.
    """
    if crop and crop != frame.object_.shape:
        frame = frame.part(*_around_object(rng, frame.object_, crop))
    depth_m, rays = frame.depth_m, frame.intrinsics.rays()
    plane = disturbed_plane(rng, frame.table)
    sensor_m = None
    if rng.random() < WITH_SENSOR:
        # A mirror of a table, or a frosted one, is as bad as metal; which ones are is for the picture to say.
        lost = frame.specular if rng.random() > TABLE_LIES else ~frame.object_ | frame.specular
        sensor_m = sensed(rng, depth_m, frame.behind_m, frame.transparent, lost)
    x = inputs(disturbed_color(rng, frame.color), rays, plane, sensor_m)
    q = encode_depth(depth_m, plane_disparity(rays, plane))
    weight = np.where(
        frame.transparent | frame.specular, GLASS_WEIGHT, np.where(frame.object_, OBJECT_WEIGHT, ELSEWHERE)
    )
    weight *= np.where((q > BEYOND_Q[0]) & (q < BEYOND_Q[1]), 1.0, BEYOND_WEIGHT)
    weight, q = np.where(np.isfinite(q), weight, 0.0).astype(np.float32), np.nan_to_num(q)
    if rng.random() < 0.5:
        x, q, weight = mirror(x), q[..., ::-1].copy(), weight[..., ::-1].copy()
    return x, q, weight


def _around_object(rng: Generator, object_: Mask, crop: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of a crop with a drawn object pixel in it."""
    pixels = np.argwhere(object_)
    at = pixels[rng.integers(len(pixels))] if len(pixels) else np.array(object_.shape) // 2
    rows, columns = (
        int(np.clip(middle - rng.integers(size // 5, 4 * size // 5 + 1), 0, whole - size))
        for middle, size, whole in zip(at, crop, object_.shape, strict=True)
    )
    return slice(rows, rows + crop[0]), slice(columns, columns + crop[1])


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
