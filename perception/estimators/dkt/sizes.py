"""Which model the files hold, told from the shapes of their tensors, and whether every tensor is there."""

import logging
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from core.errors import PerceptionError
from core.text_file import read_json

Shapes = Mapping[str, tuple[int, ...]]

#: Pixels that one token stands for on either side: 8 of the VAE, 2 of the transformer's patches.
MULTIPLE = 16

#: Every released Wan has heads of this width, and no tensor tells how many heads there are.
HEAD_DIM = 128
#: A model too narrow for a released one: its heads are this wide unless dims.json says how many there are.
_SMALL_HEAD_DIM, _SMALL_DIM = 32, 1024
#: Tokens of the (all zero) CLIP image and of the padded prompt (released code).
IMAGE_TOKENS, TEXT_TOKENS = 257, 512
#: Tensors as long as the features are wide: of the CLIP image, of a residual block.
_IMAGE_WIDTH = ("0.bias", "0.weight", "1.bias")
_RESIDUAL_WIDTH = ("6.bias", "3.gamma", "6.weight")
_OTHER_MODEL = "These are the weights of another model, or a damaged copy: python main.py weights verify FOLDER."


@dataclass(frozen=True)
class TransformerSize:
    """The constructor arguments of `WanTransformer3DModel` that differ between models."""

    heads: int
    head_dim: int
    layers: int
    ffn_dim: int
    in_channels: int
    out_channels: int
    text_dim: int
    freq_dim: int
    patch: tuple[int, int, int]
    image_dim: int | None

    @property
    def dim(self) -> int:
        return self.heads * self.head_dim

    def config(self) -> dict[str, Any]:
        """Arguments for `WanTransformer3DModel` (facts of the released model: Wan2.1-Fun-Control)."""
        return {
            "patch_size": self.patch,
            "num_attention_heads": self.heads,
            "attention_head_dim": self.head_dim,
            "in_channels": self.in_channels,
            "out_channels": self.out_channels,
            "text_dim": self.text_dim,
            "freq_dim": self.freq_dim,
            "ffn_dim": self.ffn_dim,
            "num_layers": self.layers,
            "cross_attn_norm": True,
            "qk_norm": "rms_norm_across_heads",
            "eps": 1e-6,
            "image_dim": self.image_dim,
            "added_kv_proj_dim": self.dim if self.image_dim else None,
            "rope_max_seq_len": 1024,
            "pos_embed_seq_len": None,
        }


@dataclass(frozen=True)
class VaeSize:
    """The constructor arguments of `AutoencoderKLWan` that differ between models."""

    base_dim: int
    z_dim: int
    dim_mult: tuple[int, ...]
    res_blocks: int
    temporal_downsample: tuple[bool, ...]

    def config(self) -> dict[str, Any]:
        return {
            "base_dim": self.base_dim,
            "z_dim": self.z_dim,
            "dim_mult": list(self.dim_mult),
            "num_res_blocks": self.res_blocks,
            "temperal_downsample": list(self.temporal_downsample),
        }


def transformer_size(shapes: Shapes, folder: Path) -> TransformerSize:
    """The transformer's size; `folder` may hold a dims.json or config.json that states the heads.

    Raises:
        PerceptionError: the tensors that would tell are missing or of another kind of model.
    """
    try:
        layers = 1 + max((int(m[1]) for key in shapes if (m := re.match(r"blocks\.(\d+)\.", key))), default=-1)
        blocks = [f"blocks.{index}" for index in range(layers)]
        dim = _majority(shapes, "patch_embedding.bias", *(f"{block}.self_attn.q.bias" for block in blocks))
        _, in_channels, *patch = _sole(shapes, "patch_embedding.weight", 5)
        heads = _heads(dim, folder)
        has_image = any(key.startswith("img_emb.") for key in shapes)
        return TransformerSize(
            heads=heads,
            head_dim=dim // heads,
            layers=layers,
            ffn_dim=_majority(shapes, *(f"{block}.ffn.0.{kind}" for block in blocks for kind in ("weight", "bias"))),
            in_channels=in_channels,
            out_channels=_majority(shapes, "head.head.weight", "head.head.bias") // prod(patch),
            text_dim=_sole(shapes, "text_embedding.0.weight", 2)[1],
            freq_dim=_sole(shapes, "time_embedding.0.weight", 2)[1],
            patch=(patch[0], patch[1], patch[2]),
            image_dim=_majority(shapes, *(f"img_emb.proj.{part}" for part in _IMAGE_WIDTH)) if has_image else None,
        )
    except (ValueError, ZeroDivisionError) as error:
        raise PerceptionError(
            f"The transformer in {folder} is not Wan2.1's: it tells no size ({error}).", _OTHER_MODEL
        ) from error


