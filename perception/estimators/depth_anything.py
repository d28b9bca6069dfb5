"""Depth-Anything-V2-Large through transformers: relative disparity of one image."""

from collections.abc import Sequence
from copy import copy

from core.errors import PerceptionError
from perception.estimators.loading import find_folder, load_part, report_damage
from perception.estimators.options import EstimatorOptions
from perception.estimators.specification import EstimatorSpecification, Map, Observation
from perception.weights.sources import Model, Source

NAME = "depth-anything-v2-large"


class DepthAnything:
    """Sees each frame for itself, at 518 px on its shorter side (as released) or at `size`."""

    def __init__(self, options: EstimatorOptions) -> None:
        """Loads the weights; `size` must be a multiple of the patches (14 px).

        Raises:
            ConfigurationError: a size it cannot take, or no such device.
            PerceptionError: weights that are missing, damaged or of another model.
        """
        import torch
        from transformers import DepthAnythingForDepthEstimation, DPTImageProcessorPil

        from perception.estimators.running import demand_multiple, fitting, pick_device, pick_dtype

        self._device = pick_device(options.device)
        # Released in float32, and used so on CUDA too.
        self._dtype = pick_dtype(options, self._device, torch.float32)
        folder = find_folder(NAME, options.weights)
        self._model = load_part(NAME, DepthAnythingForDepthEstimation, folder, self._dtype)
        if (predicts := self._model.config.depth_estimation_type) != "relative":
            raise PerceptionError(
                f"{folder} is a Depth-Anything for {predicts} depth, which is not disparity.",
                "Take the relative model: depth-anything/Depth-Anything-V2-Large-hf.",
            )
        with report_damage(NAME, folder):
            self._processor = DPTImageProcessorPil.from_pretrained(folder, local_files_only=True)
            self._patch_px = int(self._processor.ensure_multiple_of)
            self._short_px = min(self._processor.size["height"], self._processor.size["width"])
        demand_multiple(NAME, options.size, self._patch_px)
        self._size = options.size
        with fitting(NAME):
            self._model.to(self._device)

    def smaller(self, height: int, width: int) -> "tuple[DepthAnything, str]":
        """Half the size, with the same weights."""
        from perception.estimators.running import half_size

        less = copy(self)
        less._size = half_size(self._size or self._released_size(height, width), self._patch_px)
        return less, f"{less._size[0]}x{less._size[1]}"

    def estimate(self, seen: Sequence[Observation]) -> Map:
        """Disparity (H, W), at least 0 but for the resampling."""
        import torch

        from perception.estimators.running import fitting

        color = seen[-1].color
        height, width = color.shape[:2]
        size = self._size or self._released_size(height, width)
        pixels = self._processor(
            images=color,
            size={"height": size[1], "width": size[0]},
            keep_aspect_ratio=False,
            input_data_format="channels_last",
            return_tensors="pt",
        ).pixel_values
        with fitting(NAME, size, self._patch_px), torch.inference_mode():
            outputs = self._model(pixels.to(self._device, self._dtype))
            outputs.predicted_depth = outputs.predicted_depth.float()
            answer = self._processor.post_process_depth_estimation(outputs, [(height, width)])
            return answer[0]["predicted_depth"].cpu().numpy()

    def _released_size(self, height: int, width: int) -> tuple[int, int]:
        """(width, height): the shorter side at 518 px, the other to the nearest multiple of the patches."""
        scale = self._short_px / min(height, width)
        across, down = (round(scale * side / self._patch_px) * self._patch_px for side in (width, height))
        return across, down


ESTIMATOR = EstimatorSpecification(
    NAME,
    "disparity of one image (Depth-Anything-V2-Large)",
    "disparity",
    load=DepthAnything,
    options=("weights", "size", "dtype"),
    deadline_s=300.0,
    weights=Model(
        NAME,
        "disparity of single images",
        (Source("depth-anything/Depth-Anything-V2-Large-hf", ("*.json", "model.safetensors"), "CC-BY-NC-4.0"),),
    ),
)
