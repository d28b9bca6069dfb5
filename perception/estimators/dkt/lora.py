"""The LoRA of a DKT: its keys in any of the published forms, checked and fused through peft."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import PerceptionError
from perception.estimators.dkt.names import transformer_release_name
from perception.estimators.dkt.sizes import Shapes

if TYPE_CHECKING:
    from diffusers import WanTransformer3DModel
    from torch import Tensor

_OTHER_LORA = "Take the LoRA that was trained for this base (dkt-1.3b: Daniellesry/DKT-Depth-1-3B-v1.1)."
#: [any prefix.]MODULE.lora_A[.adapter].weight, where MODULE begins with a module of the transformer.
_KEY = re.compile(
    r"(?:.*?\.)?(?P<module>(?:blocks|head|patch_embedding|text_embedding|time_embedding|time_projection|img_emb)\b.*)"
    r"\.lora_(?P<half>[AB])(?:\.[^.]+)?\.weight"
)
_UNUSED = re.compile(r"(?:.*\.)?ref_conv\.lora_[AB](?:\.[^.]+)?\.weight")


@dataclass(frozen=True)
class LoraPair:
    """The two tensors' names that change one module: its weight grows by B @ A."""

    a: str
    b: str
    rank: int


def pair_keys(shapes: Shapes, modules: Mapping[str, tuple[int, ...]]) -> dict[str, LoraPair]:
    """The pairs by the release's module name, but for `ref_conv`'s; `modules`: the shapes of the weights there are.

    Raises:
        PerceptionError: a key of no known form, a half without the other, no such module, or shapes
            that do not fit it.
    """
    halves: dict[str, dict[str, str]] = {}
    for key in shapes:
        if is_unused(key):
            continue
        match = _KEY.fullmatch(key)
        if match is None:
            raise PerceptionError(f"The LoRA has an unknown {key}.", _OTHER_LORA)
        halves.setdefault(match["module"], {})[match["half"]] = key
    if not halves:
        raise PerceptionError("The LoRA is empty.", _OTHER_LORA)
    return {module: _pair(module, keys, shapes, modules) for module, keys in halves.items()}


def is_unused(key: str) -> bool:
    """Whether it changes `ref_conv`, which the loader drops from the base too."""
    return _UNUSED.fullmatch(key) is not None


def _pair(module: str, keys: dict[str, str], shapes: Shapes, modules: Mapping[str, tuple[int, ...]]) -> LoraPair:
    if set(keys) != {"A", "B"}:
        raise PerceptionError(f"The LoRA lacks the other half of {next(iter(keys.values()))}.", _OTHER_LORA)
    if module not in modules:
        raise PerceptionError(f"The LoRA changes {module}, which the transformer does not have.", _OTHER_LORA)
    a, b, weight = shapes[keys["A"]], shapes[keys["B"]], modules[module]
    fits = len(a) == len(b) == len(weight) == 2 and b[1] == a[0] > 0 and (b[0], a[1]) == weight
    if not fits:
        raise PerceptionError(
            f"The LoRA does not fit: {module} is {weight}, but B {b} @ A {a} was trained for another model.",
            _OTHER_LORA,
        )
    return LoraPair(keys["A"], keys["B"], a[0])


def fuse(
    transformer: "WanTransformer3DModel", tensors: Mapping[str, "Tensor"], pairs: Mapping[str, LoraPair]
) -> "WanTransformer3DModel":
    """Adds every pair to its weight for good: W + B @ A, no division by the rank (released code).

    Raises:
        PerceptionError: a pair that reached no module, or a sum that is not finite.
    """
    import torch
    from peft import LoraConfig, LoraModel

    ours = {transformer_release_name(name): name for name in module_names(transformer)}
    ranks = {ours[module]: pair.rank for module, pair in pairs.items()}
    config = LoraConfig(target_modules=list(ranks), rank_pattern=ranks, alpha_pattern=ranks)
    adapted = LoraModel(transformer, config, "default")
    with torch.no_grad():
        for module, pair in pairs.items():
            layer = adapted.model.get_submodule(ours[module])
            layer.lora_A["default"].weight.copy_(tensors[pair.a])
            layer.lora_B["default"].weight.copy_(tensors[pair.b])
    try:
        return adapted.merge_and_unload(safe_merge=True)
    except ValueError as error:
        raise PerceptionError(f"The LoRA cannot be fused: {error}", _OTHER_LORA) from error


def module_names(transformer: "WanTransformer3DModel") -> list[str]:
    """The modules with a weight, by diffusers' name."""
    return [name.removesuffix(".weight") for name in transformer.state_dict() if name.endswith(".weight")]
