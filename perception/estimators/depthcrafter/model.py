"""DepthCrafter's networks: SVD's image encoder and VAE around a UNet that sees every frame of the video.

Hu et al., "DepthCrafter", 2024 (arXiv 2409.02095), and its released code: unlike SVD's image-to-video,
each frame brings its own CLIP embedding and its own latent. No classifier-free guidance.
"""

from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKLTemporalDecoder, EulerDiscreteScheduler, UNetSpatioTemporalConditionModel
from torch import Tensor
from torch.nn.functional import conv2d, interpolate, pad
from transformers import CLIPVisionModelWithProjection

from perception.estimators.depthcrafter import NAME
from perception.estimators.loading import load_part, read_config, report_damage
from perception.estimators.running import fitting

#: Frames encoded, and decoded, together. Part of the result: the decoder mixes the frames of a chunk.
CHUNK = 8
#: What the UNet is told of the video: frames per second, motion bucket, noise added to its frames.
FPS, MOTION_BUCKET, NOISE_STRENGTH = 7, 127, 0.02
#: CLIP's input [px].
_CLIP_PX = 224

#: What the released UNet calls its class.
_KNOWN_AS = ("DiffusersUNetSpatioTemporalConditionModelDepthCrafter",)


class DepthCrafterModel:
    """Frames to latents, latents and noise to disparity latents, and these to disparity."""

    def __init__(self, folder: Path, device: torch.device, dtype: torch.dtype) -> None:
        """Loads `unet` of DepthCrafter and `vae`, `image_encoder`, `scheduler`, `feature_extractor` of SVD.

        Raises:
            PerceptionError: a part is missing, damaged or of another model.
        """
        self.device, self._dtype = device, dtype
        self._unet = load_part(NAME, UNetSpatioTemporalConditionModel, folder / "unet", dtype, _KNOWN_AS)
        tell_frames_apart(self._unet)
        self._vae = load_part(NAME, AutoencoderKLTemporalDecoder, folder / "vae", dtype)
        self._clip = load_part(NAME, CLIPVisionModelWithProjection, folder / "image_encoder", dtype)
        # SVD's encoder overflows in float16.
        overflows = dtype == torch.float16 and self._vae.config.force_upcast
        self._encoder_dtype = torch.float32 if overflows else dtype
        for encoder in (self._vae.encoder, self._vae.quant_conv):
            encoder.to(self._encoder_dtype)
        with fitting(NAME):
            for part in (self._unet, self._vae, self._clip):
                part.to(device)
        with report_damage(NAME, folder / "scheduler"):
            self._scheduler = EulerDiscreteScheduler.from_pretrained(folder / "scheduler", local_files_only=True)
        clip = read_config(NAME, folder / "feature_extractor" / "preprocessor_config.json")
        with report_damage(NAME, folder / "feature_extractor"):
            self._clip_mean, self._clip_std = (
                torch.tensor(clip[key], device=device).view(3, 1, 1) for key in ("image_mean", "image_std")
            )
        self.cell_px: int = 2 ** (len(self._vae.config.block_out_channels) - 1)
        #: Sides of the image must be multiples of this [px].
        self.multiple_px: int = self.cell_px * 2 ** (len(self._unet.config.block_out_channels) - 1)
        self.latent_channels: int = self._vae.config.latent_channels

    def encode(self, images: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings (F, C) of the images, and latents (F, c, h, w) of the images with a little noise added.

        images: (F, 3, H, W) float32 in -1..1. noise: the same shape, of unit variance.
        """
        small = (shrink(images, _CLIP_PX) + 1) / 2
        embeddings = self._clip(((small - self._clip_mean) / self._clip_std).to(self._dtype)).image_embeds
        noisy = images.to(self._dtype) + NOISE_STRENGTH * noise.to(self._dtype)
        latents = self._vae.encode(noisy.to(self._encoder_dtype)).latent_dist.mode()
        return embeddings, latents.to(self._dtype)

    def denoise(self, noise: Tensor, start: Tensor | None, embeddings: Tensor, latents: Tensor, steps: int) -> Tensor:
        """Disparity latents (F, c, h, w) of one window.

        noise: (F, c, h, w) of unit variance. start: clean latents (O, c, h, w) that the first O frames
        begin from, noised to the first step's level, or None.
        """
        scheduler = self._scheduler
        scheduler.set_timesteps(steps, device=self.device)
        sample = (noise * scheduler.init_noise_sigma).to(self._dtype)
        if start is not None:
            sample[: len(start)] = (start + noise[: len(start)] * scheduler.sigmas[0].to(self.device)).to(self._dtype)
        told = torch.tensor([[FPS, MOTION_BUCKET, NOISE_STRENGTH]], dtype=self._dtype, device=self.device)
        for timestep in scheduler.timesteps:
            seen = torch.cat([scheduler.scale_model_input(sample, timestep), latents], dim=1)
            velocity = self._unet(seen[None], timestep, embeddings[None], told, return_dict=False)[0]
            sample = scheduler.step(velocity[0], timestep, sample).prev_sample
        return sample

    def decode(self, latents: Tensor, height: int, width: int) -> Tensor:
        """Disparity (F, height, width) float32 in 0..1 of at most `CHUNK` frames' latents: the mean of the channels."""
        scaled = latents.to(self._dtype) / self._vae.config.scaling_factor
        decoded = self._vae.decode(scaled, num_frames=len(scaled)).sample.float()
        disparity = (decoded / 2 + 0.5).clamp(0, 1).mean(dim=1, keepdim=True)
        return interpolate(disparity, (height, width), mode="bilinear")[:, 0]


def tell_frames_apart(unet: UNetSpatioTemporalConditionModel) -> None:
    """Lets SVD's UNet see each frame's own embedding: its encoder_hidden_states become (1, F, C) for F frames."""

    def own_embedding(block: torch.nn.Module, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        """Before a block, which repeats its one sequence (1, F, C) to (F, F, C): frame f keeps token f."""
        return args, kwargs | {"encoder_hidden_states": kwargs["encoder_hidden_states"][0].unsqueeze(1)}

    for block in (*unet.down_blocks, unet.mid_block, *unet.up_blocks):
        if getattr(block, "has_cross_attention", False):
            block.register_forward_pre_hook(own_embedding, with_kwargs=True)


def shrink(images: Tensor, side_px: int) -> Tensor:
    """Images (F, C, H, W) as squares for CLIP, as SVD makes them: a Gaussian, then bicubic with the corners kept.

    The Gaussian's deviation is (factor - 1) / 2 and its width four deviations, per axis.
    """
    for axis in (3, 2):
        sigma = max((images.shape[axis] / side_px - 1) / 2, 0.001)
        width = int(max(4 * sigma, 3)) // 2 * 2 + 1
        offsets = torch.arange(width, device=images.device) - width // 2
        weights = torch.softmax(-(offsets**2) / (2 * sigma**2), dim=0)
        kernel = weights.view((1, 1, 1, -1) if axis == 3 else (1, 1, -1, 1)).repeat(images.shape[1], 1, 1, 1)
        side = width // 2
        padded = pad(images, (side, side, 0, 0) if axis == 3 else (0, 0, side, side), mode="reflect")
        images = conv2d(padded, kernel, groups=images.shape[1])
    return interpolate(images, (side_px, side_px), mode="bicubic", align_corners=True)