def vae_size(shapes: Shapes, folder: Path) -> VaeSize:
    """The VAE's size.

    Raises:
        PerceptionError: the tensors that would tell are missing or of another kind of model.
    """
    try:
        base = _majority(shapes, "encoder.conv1.bias", "decoder.head.0.gamma", "encoder.conv1.weight")
        found = (re.match(r"encoder\.downsamples\.(\d+)\.(\w+)", key) for key in sorted(shapes))
        down = {int(match[1]): match[2] for match in found if match}  # the last kind that each has
        samplers = [index for index, kind in sorted(down.items()) if kind in ("resample", "time_conv")]
        tops = [*(index - 1 for index in samplers), max(down, default=0)]
        widths = [
            _majority(shapes, *(f"encoder.downsamples.{index}.residual.{part}" for part in _RESIDUAL_WIDTH))
            for index in tops
        ]
        return VaeSize(
            base_dim=base,
            z_dim=_majority(shapes, "conv2.weight", "conv2.bias"),
            dim_mult=tuple(width // base for width in widths),
            res_blocks=samplers[0] if samplers else max(down, default=0) + 1,
            temporal_downsample=tuple(down[index] == "time_conv" for index in samplers),
        )
    except (ValueError, ZeroDivisionError) as error:
        raise PerceptionError(
            f"The VAE in {folder} is not Wan2.1's: it tells no size ({error}).", _OTHER_MODEL
        ) from error


def _majority(shapes: Shapes, *names: str) -> int:
    """The length that most of these tensors have, so that the one that is damaged is the one to be named."""
    said = Counter(shapes[name][0] for name in names if shapes.get(name))
    if not said:
        raise ValueError(f"it has none of {_few(list(names))}")
    return said.most_common(1)[0][0]


def _sole(shapes: Shapes, name: str, axes: int) -> tuple[int, ...]:
    """The shape of the only tensor that tells some size."""
    shape = shapes.get(name, ())
    if len(shape) != axes:
        raise ValueError(f"its {name} is {tuple(shape) or 'missing'}")
    return shape


def demand_tensors(part: str, found: Shapes, expected: Shapes) -> None:
    """Accounts for every tensor, in the release's names.

    Raises:
        PerceptionError: some are missing, extra or misshapen; the first few of each are named.
    """
    missing = [name for name in expected if name not in found]
    extra = [name for name in found if name not in expected]
    odd = [
        f"{name} {found[name]} instead of {shape}"
        for name, shape in expected.items()
        if name in found and tuple(found[name]) != tuple(shape)
    ]
    kinds = (("lacks", missing), ("has an unknown", extra), ("has a misshapen", odd))
    problems = [f"{what} {_few(names)}" for what, names in kinds if names]
    if problems:
        raise PerceptionError(f"The {part} {'; it '.join(problems)}.", _OTHER_MODEL)


def _few(names: list[str], shown: int = 8) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def _heads(dim: int, folder: Path) -> int:
    stated = _stated_heads(folder)
    if stated is not None:
        if dim % stated:
            raise ValueError(f"{stated} heads do not divide {dim} channels")
        return stated
    if dim >= _SMALL_DIM:
        return dim // HEAD_DIM
    heads = max(1, dim // _SMALL_HEAD_DIM)
    logging.getLogger(__name__).warning(
        "%s does not say how many heads its transformer has: took %d of %d channels (dims.json can say num_heads)",
        folder,
        heads,
        dim // heads,
    )
    return heads


def _stated_heads(folder: Path) -> int | None:
    for name in ("dims.json", "config.json"):
        try:
            stated = read_json(folder / name)
        except (OSError, ValueError):
            continue
        stated = stated.get("transformer", stated) if isinstance(stated, dict) else {}
        heads = stated.get("num_heads", stated.get("num_attention_heads"))
        if isinstance(heads, int) and heads > 0:
            return heads
    return None
