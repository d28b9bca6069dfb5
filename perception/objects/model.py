"""The second look: whole objects, crisp and with their backs, in what an estimator gave."""

from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from core.image import Intrinsics
from perception.depth_types import Plane
from perception.estimators.vitro_s.encoding import LOG_B, decode_depth, plane_disparity
from perception.estimators.vitro_s.model import laplace_probability
from perception.estimators.vitro_s.network import pad_to_multiple
from perception.objects.encoding import OFFSET_PX, density_px_m, inputs, mirror
from perception.objects.instances import find_instances
from perception.objects.network import ObjectsNet
from perception.objects.object_map import CellMasks, ObjectMap
from perception.objects.outliers import without_skirts
from perception.weights.bundled import fill_network, read_tensors

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]

WEIGHTS = Path(__file__).parent / "objects.safetensors"
#: Pixels a metre at the table that the network works at, and the most pixels of a picture.
DENSITY_PX_M, MOST_PIXELS = 500.0, 400_000
#: The part that is looked at reaches this far beyond the region in which objects are sought [px of the network's].
MARGIN_PX = 24
#: A pixel shows an object above this.
LEAST_PROBABILITY = 0.5
#: Two fronts nearer to each other than this are one wall, of which nobody knows exactly where it is: 2 cm at 0.8 m.
SAME_WALL_Q = 0.1
#: What the file's metadata must say.
FORMAT = "vitro objects 1"


@dataclass(frozen=True)
class ObjectPrediction:
    """objects; front_m (H, W) [m]: their first surface, NaN elsewhere; confidence (H, W): the probability that it is
    within `TOLERANCE_M`."""

    objects: ObjectMap
    front_m: Map
    confidence: Map


class ObjectFinder:
    """The network, on the CPU or a GPU."""

    def __init__(self, net: ObjectsNet, device: str = "cpu") -> None:
        self._net = net.eval().to(device)
        self._device = device

    def predict(
        self,
        color: NDArray[np.uint8],
        intrinsics: Intrinsics,
        plane: Plane,
        estimate_m: Map | None = None,
        sensor_m: Map | None = None,
        masks: CellMasks | None = None,
    ) -> ObjectPrediction:
        """Objects of one picture.

        color (H, W, 3); plane: the table's; estimate_m, sensor_m (H, W) [m]: an estimator's and a sensor's depth, NaN
        holes; masks: of the cell, where known: else objects are sought everywhere.
        """
        scale, region = self._scale(intrinsics, plane), None if masks is None else masks.region
        window = _window(region, (intrinsics.height, intrinsics.width), MARGIN_PX / scale)
        part = _Part(window, intrinsics, scale)
        small = part.small
        known = (None, None) if masks is None else (masks.arms, masks.arm_images)
        x = inputs(
            part.shrink(color),
            small.rays(),
            plane,
            density_px_m(small.fx, plane),
            *(None if depth_m is None else part.pick(depth_m) for depth_m in (sensor_m, estimate_m)),
            *(None if mask is None else part.pick(mask.astype(np.uint8)) > 0 for mask in known),
        )
        return _read(self._answer(x), part, plane)

    def _scale(self, intrinsics: Intrinsics, plane: Plane) -> float:
        """By what the picture is shrunk; never above 1."""
        most = np.sqrt(MOST_PIXELS / (intrinsics.width * intrinsics.height))
        return float(min(1.0, DENSITY_PX_M / density_px_m(intrinsics.fx, plane), max(most, 0.05)))

    @torch.no_grad()
    def _answer(self, x: Map) -> Map:
        """(OUTPUTS, H, W): the mean of the picture as it is and mirrored, the fronts' choice made."""
        height, width = x.shape[1:]
        both = torch.from_numpy(np.stack([x, mirror(x)])).to(self._device)
        with torch.autocast(self._device, torch.bfloat16):
            found = self._net(pad_to_multiple(both).contiguous(memory_format=torch.channels_last))
        found = found[..., :height, :width].float().cpu()
        found[1] = found[1].flip(-1)
        found[1, 1] *= -1
        mean = found.mean(0)
        near, behind = mean[3], functional.softplus(found[:, 4]).mean(0)
        back = near - functional.softplus(found[:, 6]).mean(0)
        front = near - _share_of_far(mean[5], behind) * behind
        return torch.stack([mean[0], mean[1], mean[2], front, torch.minimum(back, front), mean[7]]).numpy()


