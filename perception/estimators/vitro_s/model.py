"""The bundled model vitro-s: colour and the table's plane in, metric depth and how sure it is out."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from core.errors import PerceptionError
from core.image import Intrinsics
from perception.depth_types import Plane
from perception.estimators.vitro_s.encoding import (
    LOG_B,
    QUOTIENT,
    axis_distance_m,
    decode_depth,
    inputs,
    mirror,
    plane_disparity,
)
from perception.estimators.vitro_s.network import VitroNet, pad_to_multiple
from perception.weights.bundled import fill_network, read_tensors, tensors_bytes

Map = NDArray[np.float32]

WEIGHTS = Path(__file__).parent / "vitro-s.safetensors"
#: What the file's metadata must say.
FORMAT = "vitro-s 2"
#: Pictures are brought to so many pixels a metre at the table, where an object is as large as in training however far
#: the camera is. Every one is seen as it is and mirrored, with and without the sensor's depth.
DENSITIES_PX_M = (210.0, 290.0)
#: And to no longer focal length [px] than this, which bounds the time where a table is far away.
LONGEST_FOCAL_PX = 400.0
#: Confidence is the probability that depth is within this of the truth: about what fingers 3 cm long forgive.
TOLERANCE_M = 0.020
#: Of a network whose word is taken for it.
UNCALIBRATED = np.array([[0.0, 1.0], [0.0, 1.0]])
_CALIBRATION = "confidence_calibration"


@dataclass(frozen=True)
class Seen:
    """depth_m: (H, W) float32 [m], finite everywhere. confidence: (H, W) float32, the probability that depth
    is within `TOLERANCE_M`, as measured on held-out scenes."""

    depth_m: Map
    confidence: Map


class VitroS:
    """The network with its calibration, on the CPU or a GPU."""

    def __init__(self, net: VitroNet, calibration: NDArray[np.float64], device: str = "cpu") -> None:
        """calibration: (2, N) rising probabilities, as the network says them and as they proved to be."""
        self._net = net.eval().to(device)
        self._calibration = calibration
        self._device = device

    @staticmethod
    def random(seed: int = 0) -> "VitroS":
        """Untrained: what tests of everything around the network use."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return VitroS(VitroNet(), UNCALIBRATED)

    def see(self, color: NDArray[np.uint8], intrinsics: Intrinsics, plane: Plane, sensor_m: Map | None = None) -> Seen:
        """Depth and confidence of one picture.

        color (H, W, 3) RGB of the camera with these intrinsics; plane: the table's in the camera;
        sensor_m (H, W): a depth sensor's answer [m], NaN or 0 for holes, where it is to be shown to the network.

        Raises:
            PerceptionError: shapes that do not fit each other, or a plane that the camera is not above.
        """
        _demand(color, intrinsics, plane, sensor_m)
        smaller = [working_intrinsics(intrinsics, plane, density) for density in DENSITIES_PX_M]
        q, b = combine(np.concatenate([self._answers(color, small, plane, sensor_m) for small in smaller], 1))
        depth_m = decode_depth(q, plane_disparity(intrinsics.rays(), plane))
        confidence = np.interp(laplace_probability(depth_m, np.log(b)), *self._calibration)
        return Seen(depth_m, confidence.astype(np.float32))

    @torch.inference_mode()
    def _answers(self, color: NDArray[np.uint8], small: Intrinsics, plane: Plane, sensor_m: Map | None) -> Map:
        """(1 or 2, 2, 2, H, W): without the sensor's depth and with it; as it is and mirrored; q and the log of
        its expected error, seen by the small camera."""
        import cv2

        size, rays = (small.width, small.height), small.rays()
        seen = np.asarray(cv2.resize(color, size, interpolation=cv2.INTER_AREA), np.uint8)
        looks = [inputs(seen, rays, plane, None)]
        if sensor_m is not None:
            sensed = np.asarray(cv2.resize(sensor_m, size, interpolation=cv2.INTER_NEAREST), np.float32)
            looks.append(inputs(seen, rays, plane, sensed))
        x = pad_to_multiple(torch.from_numpy(np.stack([*looks, *map(mirror, looks)])).to(self._device))
        answers = self._net(x)[:, :2, : small.height, : small.width].float().cpu()
        answers[:, 1].clamp_(*LOG_B)
        answers[len(looks) :] = answers[len(looks) :].flip(-1)
        whole = color.shape[:2]
        large = functional.interpolate(answers, whole, mode="bilinear", align_corners=False).numpy()
        return large.reshape(2, len(looks), 2, *whole).swapaxes(0, 1)


