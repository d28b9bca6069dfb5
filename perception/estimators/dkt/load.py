"""The modules of a DKT from its files: transformer with the LoRA fused, VAE, the prompt's embedding."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from safetensors import SafetensorError, safe_open
from torch import Tensor

from core.errors import PerceptionError
from perception.estimators.dkt.files import DktFiles, read_header, read_pth
from perception.estimators.dkt.lora import LoraPair, fuse, pair_keys
from perception.estimators.dkt.names import transformer_release_name, vae_release_name
from perception.estimators.dkt.sizes import (
    TEXT_TOKENS,
    TransformerSize,
    VaeSize,
    demand_tensors,
    transformer_size,
    vae_size,
)

#: What the Control base brings and DKT does not use (released code).
UNUSED = "ref_conv."
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class DktParts:
    """Sizes and shapes of checked files, ready to load."""

    files: DktFiles
    transformer: TransformerSize
    vae: VaeSize
    lora: Mapping[str, LoraPair]


def check_files(files: DktFiles) -> DktParts:
    """Accounts for every tensor of every file without loading the transformer.

    Raises:
        PerceptionError: a file that is cut off or of another kind, or a tensor that is missing, extra
            or misshapen; it is named.
    """
    size, vae = check_transformer(files), check_vae(files)
    demand_same_latents(size, vae)
    lora = {name: info.shape for name, info in read_header(files.lora).items()}
    pairs = pair_keys(lora, changeable_weights(size))
    check_context(files, size)
    return DktParts(files, size, vae, pairs)


def check_transformer(files: DktFiles) -> TransformerSize:
    """Accounts for the tensors of the transformer. Raises as `check_files`."""
    shapes = {
        name: info.shape
        for file in files.transformer
        for name, info in read_header(file).items()
        if not name.startswith(UNUSED)
    }
    size = transformer_size(shapes, files.folder)
    demand_tensors("transformer", shapes, _transformer_shapes(size))
    return size


def check_vae(files: DktFiles) -> VaeSize:
    """Accounts for the tensors of the VAE. Raises as `check_files`."""
    if files.vae.suffix == ".pth":
        shapes = {name: tuple(tensor.shape) for name, tensor in read_pth(files.vae).items()}
    else:
        shapes = {name: info.shape for name, info in read_header(files.vae).items()}
    size = vae_size(shapes, files.folder)
    demand_tensors("VAE", shapes, _vae_shapes(size))
    return size


def demand_same_latents(size: TransformerSize, vae: VaeSize) -> None:
    """The transformer takes and gives what the VAE makes. Raises as `check_files`."""
    if vae.z_dim != size.out_channels or size.in_channels < 2 * vae.z_dim:
        raise PerceptionError(
            f"The VAE has {vae.z_dim} latent channels; the transformer takes {size.in_channels} "
            f"and gives {size.out_channels}: they do not belong together.",
            "Take both from one release.",
        )


def changeable_weights(size: TransformerSize) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights that a LoRA may change, by the release's module name."""
    shapes = _transformer_shapes(size)
    return {name.removesuffix(".weight"): shape for name, shape in shapes.items() if name.endswith(".weight")}


def check_context(files: DktFiles, size: TransformerSize) -> int:
    """How many tokens the prompt's embedding holds. Raises as `check_files`."""
    found = read_header(files.context).items()
    shape = next((info.shape for name, info in found if name == "prompt_embeds"), ())
    if len(shape) != 3 or shape[0] != 1 or not 0 < shape[1] < TEXT_TOKENS or shape[2] != size.text_dim:
        raise PerceptionError(
            f"{files.context} holds no prompt_embeds (1, n, {size.text_dim}) with n below {TEXT_TOKENS}, "
            f"but {shape or 'none'}.",
            "Fetch the weights again: the prompt's embedding is made from the release's text encoder.",
        )
    return shape[1]


def load_transformer(parts: DktParts, dtype: torch.dtype) -> WanTransformer3DModel:
    """The transformer on the CPU with its LoRA fused.

    Raises:
        PerceptionError: files that cannot be read to their end, or weights that are not finite.
    """
    model = load_base_transformer(parts.files, parts.transformer, dtype)
    lora = dict(_tensors(parts.files.lora, torch.float32))
    return fuse(model, lora, parts.lora).eval().requires_grad_(False)


