"""The bundled small model vitro-s in the cell and over clips: metric depth over the table that it is told."""

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import PerceptionError
from core.image import Intrinsics, RgbdImage
from hardware.cameras.clips.clip import ClipFrame
from perception.depth_types import Plane, RelativeDepth
from perception.estimators.base import Kind
from perception.estimators.frame_by_frame import demand_size
from perception.estimators.options import EstimatorOptions, refuse_unknown
from perception.estimators.running import fitting, pick_device
from perception.estimators.steady import LONGEST, Sight, steadied
from perception.estimators.vitro_s.model import WEIGHTS, Seen, VitroS, load_vitro_s
from perception.table.plane import fit_table

NAME = "vitro-s"
#: Finds the table's plane in a frame of a clip.
Locate = Callable[[RgbdImage], Plane]


class VitroSEstimator:
    """Sees the newest frame, steadied by those before it in which nothing moved."""

    name = NAME
    is_cheat = False

    def __init__(self, model: VitroS) -> None:
        self._model = model

    def estimate(self, frames: Sequence[RgbdImage], table: Plane | None) -> RelativeDepth:
        """See `DepthEstimator.estimate`; without a table its plane is fitted to the sensor's depth.

        Raises:
            PerceptionError: no plane is given and none stands out in the sensor's depth.
        """
        newest = frames[-1]
        plane = _sensors_table(newest) if table is None else table
        seen = _see(self._model, [_sight(frame, plane) for frame in frames], newest.intrinsics)
        return RelativeDepth(seen.depth_m, "metric", self.name, seen.confidence)


class VitroSClipEstimator:
    """The same over clips whose frames come with intrinsics; the table is found anew in every frame."""

    name = NAME
    kind: Kind = "metric"

    def __init__(self, model: VitroS, locate: Locate | None = None) -> None:
        """locate: where the table is; None: where the sensor's depth shows it."""
        self._model = model
        self._locate = locate or _sensors_table

    def open(self, count: int, height: int, width: int) -> "_Stream":
        return _Stream(self._model, self._locate, (height, width))


class _Stream:
    """A `MapStream`: every map is final at once, a few frames are kept to steady the next."""

    def __init__(self, model: VitroS, locate: Locate, size: tuple[int, int]) -> None:
        self._model, self._locate, self._size = model, locate, size
        self._sights: deque[Sight] = deque(maxlen=LONGEST)

    def push(self, frame: ClipFrame) -> list[NDArray[np.float32]]:
        demand_size(NAME, frame, self._size)
        if frame.rgbd is None:
            raise needs_a_table("this clip has neither intrinsics nor depth")
        self._sights.append(_sight(frame.rgbd, self._locate(frame.rgbd)))
        return [_see(self._model, self._sights, frame.rgbd.intrinsics).depth_m]

    def finish(self) -> list[NDArray[np.float32]]:
        return []

    def state(self) -> dict[str, Any]:
        """The frames that may steady the next ones, as tensors."""
        import torch

        def kept(sight: Sight) -> dict[str, Any]:
            depth = None if sight.sensor_m is None else torch.from_numpy(sight.sensor_m.copy())
            plane = {"normal": sight.plane.normal.tolist(), "offset_m": sight.plane.offset_m}
            return {"color": torch.from_numpy(sight.color.copy()), "sensor_m": depth, **plane}

        return {"sights": [kept(sight) for sight in self._sights]}

    def restore(self, state: dict[str, Any]) -> None:
        self._sights.clear()
        for kept in state["sights"]:
            depth = None if kept["sensor_m"] is None else kept["sensor_m"].numpy()
            plane = Plane(np.array(kept["normal"]), kept["offset_m"])
            self._sights.append(Sight(kept["color"].numpy(), depth, plane))


def load_model(options: EstimatorOptions) -> VitroS:
    """The bundled weights, or those of a training run: `options.weights` is its file or the folder of one.

    Raises:
        ConfigurationError: an option that it does not know, or no such device.
        PerceptionError: the weights are missing, damaged or of another model.
    """
    refuse_unknown(NAME, options, ("weights",))
    device = pick_device(options.device)
    with fitting(NAME):
        return load_vitro_s(_file(options.weights), str(device))


def needs_a_table(what: str) -> PerceptionError:
    """Why vitro-s cannot work here, and what to give it."""
    return PerceptionError(
        f"{NAME} is told where the table is, and {what}.",
        "Give a .bag, a .db3, or a folder of 000000.png with intrinsics.json, in which the cell's tags (--cell) or a "
        "bare table with depth are seen; for colour alone choose another --estimator.",
    )


def _file(weights: Path | None) -> Path | None:
    return weights / WEIGHTS.name if weights is not None and weights.is_dir() else weights


def _sensors_table(frame: RgbdImage) -> Plane:
    try:
        return fit_table(frame).plane
    except PerceptionError as error:
        raise needs_a_table(f"nothing shows it: {error.cause.rstrip('.')}") from error


def _sight(frame: RgbdImage, plane: Plane) -> Sight:
    return Sight(frame.color, frame.depth_m if np.isfinite(frame.depth_m).any() else None, plane)


def _see(model: VitroS, sights: Sequence[Sight], intrinsics: Intrinsics) -> Seen:
    sight = steadied(list(sights))
    with fitting(NAME):
        return model.see(sight.color, intrinsics, sight.plane, sight.sensor_m)
