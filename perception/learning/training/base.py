"""What is trained on: a frozen base of transformer, VAE and prompt, and what tells it from another."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from torch import Tensor

from core.errors import PerceptionError
from perception.estimators.dkt.files import LORA, PROMPT, TRANSFORMER, VAE, DktFiles, find_parts
from perception.estimators.dkt.load import (
    check_context,
    check_transformer,
    check_vae,
    demand_same_latents,
    load_base_transformer,
    load_prompt_of,
    load_vae_of,
)
from perception.estimators.dkt.model import size_name
from perception.estimators.dkt.sizes import TransformerSize, VaeSize

#: Of each file, what its digest reads at either end: weights of gigabytes are told apart by it all the same.
_ENDS_BYTES = 1 << 20
_LAYOUT = (
    "It must hold transformer.safetensors (or diffusion_pytorch_model*.safetensors), vae.safetensors (or "
    "Wan2.1_VAE.pth) and context.safetensors, as `python main.py weights fetch dkt-1.3b` makes it; "
    "--base tiny makes a small random model instead."
)


@dataclass(frozen=True)
class BaseFiles:
    """A base's checked files; those that inference looks for are named in `files`."""

    files: DktFiles
    transformer: TransformerSize
    vae: VaeSize

    def identity(self) -> dict[str, Any]:
        """What a checkpoint must agree with: the transformer's shape, and a digest of its weights."""
        size = {f"transformer {key}": value for key, value in asdict(self.transformer).items()}
        return json.loads(json.dumps(size | {"base weights": _digest(self.files.transformer)}))


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
    vae = load_vae_of(base.files, base.vae, dtype).to(device)
    name = size_name(base.transformer, transformer)
    return Base(transformer, vae, load_prompt_of(base.files).to(device), name)


def _digest(files: tuple[Path, ...]) -> str:
    told = hashlib.sha256()
    for file in files:
        size = file.stat().st_size
        told.update(str(size).encode())
        with file.open("rb") as opened:
            told.update(opened.read(_ENDS_BYTES))
            opened.seek(max(0, size - _ENDS_BYTES))
            told.update(opened.read())
    return told.hexdigest()[:16]