def combine(answers: Map) -> tuple[Map, Map]:
    """One q and its expected error b, each (H, W), of answers (N, K, 2, H, W): N kinds of look, K looks of each.

    The looks of a kind count alike; kinds count by how small an error they expect: the sensor's depth is to be
    believed where the network finds it credible. What the answers disagree about, none of them knows.
    """
    each, spread = answers[:, :, 0].mean(1), answers[:, :, 0].std(1)
    weight = 1.0 / (np.exp(answers[:, :, 1]).mean(1) + spread)
    share = weight / weight.sum(0)
    q = (share * each).sum(0)
    return q, len(answers) / weight.sum(0) + np.sqrt((share * (each - q) ** 2).sum(0))


def laplace_probability(depth_m: Map, log_b: Map) -> Map:
    """What the network says of being within `TOLERANCE_M`: its error in q is taken to be Laplace's of scale b."""
    return (1 - np.exp(-QUOTIENT * TOLERANCE_M / depth_m * np.exp(-log_b))).astype(np.float32)


def working_intrinsics(intrinsics: Intrinsics, plane: Plane, density_px_m: float) -> Intrinsics:
    """The camera at a resolution that the network works at, never larger than the picture: so many pixels a metre
    where its axis meets the table."""
    scale = min(1.0, min(density_px_m * axis_distance_m(plane), LONGEST_FOCAL_PX) / intrinsics.fx)
    width, height = max(round(intrinsics.width * scale), 1), max(round(intrinsics.height * scale), 1)
    return intrinsics.resized(width, height)


def load_vitro_s(path: Path | None = None, device: str = "cpu") -> VitroS:
    """The bundled weights, or those of a training run.

    Raises:
        PerceptionError: the file is missing, damaged or of another model.
    """
    return VitroS(*read_weights(path or WEIGHTS), device)


@lru_cache(maxsize=2)
def read_weights(path: Path) -> tuple[VitroNet, NDArray[np.float64]]:
    """The network and its calibration from a file. Raises as `load_vitro_s`."""
    tensors = read_tensors(path, FORMAT)
    if _CALIBRATION not in tensors:
        raise PerceptionError(f"{path} lacks the calibration of its confidence.", "Name a file of `train vitro-s`.")
    calibration, net = tensors.pop(_CALIBRATION).double().numpy(), VitroNet()
    fill_network(net, tensors, path)
    return net, calibration


def weights_bytes(net: VitroNet, calibration: NDArray[np.float64]) -> bytes:
    """A weights file: half precision, which changes depth by less than 0.1 mm."""
    tensors = {key: tensor.cpu().half() for key, tensor in net.state_dict().items()}
    tensors[_CALIBRATION] = torch.from_numpy(np.ascontiguousarray(calibration)).float()
    return tensors_bytes(tensors, FORMAT)


def _demand(color: NDArray, intrinsics: Intrinsics, plane: Plane, sensor_m: Map | None) -> None:
    expected = (intrinsics.height, intrinsics.width)
    for name, image in (("color", color), ("sensor depth", sensor_m)):
        if image is not None and image.shape[:2] != expected:
            raise PerceptionError(
                f"{name} of shape {image.shape} for a camera of {expected[1]}x{expected[0]}.",
                "Give pictures of the size that the intrinsics are of.",
            )
    if not plane.offset_m < -0.02 or not np.isfinite(plane.normal).all():
        raise PerceptionError(
            f"The table's plane (normal {np.round(plane.normal, 3)}, offset {plane.offset_m:.3f} m) does not lie "
            "before and below the camera.",
            "Check that the tags lie flat on the table and that the camera looks down at it.",
        )
