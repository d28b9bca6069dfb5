"""A text encoder in Wan's layout small enough for a test, its tokenizer, and its computation written out."""

import io
import math

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import Tensor
from torch.nn.functional import softmax

BUCKETS, FARTHEST = 32, 128


def tiny_encoder(
    width: int = 40, heads: int = 4, hidden: int = 56, layers: int = 2, seed: int = 0
) -> dict[str, Tensor]:
    """Random weights under the released names, of a scale at which every part shows in the result."""
    generator = torch.Generator().manual_seed(0)

    def random(*shape: int, scale: float = 0.3) -> Tensor:
        return scale * torch.randn(*shape, generator=generator)

    tensors = {"token_embedding.weight": random(20, width, scale=1.0), "norm.weight": 1 + random(width)}
    for block in range(layers):
        own = {f"attn.{part}": random(width, width) for part in "qkvo"}
        own |= {"ffn.gate.0": random(hidden, width), "ffn.fc1": random(hidden, width), "ffn.fc2": random(width, hidden)}
        own |= {"norm1": 1 + random(width), "norm2": 1 + random(width)}
        own |= {"pos_embedding.embedding": random(BUCKETS, heads, scale=1.0)}
        tensors |= {f"blocks.{block}.{name}.weight": tensor for name, tensor in own.items()}
    return tensors


def encode(tensors: dict[str, Tensor], tokens: list[int]) -> Tensor:
    """What umT5's encoder computes (n, width), step by step.

    Raffel et al. 2020 (T5), Shazeer 2020 (gated GELU), Chung et al. 2023 (umT5: a position bias in every layer).
    """
    x = tensors["token_embedding.weight"][tokens]
    layers = 1 + max(int(name.split(".")[1]) for name in tensors if name.startswith("blocks."))
    for block in range(layers):
        own = {k.removeprefix(f"blocks.{block}."): v for k, v in tensors.items() if k.startswith(f"blocks.{block}.")}
        x = x + _attend(_scaled(x, own["norm1.weight"]), own)
        y = _scaled(x, own["norm2.weight"])
        gate = y @ own["ffn.gate.0.weight"].T
        gate = 0.5 * gate * (1 + torch.tanh(math.sqrt(2 / math.pi) * (gate + 0.044715 * gate**3)))
        x = x + (gate * (y @ own["ffn.fc1.weight"].T)) @ own["ffn.fc2.weight"].T
    return _scaled(x, tensors["norm.weight"])


def _attend(x: Tensor, own: dict[str, Tensor]) -> Tensor:
    bias = own["pos_embedding.embedding.weight"]
    count, heads = len(x), bias.shape[1]
    q, k, v = ((x @ own[f"attn.{part}.weight"].T).reshape(count, heads, -1) for part in "qkv")
    out = torch.empty_like(q)
    for head in range(heads):
        scores = q[:, head] @ k[:, head].T
        for i in range(count):
            for j in range(count):
                scores[i, j] += bias[_bucket(j - i), head]
        out[:, head] = softmax(scores, dim=-1) @ v[:, head]
    return out.reshape(count, -1) @ own["attn.o.weight"].T


def _bucket(offset: int) -> int:
    """Near offsets have buckets of their own, far ones share them on a logarithmic scale; ahead and behind apart."""
    half, exact = BUCKETS // 2, BUCKETS // 4
    ahead, distance = half * (offset > 0), abs(offset)
    if distance < exact:
        return ahead + distance
    far = exact + int(math.log(distance / exact) / math.log(FARTHEST / exact) * (half - exact))
    return ahead + min(far, half - 1)


def _scaled(x: Tensor, weight: Tensor) -> Tensor:
    """RMS norm: no mean is taken off, no bias added."""
    return weight * x / torch.sqrt((x**2).mean(-1, keepdim=True) + 1e-6)


def tokenizer_json(ends: bool = True) -> bytes:
    """Knows 'depth' as one token and 'normal' as two; ends every sequence, if it does."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁depth", -1.0), ("▁nor", -2.0), ("mal", -2.0)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=2))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    if ends:
        tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return tokenizer.to_str().encode()


def pickled(tensors: dict[str, Tensor]) -> bytes:
    """As the release stores them: bf16, in a .pth."""
    buffer = io.BytesIO()
    torch.save({name: tensor.bfloat16() for name, tensor in tensors.items()}, buffer)
    return buffer.getvalue()