def load_base_transformer(files: DktFiles, size: TransformerSize, dtype: torch.dtype) -> WanTransformer3DModel:
    """The transformer on the CPU as the base has it, without any LoRA. Raises as `load_transformer`."""
    model = _bare_transformer(size)
    tensors = {
        name: tensor
        for file in files.transformer
        for name, tensor in _tensors(file, dtype)
        if not name.startswith(UNUSED)
    }
    _assign(model, tensors, transformer_release_name)
    # Its tables are no parameters: on the meta device they were never computed.
    model.rope = type(model.rope)(size.head_dim, size.patch, 1024)
    _demand_finite("transformer", model)
    return model.eval().requires_grad_(False)


def load_vae(files: DktFiles, size: VaeSize, dtype: torch.dtype) -> AutoencoderKLWan:
    """The VAE on the CPU. Raises as `load_transformer`."""
    model = _bare_vae(size)
    if files.vae.suffix == ".pth":
        tensors = {name: tensor.to(dtype) for name, tensor in read_pth(files.vae).items()}
    else:
        tensors = dict(_tensors(files.vae, dtype))
    _assign(model, tensors, _vae_namer(size))
    _demand_finite("VAE", model)
    return model.eval().requires_grad_(False)


def load_prompt(files: DktFiles) -> Tensor:
    """The prompt's real tokens (1, n, text_dim) float32; the others up to 512 are zeros."""
    with _reading(files.context), safe_open(files.context, "pt") as file:
        tokens: Tensor = file.get_tensor("prompt_embeds").float()
    if not tokens.isfinite().all():
        raise PerceptionError(f"{files.context} holds numbers that are not finite.", "Fetch the weights again.")
    return tokens


def random_transformer(
    size: TransformerSize, dtype: torch.dtype, seed: int = 0, device: torch.device = _CPU
) -> WanTransformer3DModel:
    """A transformer of that size with random weights, for measuring speed and memory."""
    with _random(dtype, seed, device):
        return WanTransformer3DModel(**size.config()).eval().requires_grad_(False)


def random_vae(size: VaeSize, dtype: torch.dtype, seed: int = 0, device: torch.device = _CPU) -> AutoencoderKLWan:
    """A VAE of that size with random weights, for measuring speed and memory."""
    with _random(dtype, seed, device):
        return AutoencoderKLWan(**size.config()).eval().requires_grad_(False)


@contextmanager
def _random(dtype: torch.dtype, seed: int, device: torch.device) -> Iterator[None]:
    """Modules made within get the same weights every time."""
    torch.manual_seed(seed)
    default = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with device:
            yield
    finally:
        torch.set_default_dtype(default)


def _bare_transformer(size: TransformerSize) -> WanTransformer3DModel:
    with torch.device("meta"):
        return WanTransformer3DModel(**size.config())


def _bare_vae(size: VaeSize) -> AutoencoderKLWan:
    with torch.device("meta"):
        return AutoencoderKLWan(**size.config())


@lru_cache
def _transformer_shapes(size: TransformerSize) -> Mapping[str, tuple[int, ...]]:
    """By the release's names; kept, for a model without content is slow to build too."""
    return MappingProxyType(_shapes(_bare_transformer(size), transformer_release_name))


@lru_cache
def _vae_shapes(size: VaeSize) -> Mapping[str, tuple[int, ...]]:
    """As `_transformer_shapes`."""
    return MappingProxyType(_shapes(_bare_vae(size), _vae_namer(size)))


def _vae_namer(size: VaeSize) -> Callable[[str], str]:
    return lambda name: vae_release_name(name, size.res_blocks)


def _shapes(model: torch.nn.Module, namer: Callable[[str], str]) -> dict[str, tuple[int, ...]]:
    return {namer(name): tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def _assign(model: torch.nn.Module, tensors: Mapping[str, Tensor], namer: Callable[[str], str]) -> None:
    model.load_state_dict({name: tensors[namer(name)] for name in model.state_dict()}, assign=True)


def _tensors(file: Path, dtype: torch.dtype) -> Iterator[tuple[str, Tensor]]:
    with _reading(file), safe_open(file, "pt") as opened:
        for name in opened.keys():  # noqa: SIM118 - no dict: it is not iterable
            yield name, opened.get_tensor(name).to(dtype)


def _demand_finite(part: str, model: torch.nn.Module) -> None:
    for name, tensor in model.state_dict().items():
        # The extremes carry every NaN and infinity, and cost a thirtieth of looking at each number.
        if not all(extreme.isfinite() for extreme in tensor.aminmax()):
            raise PerceptionError(f"The {part}'s {name} holds numbers that are not finite.", "Fetch the weights again.")


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, SafetensorError, RuntimeError, KeyError) as error:
        # What follows the first sentence advises programmers.
        said = " ".join(str(error).split()).split(". ")[0].rstrip(".")
        raise PerceptionError(f"{file} cannot be read: {said}.", "Fetch the weights again.") from error
