"""DKT as an estimator: depth and normals of clips, and of the newest frames of the cell's camera."""

from pathlib import Path

import torch

from core.errors import PerceptionError
from perception.estimators.base import Kind
from perception.estimators.dkt.frames import Target
from perception.estimators.dkt.model import MULTIPLE, Dkt, DktSettings, load_dkt
from perception.estimators.dkt.retry import ForgivingStream, smaller
from perception.estimators.options import EstimatorOptions
from perception.estimators.running import pick_device, pick_dtype
from perception.weights.models import weights_folder

#: The cell's camera stands still: a clip of this many of its newest frames, where there are as many.
NEWEST = 5
_NAMED = ("1.3b", "14b")


class DktClips:
    """A `ClipEstimator` (target depth: relative disparity in 0..1) or `NormalEstimator` (target normal)."""

    kind: Kind = "disparity"

    def __init__(self, model: Dkt, target: Target) -> None:
        self.model, self._target = model, target
        self._stream: ForgivingStream | None = None

    @property
    def name(self) -> str:
        """Model, size and settings as they ran, a retry at a smaller size included."""
        what = "dkt" if self._target == "depth" else "dkt-normal"
        settings, ran_at = self.model.settings, self._stream.size if self._stream else self.model.settings.size
        told = f"{what}-{self.model.size_name} ({self.model.describe()})"
        return told if ran_at == settings.size else f"{told}, retried at {ran_at[0]}x{ran_at[1]}: no memory"

    def open(self, count: int, height: int, width: int) -> ForgivingStream:
        """See `ClipEstimator.open`."""
        if count < 1:
            raise PerceptionError("A clip of no frames has no depth.", "Give at least one frame.")
        size = self.model.settings.size
        # RAM that runs out is not told but punished: no second try would come, and its frames cost RAM themselves.
        fallback = size if self.model.settings.device == "cpu" else smaller(size, MULTIPLE)
        self._stream = ForgivingStream(
            lambda at: self.model.open(count, height, width, self._target, at), size, fallback
        )
        return self._stream


def load_clips(name: str, options: EstimatorOptions, target: Target = "depth") -> DktClips:
    """The DKT called `name` (`dkt`, `dkt-1.3b`, `dkt-normal-14b`, ...), from its folder or options.weights.

    Raises:
        ConfigurationError: options that make no sense.
        PerceptionError: weights that are missing, damaged or of another model.
    """
    stored_as = _stored_as(name)
    folder = options.weights or weights_folder(stored_as)
    if not folder.exists():
        raise PerceptionError(
            f"There is no weights folder {folder}.",
            f"Run python main.py weights fetch {stored_as}, or name a folder with --weights.",
        )
    model = load_dkt(folder, settings_for(options))
    _demand_size(name, model.size_name, folder)
    return DktClips(model, target)


def settings_for(options: EstimatorOptions) -> DktSettings:
    """What runs where nothing is asked for: on CUDA fast in bfloat16, on the CPU exact in float32."""
    device = pick_device(options.device)
    given = {
        key: value
        for key in ("size", "steps", "window", "stride", "offload")
        if (value := getattr(options, key)) is not None
    }
    mode = options.mode or ("fast" if device.type == "cuda" else "exact")
    return DktSettings(str(device), pick_dtype(options, device, torch.bfloat16), mode, **given)


def _stored_as(name: str) -> str:
    return {"dkt": "dkt-1.3b", "dkt-normal": "dkt-normal-14b"}.get(name, name)


def _demand_size(name: str, found: str, folder: Path) -> None:
    """A name that says a size holds to it; `dkt` takes any."""
    asked = next((size for size in _NAMED if name.endswith(size)), None)
    if asked is not None and found != asked:
        raise PerceptionError(
            f"{folder} holds a DKT of {found}, not {name}.",
            "Choose --estimator dkt, which takes any, or other weights.",
        )
