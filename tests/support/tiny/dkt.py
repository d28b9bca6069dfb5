"""A DKT small enough for a test: random weights of the true classes, in the files of a release."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from safetensors.torch import load_file, save_file
from torch import Tensor

from perception.estimators.dkt.names import transformer_release_name, vae_release_name
from perception.estimators.dkt.sizes import TransformerSize, VaeSize

TRANSFORMER = TransformerSize(
    heads=2,
    head_dim=32,
    layers=2,
    ffn_dim=96,
    in_channels=48,
    out_channels=16,
    text_dim=40,
    freq_dim=32,
    patch=(1, 2, 2),
    image_dim=1280,
)
VAE = VaeSize(base_dim=4, z_dim=16, dim_mult=(1, 2, 4, 4), res_blocks=1, temporal_downsample=(False, True, True))


@dataclass(frozen=True)
class TinyDkt:
    """The weights in memory, in the release's names."""

    transformer: dict[str, Tensor]
    vae: dict[str, Tensor]
    lora: dict[str, Tensor]
    context: dict[str, Tensor]
    heads: int

    def write(self, folder: Path, lora_form: str = "{module}.lora_{half}.weight") -> Path:
        """Writes the folder as shared/parity lays it out; lora_form names the LoRA's keys."""
        folder.mkdir(parents=True, exist_ok=True)
        save_file(self.transformer, folder / "transformer.safetensors")
        save_file(self.vae, folder / "vae.safetensors")
        lora = {}
        for key, tensor in self.lora.items():
            module, half = key.split("|")
            lora[lora_form.format(module=module, half=half)] = tensor
        save_file(lora, folder / "lora.safetensors")
        save_file(self.context, folder / "context.safetensors")
        (folder / "dims.json").write_text(json.dumps({"transformer": {"num_heads": self.heads}}))
        return folder


def tiny_dkt(
    seed: int = 0, size: TransformerSize = TRANSFORMER, vae: VaeSize = VAE, rank: int = 3, tokens: int = 2
) -> TinyDkt:
    """Random weights, of a scale at which every part of the computation shows in the result."""
    torch.manual_seed(seed)
    transformer = WanTransformer3DModel(**size.config())
    autoencoder = AutoencoderKLWan(**vae.config())
    names = {transformer_release_name(name): tensor for name, tensor in transformer.state_dict().items()}
    lora = {}
    for name, tensor in names.items():
        module = name.removesuffix(".weight")
        if "_attn." in module and name.endswith(".weight") and tensor.ndim == 2:
            lora[f"{module}|A"] = 0.2 * torch.randn(rank, tensor.shape[1])
            lora[f"{module}|B"] = 0.2 * torch.randn(tensor.shape[0], rank)
    return TinyDkt(
        transformer={name: tensor.clone().contiguous() for name, tensor in names.items()},
        vae={
            vae_release_name(name, vae.res_blocks): tensor.clone().contiguous()
            for name, tensor in autoencoder.state_dict().items()
        },
        lora=lora,
        context={"prompt_embeds": torch.randn(1, tokens, size.text_dim)},
        heads=size.heads,
    )


def change(file: Path, edit: Callable[[dict[str, Tensor]], object]) -> None:
    """Has `edit` change the tensors of a file of weights."""
    tensors = load_file(file)
    edit(tensors)
    save_file(tensors, file)


def without_image_branch() -> TransformerSize:
    """A size whose transformer never sees an image token."""
    return replace(TRANSFORMER, image_dim=None)


def moving_clip(count: int, height: int = 32, width: int = 48, seed: int = 0) -> list[np.ndarray]:
    """Frames (H, W, 3) uint8: smooth colours that drift."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.random((1, 3, 4, 6)).astype(np.float32))
    image = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")[0].clamp(0, 1)
    frame = (image.permute(1, 2, 0).numpy() * 255).astype(np.uint8)
    return [np.ascontiguousarray(np.roll(frame, 2 * number, axis=1)) for number in range(count)]
