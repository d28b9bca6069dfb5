"""Training samples of vitro-s: a disturbed picture, the table, and the depth to predict."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from core.errors import TrainingError
from core.image import Intrinsics
from perception.depth_types import Plane
from perception.estimators.vitro_s.encoding import encode_depth, inputs, mirror, plane_disparity
from perception.learning.datasets.base import DatasetFrame
from perception.learning.vitro_s.disturbed import disturbed_color, disturbed_plane, sensed

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
        """What it takes in memory."""
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
        """What a smaller picture holds of it."""
        k, place = self.intrinsics, (rows, columns)
        height, width = self.object_[place].shape
        pinhole = Intrinsics(width, height, k.fx, k.fy, k.cx - columns.start, k.cy - rows.start)
        arrays = (array[place] for array in (self.object_, self.transparent, self.specular))
        return KnownFrame(self.color[place], self.depth_m[place], pinhole, self.table, *arrays)

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
    weight, q = _weight(frame, q), np.nan_to_num(q)
    if rng.random() < 0.5:
        x, q, weight = mirror(x), q[..., ::-1].copy(), weight[..., ::-1].copy()
    return x, q, weight


def _weight(frame: KnownFrame, q: Map) -> Map:
    hard = frame.transparent | frame.specular
    weight = np.where(hard, GLASS_WEIGHT, np.where(frame.object_, OBJECT_WEIGHT, ELSEWHERE))
    weight *= np.where((q > BEYOND_Q[0]) & (q < BEYOND_Q[1]), 1.0, BEYOND_WEIGHT)
    return np.where(np.isfinite(q), weight, 0.0).astype(np.float32)


def _around_object(rng: Generator, object_: Mask, crop: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of a crop with a drawn object pixel in it."""
    v, u = np.nonzero(object_)
    at = (object_.shape[0] // 2, object_.shape[1] // 2)
    if len(v):
        pick = rng.integers(len(v))
        at = (int(v[pick]), int(u[pick]))
    starts = [
        int(np.clip(middle - rng.integers(size // 5, 4 * size // 5 + 1), 0, whole - size))
        for middle, size, whole in zip(at, crop, object_.shape, strict=True)
    ]
    return slice(starts[0], starts[0] + crop[0]), slice(starts[1], starts[1] + crop[1])
