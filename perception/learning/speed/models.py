"""The models that a bench runs: random weights of a released size, or a folder's."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from torch import Tensor

from perception.estimators.dkt.files import find_files
from perception.estimators.dkt.load import (
    check_files,
    load_prompt,
    load_transformer,
    load_vae,
    random_transformer,
    random_vae,
)
from perception.estimators.dkt.model import DktSettings, size_name
from perception.estimators.dkt.sizes import TransformerSize, VaeSize

#: Tokens of a prompt of one word and its end.
_PROMPT_TOKENS = 2


def _wan(heads: int, head_dim: int, layers: int, ffn_dim: int, text_dim: int = 4096) -> TransformerSize:
    return TransformerSize(heads, head_dim, layers, ffn_dim, 48, 16, text_dim, 256, (1, 2, 2), 1280)


_WAN_VAE = VaeSize(96, 16, (1, 2, 4, 4), 2, (False, True, True))
#: Of the released models, and one of the same build that a CPU runs in seconds.
SIZES: dict[str, tuple[TransformerSize, VaeSize]] = {
    "small": (_wan(4, 64, 8, 1024), VaeSize(24, 16, (1, 2, 4, 4), 2, (False, True, True))),
    "1.3b": (_wan(12, 128, 30, 8960), _WAN_VAE),
    "14b": (_wan(40, 128, 40, 13824), _WAN_VAE),
}


@dataclass(frozen=True)
class Built:
    """Modules ready for `assemble`, and the prompt's real tokens (1, n, text_dim)."""

    transformer: WanTransformer3DModel
    vae: AutoencoderKLWan
    prompt: Tensor


class Weights(Protocol):
    """Builds the same model as often as it is asked to: ways to run it use it up."""

    @property
    def sizes(self) -> tuple[TransformerSize, VaeSize]: ...

    @property
    def description(self) -> str:
        """What ran, as reports name it."""
        ...

    def build(self, settings: DktSettings) -> Built:
        """Both modules, the VAE on its device; the transformer there or in RAM, whence `assemble` takes it."""
        ...


class RandomWeights:
    """Of one of `SIZES`: time and memory are those of trained weights, the maps mean nothing."""

    def __init__(self, size: str) -> None:
        self._name = size
        self.sizes = SIZES[size]

    @property
    def description(self) -> str:
        return f"DKT {self._name}, random weights"

    def build(self, settings: DktSettings) -> Built:
        (size, vae), device = self.sizes, torch.device(settings.device)
        prompt = torch.randn(1, _PROMPT_TOKENS, size.text_dim, generator=torch.Generator().manual_seed(0))
        transformer = self._transformer(settings, device)
        return Built(transformer, random_vae(vae, settings.dtype, device=device), prompt)

    def _transformer(self, settings: DktSettings, device: torch.device) -> WanTransformer3DModel:
        if not settings.offload:
            # Made on the device, as random numbers come a hundred times faster there.
            with suppress(torch.OutOfMemoryError):
                return random_transformer(self.sizes[0], settings.dtype, device=device)
        return random_transformer(self.sizes[0], settings.dtype)


class FolderWeights:
    """Of a folder that `python main.py depth --weights` takes."""

    def __init__(self, folder: Path) -> None:
        """Raises PerceptionError: files that are missing, damaged or of another model."""
        self._parts = check_files(find_files(folder))
        self.sizes = self._parts.transformer, self._parts.vae
        self.description = f"DKT of {folder}"

    def build(self, settings: DktSettings) -> Built:
        transformer = load_transformer(self._parts, settings.dtype)
        self.description = f"DKT {size_name(self.sizes[0], transformer)} of {self._parts.files.folder}"
        vae = load_vae(self._parts.files, self._parts.vae, settings.dtype).to(settings.device)
        return Built(transformer, vae, load_prompt(self._parts.files))
