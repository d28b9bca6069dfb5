"""DKT as an estimator: depth and normals of clips, and of the newest frames of the cell's camera, kept warm."""

import logging
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.errors import PerceptionError
from perception.estimators.frame_stream import newest_map
from perception.estimators.options import EstimatorOptions
from perception.estimators.specification import EstimatorSpecification, Map, Observation, Progress
from perception.weights.sources import APACHE, Model, Source

if TYPE_CHECKING:
    from perception.estimators.dkt.model import Dkt, DktSettings
    from perception.estimators.dkt.stream import RetryStream
    from perception.estimators.dkt.warm_clip import WarmClip

#: The cell's camera stands still: a clip of this many of its newest frames, where there are as many.
NEWEST = 5
#: Lengths of clip that are kept warm; any other goes through a stream.
WARM = (1, NEWEST)
_NAMED = ("1.3b", "14b")


class DktEstimator:
    """Target depth: relative disparity in 0..1; target normal: normals.

    For newest frames, the first answer of a length and size warms up for all that follow.
    """

    def __init__(self, model: "Dkt", target: Literal["depth", "normal"] = "depth") -> None:
        import torch

        self.model, self._target = model, target
        self._stream: RetryStream | None = None
        #: Of one frame size: by number of frames, None where it does not fit on the device.
        self._warm: dict[int, WarmClip | None] = {}
        self._size: tuple[int, ...] = ()
        self._pool: Any = torch.cuda.graph_pool_handle() if model.settings.device.startswith("cuda") else None

    @property
    def ran_as(self) -> str:
        """Model, size and settings as they ran, a retry at a smaller size and missing speed included."""
        what = "dkt" if self._target == "depth" else "dkt-normal"
        settings, size = self.model.settings, self._stream.size if self._stream else self.model.settings.size
        name = f"{what}-{self.model.size_name} ({self.model.describe()})"
        if size != settings.size:
            name += f", retried at {size[0]}x{size[1]}: no memory"
        lacks_graph = any(warm is not None and warm.lacks_graph for warm in self._warm.values())
        return f"{name}, no CUDA graph" if lacks_graph else name

    def stream(self, count: int, height: int, width: int, progress: Progress) -> "RetryStream":
        from perception.estimators.dkt.sizes import MULTIPLE
        from perception.estimators.dkt.stream import RetryStream
        from perception.estimators.running import half_size

        if count < 1:
            raise PerceptionError("A clip of no frames has no depth.", "Give at least one frame.")
        size = self.model.settings.size
        # RAM that runs out is not told but punished: no second try would come, and its frames cost RAM themselves.
        fallback = size if self.model.settings.device == "cpu" else half_size(size, MULTIPLE)
        self._stream = RetryStream(
            lambda at: self.model.open(count, height, width, self._target, at, progress), size, fallback
        )
        return self._stream

    def estimate(self, seen: Sequence[Observation]) -> Map:
        newest = self._newest([one.color for one in seen]) if self._target == "depth" else None
        return newest_map(self, seen) if newest is None else newest

    def _newest(self, colors: list[NDArray[np.uint8]]) -> Map | None:
        """The last one's map; None where such clips are not kept warm."""
        import torch

        from perception.estimators.dkt.warm_clip import WarmClip, fits_one_window

        count, size = len(colors), colors[-1].shape
        if count not in WARM or not fits_one_window(self.model, count):
            return None
        if size != self._size:
            self._warm.clear()
            self._size = size
        try:
            if count not in self._warm:
                self._warm[count] = WarmClip(self.model, count, size[0], size[1], self._pool)
            warm = self._warm[count]
            return None if warm is None else warm.newest(colors)
        except torch.OutOfMemoryError:
            # A stream needs less, and tries a smaller size where that is too much.
            self._warm[count] = None
            logging.getLogger(__name__).warning("No memory to keep clips of %d frames warm: they are streamed", count)
            return None


def _load(name: str, weights: Model, options: EstimatorOptions) -> DktEstimator:
    """The DKT called `name`, from its folder or options.weights."""
    from perception.estimators.dkt.model import load_dkt

    folder = options.weights or weights.folder
    if not folder.exists():
        raise PerceptionError(
            f"There is no weights folder {folder}.",
            f"Run python main.py weights fetch {weights.name}, or name a folder with --weights.",
        )
    model = load_dkt(folder, settings_for(options))
    # A name that says a size holds to it; `dkt` takes any.
    asked = next((size for size in _NAMED if name.endswith(size)), None)
    if asked is not None and model.size_name != asked:
        raise PerceptionError(
            f"{folder} holds a DKT of {model.size_name}, not {name}.",
            "Choose --estimator dkt, which takes any, or other weights.",
        )
    return DktEstimator(model, "normal" if weights.prompt == "normal" else "depth")


def settings_for(options: EstimatorOptions) -> "DktSettings":
    """What runs where nothing is asked for: on CUDA fast in bfloat16, on the CPU exact in float32."""
    import torch

    from perception.estimators.dkt.model import DktSettings
    from perception.estimators.running import pick_device, pick_dtype

    device = pick_device(options.device)
    given = {
        key: value
        for key in ("size", "steps", "window", "stride", "offload")
        if (value := getattr(options, key)) is not None
    }
    mode = options.mode or ("fast" if device.type == "cuda" else "exact")
    return DktSettings(str(device), pick_dtype(options, device, torch.bfloat16), mode, **given)


def _weights(name: str, purpose: str, lora: str, base: str, prompt: Literal["depth", "normal"]) -> Model:
    # The CLIP file of the base is not fetched: its features are zeros in every DKT.
    parts = Source(base, ("diffusion_pytorch_model*.safetensors", "Wan2.1_VAE.pth"), APACHE)
    return Model(name, purpose, (Source(lora, ("*.safetensors",), APACHE, stored_as="lora.safetensors"), parts), prompt)


def _specification(name: str, description: str, weights: Model) -> EstimatorSpecification:
    return EstimatorSpecification(
        name,
        description,
        "normals" if weights.prompt == "normal" else "disparity",
        load=partial(_load, name, weights),
        needs_gpu=True,
        options=("weights", "size", "steps", "window", "stride", "dtype", "mode", "offload"),
        weights=weights,
        frames=NEWEST,
        deadline_s=1800.0,
        family="dkt",
    )


SMALL_BASE, _LARGE_BASE = "alibaba-pai/Wan2.1-Fun-1.3B-Control", "alibaba-pai/Wan2.1-Fun-14B-Control"
_SMALL = _weights("dkt-1.3b", "depth for the cell", "Daniellesry/DKT-Depth-1-3B-v1.1", SMALL_BASE, "depth")
_LARGE = _weights("dkt-14b", "depth, offline", "Daniellesry/DKT-Depth-14B", _LARGE_BASE, "depth")
_NORMALS = _weights("dkt-normal-14b", "surface normals", "Daniellesry/DKT-Normal-14B", _LARGE_BASE, "normal")
ESTIMATORS = (
    _specification("dkt-1.3b", "Diffusion Knows Transparency, the size for the cell", _SMALL),
    _specification("dkt-14b", "Diffusion Knows Transparency, the large one: offline", _LARGE),
    _specification("dkt", "a DKT of any size from --weights", _SMALL),
    _specification("dkt-normal-14b", "Diffusion Knows Transparency for normals", _NORMALS),
    _specification("dkt-normal", "a DKT for normals of any size from --weights", _NORMALS),
)
