"""What is trained on: a frozen base of transformer, VAE and prompt, and what tells it from another."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from safetensors.torch import save
from torch import Tensor

from core.errors import PerceptionError
from core.files import whole_folder, writing
from core.json_values import plain
from perception.estimators.dkt.files import CONTEXT, LORA, PROMPT, TRANSFORMER, VAE, DktFiles, find_parts
from perception.estimators.dkt.load import (
    check_context,
    check_transformer,
    check_vae,
    demand_same_latents,
    load_base_transformer,
    load_prompt,
    load_vae,
    random_transformer,
    random_vae,
)
from perception.estimators.dkt.model import size_name
from perception.estimators.dkt.names import transformer_release_name, vae_release_name
from perception.estimators.dkt.sizes import TransformerSize, VaeSize
from perception.learning.training.files import GOES_ON

#: Of each file, what its digest reads at either end: weights of gigabytes are digest apart by it all the same.
_ENDS_BYTES = 1 << 20
_LAYOUT = (
    "It must hold transformer.safetensors (or diffusion_pytorch_model*.safetensors), vae.safetensors (or "
    "Wan2.1_VAE.pth) and context.safetensors, as `python main.py weights fetch dkt-1.3b` makes it; "
    "--base tiny makes a small random model instead."
)

#: What the tiny base is called wherever it shows.
TINY = "tiny random base (no released weights: its depth means nothing)"
TINY_TRANSFORMER = TransformerSize(
    heads=2,
    head_dim=32,
    layers=2,
    ffn_dim=128,
    in_channels=48,
    out_channels=16,
    text_dim=64,
    freq_dim=32,
    image_dim=1280,
    patch=(1, 2, 2),
)
TINY_VAE = VaeSize(base_dim=4, z_dim=16, dim_mult=(1, 2, 4, 4), res_blocks=1, temporal_downsample=(False, True, True))
_PROMPT_TOKENS, _SEED = 2, 0


@dataclass(frozen=True)
class BaseFiles:
    """A base's checked files; those that inference looks for are named in `files`."""

    files: DktFiles
    transformer: TransformerSize
    vae: VaeSize

    def identity(self) -> dict[str, Any]:
        """What a checkpoint must agree with: the transformer's shape, and a digest of its weights."""
        digest = hashlib.sha256()
        for file in self.files.transformer:
            size = file.stat().st_size
            digest.update(str(size).encode())
            with file.open("rb") as opened:
                digest.update(opened.read(_ENDS_BYTES))
                opened.seek(max(0, size - _ENDS_BYTES))
                digest.update(opened.read())
        shape = {f"transformer {key}": value for key, value in asdict(self.transformer).items()}
        return plain(shape | {"base weights": digest.hexdigest()[:16]})


@dataclass(frozen=True)
class Base:
    """The loaded base, frozen. prompt: the real tokens (1, n, text_dim)."""

    transformer: WanTransformer3DModel
    vae: AutoencoderKLWan
    prompt: Tensor
    name: str


def find_base(folder: Path) -> BaseFiles:
    """The base in a weights folder; a LoRA that lies there too is left alone.

    Raises:
        PerceptionError: no such folder, parts that are missing, damaged, or of another model; they are named.
    """
    if not folder.is_dir():
        raise PerceptionError(f"There is no weights folder {folder}.", _LAYOUT)
    parts = find_parts(folder)
    missing = [name for name, found in parts.items() if not found and name != LORA]
    if missing:
        raise PerceptionError(f"{folder} lacks its {', '.join(missing)}.", _LAYOUT)
    files = DktFiles(folder, tuple(parts[TRANSFORMER]), parts[VAE][0], folder / "lora.safetensors", parts[PROMPT][0])
    size, vae = check_transformer(files), check_vae(files)
    demand_same_latents(size, vae)
    check_context(files, size)
    return BaseFiles(files, size, vae)


def load_base(base: BaseFiles, dtype: torch.dtype, device: torch.device) -> Base:
    """Transformer and VAE on the device, in inference's numbers: only what is added to them will learn.

    Raises:
        PerceptionError: files that cannot be read to their end, or weights that are not finite.
    """
    transformer = load_base_transformer(base.files, base.transformer, dtype).to(device)
    vae = load_vae(base.files, base.vae, dtype).to(device)
    name = size_name(base.transformer, transformer)
    return Base(transformer, vae, load_prompt(base.files).to(device), name)


def write_tiny_base(folder: Path) -> Path:
    """A small random base, to try the training without weights: of the true build, the same numbers every time.

    Raises:
        StorageError: the disk takes no more, or something of that name is there.
    """
    before = torch.get_rng_state()
    transformer = random_transformer(TINY_TRANSFORMER, torch.float32, _SEED)
    vae = random_vae(TINY_VAE, torch.float32, _SEED)
    prompt = torch.randn(1, _PROMPT_TOKENS, TINY_TRANSFORMER.text_dim)
    torch.set_rng_state(before)
    numbers = {transformer_release_name(name): tensor for name, tensor in transformer.state_dict().items()}
    vae_numbers = {vae_release_name(name, TINY_VAE.res_blocks): tensor for name, tensor in vae.state_dict().items()}
    dims = {"transformer": {"num_heads": TINY_TRANSFORMER.heads}}
    with writing(folder, GOES_ON), whole_folder(folder) as partial:
        (partial / "transformer.safetensors").write_bytes(save(numbers))
        (partial / "vae.safetensors").write_bytes(save(vae_numbers))
        (partial / CONTEXT).write_bytes(save({"prompt_embeds": prompt}))
        (partial / "dims.json").write_text(json.dumps(dims))
    return folder
