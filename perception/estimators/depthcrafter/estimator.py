"""DepthCrafter: relative disparity of a clip by video diffusion, in windows that follow each other."""

from typing import TYPE_CHECKING

from core.errors import ConfigurationError
from perception.estimators.depthcrafter import NAME
from perception.estimators.loading import find_folder
from perception.estimators.options import EstimatorOptions
from perception.estimators.specification import EstimatorSpecification, Progress
from perception.weights.sources import Model, Source

if TYPE_CHECKING:
    from perception.estimators.depthcrafter.stream import DepthCrafterStream, Windows

#: As released: denoising steps, frames of a window, frames between the starts of two, longest side [px].
STEPS, WINDOW, STRIDE, LONG_PX = 5, 110, 85, 1024


class DepthCrafter:
    """Affine-invariant disparity; the released code stretches a whole clip to 0..1, here it stays as decoded."""

    def __init__(self, options: EstimatorOptions) -> None:
        """Loads the weights; `size` must be a multiple of 64 px, `stride` shorter than `window`.

        Raises:
            ConfigurationError: a value it cannot take, or no such device.
            PerceptionError: weights that are missing, damaged or of another model.
        """
        import torch

        from perception.estimators.depthcrafter.model import DepthCrafterModel
        from perception.estimators.running import demand_multiple, pick_device, pick_dtype

        self._windows = _windows(options)
        device = pick_device(options.device)
        folder = find_folder(NAME, options.weights)
        self._model = DepthCrafterModel(folder, device, pick_dtype(options, device, torch.float16))
        demand_multiple(NAME, options.size, self._model.multiple_px)
        self._size = options.size

    def stream(self, count: int, height: int, width: int, progress: Progress) -> "DepthCrafterStream":
        """count may be wrong: the stream ends where it is finished."""
        from perception.estimators.depthcrafter.stream import DepthCrafterStream

        size = self._size or _released_size(height, width, self._model.multiple_px)
        return DepthCrafterStream(self._model, self._windows, (height, width), size)


_WEIGHTS = Model(
    NAME,
    "disparity of clips",
    (
        Source(
            "tencent/DepthCrafter",
            ("config.json", "diffusion_pytorch_model.safetensors"),
            "Tencent DepthCrafter (research only)",
            into="unet",
        ),
        Source(
            "stabilityai/stable-video-diffusion-img2vid-xt",
            (
                "model_index.json",
                "feature_extractor/*.json",
                "scheduler/*.json",
                "image_encoder/config.json",
                "image_encoder/model.fp16.safetensors",
                "vae/config.json",
                "vae/diffusion_pytorch_model.fp16.safetensors",
            ),
            "Stability AI Community (restricted)",
        ),
    ),
)
ESTIMATOR = EstimatorSpecification(
    NAME,
    "disparity of a clip by video diffusion (DepthCrafter)",
    "disparity",
    load=DepthCrafter,
    options=("weights", "size", "steps", "window", "stride", "dtype"),
    weights=_WEIGHTS,
    # In the cell a window at most.
    frames=WINDOW,
    deadline_s=1800.0,
)


def _windows(options: EstimatorOptions) -> "Windows":
    from perception.estimators.depthcrafter.stream import Windows

    steps = STEPS if options.steps is None else options.steps
    window = WINDOW if options.window is None else options.window
    shared = WINDOW - STRIDE if options.stride is None else window - options.stride
    if steps < 1:
        raise ConfigurationError(f"{NAME} cannot denoise in {steps} steps.", f"The release takes --steps {STEPS}.")
    if not 0 < shared < window:
        raise ConfigurationError(
            f"{NAME}'s windows of {window} frames cannot start {window - shared} frames apart: they must overlap.",
            f"Give a --stride from 1 to {max(1, window - 1)}; the release takes --window {WINDOW} --stride {STRIDE}.",
        )
    return Windows(window, shared, steps)


def _released_size(height: int, width: int, multiple_px: int) -> tuple[int, int]:
    """The frame's size, its longer side brought to 1024 px where it exceeds that, in multiples of 64."""
    across, down = (round(side / multiple_px) * multiple_px for side in (width, height))
    if max(across, down) > LONG_PX:
        scale = LONG_PX / max(height, width)
        across, down = (round(scale * side / multiple_px) * multiple_px for side in (width, height))
    return max(across, multiple_px), max(down, multiple_px)
