"""Wan's text encoder (umT5-xxl in its own layout) as transformers' class, without a second copy in memory."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import PerceptionError

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import UMT5Config, UMT5EncoderModel

_TOP = {"token_embedding.weight": "shared.weight", "norm.weight": "encoder.final_layer_norm.weight"}
_BLOCK = {
    "norm1": "layer.0.layer_norm",
    "attn.q": "layer.0.SelfAttention.q",
    "attn.k": "layer.0.SelfAttention.k",
    "attn.v": "layer.0.SelfAttention.v",
    "attn.o": "layer.0.SelfAttention.o",
    "pos_embedding.embedding": "layer.0.SelfAttention.relative_attention_bias",
    "norm2": "layer.1.layer_norm",
    "ffn.gate.0": "layer.1.DenseReluDense.wi_0",
    "ffn.fc1": "layer.1.DenseReluDense.wi_1",
    "ffn.fc2": "layer.1.DenseReluDense.wo",
}
_REMEDY = "Delete it and fetch it again: python main.py weights fetch dkt-1.3b."


def load_encoder(file: Path) -> "UMT5EncoderModel":
    """The encoder on the CPU in the file's own precision (bf16 as released).

    Its 11 GB stay on the disk: tensors are mapped, not read, and the class is built without storage.

    Raises:
        PerceptionError: a file that is no such encoder, or lacks or adds a tensor; which is named.
    """
    import torch
    from transformers import UMT5EncoderModel

    tensors = _read(file)
    renamed = {transformers_name(name): tensor for name, tensor in tensors.items()}
    with torch.device("meta"):
        model = UMT5EncoderModel(_config(tensors, file))
    expected = {name: tensor.shape for name, tensor in model.state_dict().items()}
    expected.pop("encoder.embed_tokens.weight", None)  # the same tensor as `shared`
    _demand(file, renamed, expected)
    model.load_state_dict(renamed, strict=False, assign=True)
    model.encoder.embed_tokens.weight = model.shared.weight
    return model.eval()


def transformers_name(name: str) -> str:
    """transformers' name of a tensor of Wan's encoder; an unknown one keeps its own."""
    block = re.fullmatch(r"blocks\.(\d+)\.(.+)\.weight", name)
    if block and block[2] in _BLOCK:
        return f"encoder.block.{block[1]}.{_BLOCK[block[2]]}.weight"
    return _TOP.get(name, name)


def _read(file: Path) -> dict[str, "Tensor"]:
    import pickle

    import torch

    try:
        tensors = torch.load(file, map_location="cpu", mmap=True, weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise PerceptionError(f"{file} cannot be read as PyTorch weights.", _REMEDY) from error
    if not isinstance(tensors, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in tensors.values()):
        raise PerceptionError(f"{file} holds something else than tensors by name.", _REMEDY)
    return tensors


def _config(tensors: Mapping[str, "Tensor"], file: Path) -> "UMT5Config":
    """All sizes from the tensors' shapes; the rest is umT5's: gated tanh-GELU, a position bias per layer."""
    from transformers import UMT5Config

    try:
        vocabulary, width = tensors["token_embedding.weight"].shape
        buckets, heads = tensors["blocks.0.pos_embedding.embedding.weight"].shape
        inner, hidden = tensors["blocks.0.attn.q.weight"].shape[0], tensors["blocks.0.ffn.fc1.weight"].shape[0]
        layers = 1 + max(int(match[1]) for name in tensors if (match := re.match(r"blocks\.(\d+)\.", name)))
    except (KeyError, ValueError) as error:
        raise PerceptionError(f"{file} is not Wan's umT5 encoder: it tells no size ({error}).", _REMEDY) from error
    return UMT5Config(
        vocab_size=vocabulary,
        d_model=width,
        d_kv=inner // heads,
        d_ff=hidden,
        num_layers=layers,
        num_heads=heads,
        relative_attention_num_buckets=buckets,
        feed_forward_proj="gated-gelu",
        is_encoder_decoder=False,
        use_cache=False,
    )


def _demand(file: Path, found: Mapping[str, "Tensor"], expected: Mapping[str, tuple[int, ...]]) -> None:
    missing = sorted(set(expected) - set(found))
    extra = sorted(set(found) - set(expected))
    odd = sorted(name for name in set(found) & set(expected) if found[name].shape != expected[name])
    kinds = (("lacks", missing), ("has unknown", extra), ("has misshapen", odd))
    problems = [f"{what} {', '.join(names[:3])}{' and more' * (len(names) > 3)}" for what, names in kinds if names]
    if problems:
        raise PerceptionError(f"{file} is not Wan's umT5 encoder: it {'; it '.join(problems)}.", _REMEDY)
