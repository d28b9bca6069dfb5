"""Marigold fine-tuned end to end (E2E-FT): affine-invariant depth of one image in one step.

Martin Garcia et al., "Fine-Tuning Image-Conditional Diffusion Models is Easier than You Think", 2024:
the latent starts as zeros, the one step is the last of the schedule ('trailing': t = 999), and what is
decoded is the clean latent that the predicted velocity implies.
"""

from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import PerceptionError
from perception.estimators.loading import find_folder, load_part, read_config, report_damage
from perception.estimators.options import EstimatorOptions
from perception.estimators.specification import EstimatorSpecification, Map, Observation
from perception.weights.sources import APACHE, Model, Source

if TYPE_CHECKING:
    import torch
    from diffusers import MarigoldDepthPipeline

NAME = "marigold-e2e"
#: Longer side of the image that the model sees [px], as released.
LONG_PX = 768


class Marigold:
    """Sees each frame for itself, at 768 px on its longer side (as released) or at `size`."""

    def __init__(self, options: EstimatorOptions) -> None:
        """Loads the weights; `size` must be a multiple of the latents' cells (8 px).

        Raises:
            ConfigurationError: a size it cannot take, or no such device.
            PerceptionError: weights that are missing, damaged or of another model.
        """
        import torch

        from perception.estimators.running import demand_multiple, fitting, pick_device, pick_dtype

        device = pick_device(options.device)
        # Released in float32, and used so on CUDA too.
        dtype = pick_dtype(options, device, torch.float32)
        self._pipeline = _load_pipeline(find_folder(NAME, options.weights), dtype)
        self._cell_px = self._pipeline.vae_scale_factor
        demand_multiple(NAME, options.size, self._cell_px)
        self._size = options.size
        self._pipeline.set_progress_bar_config(disable=True)
        with fitting(NAME):
            self._pipeline.to(device)

    def smaller(self, height: int, width: int) -> "tuple[Marigold, str]":
        """Half the size, with the same weights."""
        from perception.estimators.running import half_size

        less = copy(self)
        less._size = half_size(self._size or _released_size(height, width), self._cell_px)
        return less, f"{less._size[0]}x{less._size[1]}"

    def estimate(self, seen: Sequence[Observation]) -> Map:
        """Depth (H, W) in 0..1, larger is farther.

        The released script stretches every image to 0..1; here the numbers stay as decoded.
        """
        import torch
        from torch.nn.functional import interpolate

        from perception.estimators.running import fitting

        color = seen[-1].color
        height, width = color.shape[:2]
        size = self._size or _released_size(height, width)
        across, down = (-(-side // self._cell_px) for side in size)
        shape = (1, self._pipeline.vae.config.latent_channels, down, across)
        with fitting(NAME, size, self._cell_px), torch.inference_mode():
            image = torch.from_numpy(color).permute(2, 0, 1)[None].to(self._pipeline.device) / 255
            image = interpolate(image, size[::-1], mode="bilinear", antialias=True).clamp(0, 1)
            depth = self._pipeline(
                image,
                num_inference_steps=1,
                ensemble_size=1,
                latents=torch.zeros(shape, device=self._pipeline.device, dtype=self._pipeline.dtype),  # no noise
                processing_resolution=0,
                match_input_resolution=False,
                output_type="pt",
            ).prediction
            return interpolate(depth.float(), (height, width), mode="bilinear")[0, 0].cpu().numpy()


ESTIMATOR = EstimatorSpecification(
    NAME,
    "depth of one image by diffusion in one step (Marigold-E2E-FT)",
    "depth",
    load=Marigold,
    options=("weights", "size", "dtype"),
    deadline_s=300.0,
    weights=Model(
        NAME,
        "depth of single images",
        (
            Source(
                "GonzaloMG/marigold-e2e-ft-depth",
                ("model_index.json", "*/*.json", "*/*.txt", "*/*model.safetensors"),
                APACHE,
            ),
        ),
    ),
)


def _released_size(height: int, width: int) -> tuple[int, int]:
    longer = max(height, width)
    across, down = (max(1, side * LONG_PX // longer) for side in (width, height))
    return across, down


def _load_pipeline(folder: Path, dtype: "torch.dtype") -> "MarigoldDepthPipeline":
    from diffusers import AutoencoderKL, DDIMScheduler, MarigoldDepthPipeline, UNet2DConditionModel

    _demand_depth(folder)
    unet = load_part(NAME, UNet2DConditionModel, folder / "unet", dtype)
    vae = load_part(NAME, AutoencoderKL, folder / "vae", dtype)
    channels = vae.config.latent_channels
    if (unet.config.in_channels, unet.config.out_channels) != (2 * channels, channels):
        raise PerceptionError(
            f"{folder / 'unet'} is not conditioned on an image: it maps {unet.config.in_channels} channels "
            f"to {unet.config.out_channels}.",
            f"Give a Marigold with --weights, or run python main.py weights fetch {NAME}.",
        )
    with report_damage(NAME, folder / "scheduler"):
        # set_alpha_to_one: the step ends at the clean latent itself, as in the release.
        scheduler = DDIMScheduler.from_pretrained(
            folder / "scheduler", local_files_only=True, timestep_spacing="trailing", set_alpha_to_one=True
        )
    pipeline = MarigoldDepthPipeline(
        unet=unet, vae=vae, scheduler=scheduler, text_encoder=None, tokenizer=None, prediction_type="depth"
    )
    # The only text there ever is: with it here, no text encoder takes the device's memory.
    pipeline.empty_text_embedding = _empty_text(folder, dtype)
    return pipeline


def _empty_text(folder: Path, dtype: "torch.dtype") -> "torch.Tensor":
    """(1, 2, C): the empty prompt, which is its begin and its end."""
    import torch
    from transformers import CLIPTextModel, CLIPTokenizer

    text_encoder = load_part(NAME, CLIPTextModel, folder / "text_encoder", dtype)
    with report_damage(NAME, folder / "tokenizer"), torch.inference_mode():
        tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
        return text_encoder(tokenizer("", return_tensors="pt").input_ids)[0]


def _demand_depth(folder: Path) -> None:
    """The index of a Marigold for something else (normals, disparity, albedo) says so."""
    index = read_config(NAME, folder / "model_index.json")
    predicts = index.get("prediction_type") or "depth"
    if "Normals" in str(index.get("_class_name")):
        predicts = "normals"
    if predicts != "depth":
        raise PerceptionError(
            f"{folder} is a Marigold for {predicts}, not for depth.", "Take GonzaloMG/marigold-e2e-ft-depth."
        )