def _share_of_far(logit: torch.Tensor, behind: torch.Tensor) -> torch.Tensor:
    """How much of the way (H, W) from the nearer front to the farther one the front lies: as likely as that is where
    they are close, where a choice pixel by pixel would only be rough; all or nothing where they are two walls."""
    likely = functional.avg_pool2d(logit[None, None], 3, 1, 1, count_include_pad=False)[0, 0].sigmoid()
    apart = ((behind - SAME_WALL_Q) / SAME_WALL_Q).clamp(0, 1)
    return torch.lerp(likely, (likely > 0.5).float(), apart)


class _Part:
    """A window of a picture, and the same made smaller for the network."""

    def __init__(self, window: tuple[slice, slice], intrinsics: Intrinsics, scale: float) -> None:
        rows, columns = window
        self.window, self.shape = window, (intrinsics.height, intrinsics.width)
        height, width = rows.stop - rows.start, columns.stop - columns.start
        cx, cy = intrinsics.cx - columns.start, intrinsics.cy - rows.start
        self.full = Intrinsics(width, height, intrinsics.fx, intrinsics.fy, cx, cy)
        self.small = self.full.resized(max(round(width * scale), 8), max(round(height * scale), 8))

    def shrink(self, image: NDArray) -> NDArray:
        """The window of a picture (H, W, ...), averaged."""
        size = (self.small.width, self.small.height)
        return np.asarray(cv2.resize(image[self.window], size, interpolation=cv2.INTER_AREA))

    def pick(self, image: NDArray) -> NDArray:
        """The window of a map (H, W), single pixels of it: nothing is mixed across an edge."""
        size = (self.small.width, self.small.height)
        return np.asarray(cv2.resize(image[self.window], size, interpolation=cv2.INTER_NEAREST))

    def enlarge(self, small: NDArray, empty: float, sharp: bool = False) -> NDArray:
        """A map of the network's back in the whole picture (H, W), `empty` outside of the window."""
        way = cv2.INTER_NEAREST if sharp else cv2.INTER_LINEAR
        whole = np.full(self.shape, empty, small.dtype)
        whole[self.window] = cv2.resize(small, (self.full.width, self.full.height), interpolation=way)
        return whole


def load_finder(path: Path = WEIGHTS, device: str = "cpu") -> ObjectFinder:
    """The bundled weights, or those of a training run.

    Raises:
        PerceptionError: the file is missing, damaged or of another model.
    """
    return ObjectFinder(deepcopy(read_network(path)), device)


@lru_cache(maxsize=2)
def read_network(path: Path) -> ObjectsNet:
    """The network in a file. Raises as `load_finder`."""
    net = ObjectsNet()
    fill_network(net, read_tensors(path, FORMAT), path)
    return net


def _read(answer: Map, part: _Part, plane: Plane) -> ObjectPrediction:
    logit, offset_px, (front, back, log_b) = answer[0], answer[1:3] * OFFSET_PX, answer[3:]
    probability = part.enlarge(1 / (1 + np.exp(-logit)), 0.0)
    # The few pixels that a finer outline adds to an object are its nearest one's.
    ids_small = find_instances(logit > 0, offset_px)
    grown = cv2.dilate(ids_small.astype(np.float32), np.ones((3, 3), np.uint8)).astype(np.int32)
    ids = part.enlarge(np.where(ids_small > 0, ids_small, grown), 0, sharp=True)
    ids[probability <= LEAST_PROBABILITY] = 0
    ids = np.searchsorted(np.union1d(0, ids), ids).astype(np.int32)
    rays_small = part.small.rays()
    reference = plane_disparity(rays_small, plane)
    front_m, back_m = (part.enlarge(decode_depth(q, reference), np.nan) for q in (front, back))
    none = ids == 0
    front_m[none] = np.nan
    front_m, thickness_m = without_skirts(front_m, (back_m - front_m).astype(np.float32), ids)
    objects = ObjectMap(ids, probability, thickness_m)
    confidence = laplace_probability(front_m, part.enlarge(log_b.clip(*LOG_B), np.nan))
    return ObjectPrediction(objects, front_m, np.nan_to_num(confidence))


def _window(region: Mask | None, shape: tuple[int, int], margin_px: float) -> tuple[slice, slice]:
    """Rows and columns of a region with a margin around it; the whole picture without one, or of an empty one."""
    if region is None or not region.any():
        return slice(0, shape[0]), slice(0, shape[1])
    slices = []
    for axis, size in enumerate(shape):
        taken = np.flatnonzero(region.any(1 - axis))
        slices.append(slice(max(int(taken[0] - margin_px), 0), min(int(taken[-1] + margin_px) + 1, size)))
    return slices[0], slices[1]
