"""The LoRA that learns: put on a frozen transformer through peft, and written as the release writes its own."""

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from diffusers import WanTransformer3DModel
from peft import LoraConfig, inject_adapter_in_model
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from core.errors import PerceptionError
from perception.estimators.dkt.files import read_header
from perception.estimators.dkt.lora import module_names, pair_keys
from perception.estimators.dkt.names import transformer_release_name

#: The linear layers of every block that get a pair, by the release's names: those that the trainer adapts on
#: whose code the release is built. The paper names none.
_TARGETS = re.compile(r"blocks\.\d+\.(\w+_attn\.[qkvo]|ffn\.[02])")
_ADAPTER = "default"


def add_lora(transformer: WanTransformer3DModel, rank: int, seed: int) -> WanTransformer3DModel:
    """The transformer with a pair of float32 matrices beside each of its blocks' `_TARGETS`, which alone learn.

    W + B A x, undivided, as inference adds them (peft: alpha = rank). A is drawn from `seed`, B is zero: the
    model begins as its base.
    """
    names = {name: transformer_release_name(name) for name in module_names(transformer)}
    targets = [name for name, release in names.items() if _TARGETS.fullmatch(release)]
    config = LoraConfig(r=rank, lora_alpha=rank, target_modules=targets)
    before = torch.get_rng_state()
    torch.manual_seed(seed)
    adapted = inject_adapter_in_model(config, transformer, _ADAPTER)
    torch.set_rng_state(before)
    for name, parameter in adapted.named_parameters():
        parameter.requires_grad_(".lora_" in name)
        if ".lora_" in name:
            parameter.data = parameter.data.float()
    return adapted


def lora_tensors(transformer: torch.nn.Module) -> dict[str, Tensor]:
    """The live matrices by the release's keys: `blocks.N.self_attn.q.lora_A.weight` and so on."""
    tensors: dict[str, Tensor] = {}
    for name, parameter in transformer.named_parameters():
        module, found, rest = name.partition(".lora_")
        if found:
            tensors[f"{transformer_release_name(module)}.lora_{rest[0]}.weight"] = parameter
    return tensors


def put_lora(transformer: torch.nn.Module, tensors: Mapping[str, Tensor]) -> None:
    live = lora_tensors(transformer)
    with torch.no_grad():
        for key, parameter in live.items():
            parameter.copy_(tensors[key])


def lora_bytes(transformer: torch.nn.Module) -> bytes:
    """The safetensors file that inference takes as `lora.safetensors`."""
    return save({key: tensor.detach().cpu().contiguous() for key, tensor in lora_tensors(transformer).items()})


def read_lora(path: Path, transformer: torch.nn.Module) -> dict[str, Tensor]:
    """The matrices of a LoRA file in any published form of keys, by ours, to begin from.

    Raises:
        PerceptionError: a damaged file, or one with other modules or another rank than learn here.
    """
    live = {key: tuple(tensor.shape) for key, tensor in lora_tensors(transformer).items()}
    modules = {key.removesuffix(".lora_A.weight"): live[key] for key in live if ".lora_A." in key}
    weights = {module: (live[f"{module}.lora_B.weight"][0], shape[1]) for module, shape in modules.items()}
    pairs = pair_keys({name: info.shape for name, info in read_header(path).items()}, weights)
    ranks = sorted({pair.rank for pair in pairs.values()} - {shape[0] for shape in modules.values()})
    if ranks or set(pairs) != set(modules):
        cause = f"has rank {ranks[0]}" if ranks else f"changes {len(pairs)} modules, of {len(modules)} that learn here"
        raise PerceptionError(f"{path} {cause}.", "Give --rank as the file has it, or begin anew without --init-lora.")
    try:
        stored = load_file(path)
    except (OSError, SafetensorError) as error:
        raise PerceptionError(f"{path} cannot be read: {error}.", "Copy or fetch it again.") from error
    tensors: dict[str, Tensor] = {}
    for module, pair in pairs.items():
        tensors |= {f"{module}.lora_A.weight": stored[pair.a], f"{module}.lora_B.weight": stored[pair.b]}
    return tensors
