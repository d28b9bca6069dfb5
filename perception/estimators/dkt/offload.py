"""A transformer too large for its device: its blocks wait in RAM and come one ahead of their turn.

diffusers' group offloading does it: while a block computes, the next one's weights are copied on a
second stream, so that two blocks at most are on the device. A window of 21 latents computes longer on
a block than its copy takes; a single frame waits for the copies.
"""

import logging

import psutil
import torch
from diffusers.hooks import apply_group_offloading
from torch import nn

from core.errors import ConfigurationError
from perception.estimators.dkt.memory import free_bytes

_CPU = torch.device("cpu")
#: RAM left to everything else.
_SPARE_RAM = 4_000_000_000


def demand_device(device: torch.device) -> None:
    """Raises a ConfigurationError where there is no other memory to offload from."""
    if device.type == "cpu":
        raise ConfigurationError(
            "On the CPU there is nothing to offload: the weights are in RAM already.",
            "Leave out --offload, or choose --device cuda.",
        )


def fits(needed: int, device: torch.device) -> bool:
    """Whether the device has that many bytes left; the CPU, whose memory is not counted, always has."""
    return device.type == "cpu" or needed <= free_bytes(device)


def offload_blocks(module: nn.Module, device: torch.device) -> None:
    """Makes a module of `blocks`, in RAM, compute on `device`, each block there only while it is needed.

    The rest of the module comes for each call as a whole. Its `forward` must be what is called.
    """
    streams = device.type == "cuda"
    pinned = streams and has_ram_to_pin(module)
    if pinned:
        for tensor in module.parameters():
            # One at a time: diffusers would pin copies of all of them before it lets the first go.
            tensor.data = tensor.data.pin_memory()
    elif streams:
        logging.getLogger(__name__).warning("RAM is short: the blocks' copies are slower, and not overlapped")
    apply_group_offloading(
        module,
        onload_device=device,
        offload_device=_CPU,
        offload_type="block_level",
        num_blocks_per_group=1,
        use_stream=streams,
        low_cpu_mem_usage=streams and not pinned,
    )


def pinned_bytes(module: nn.Module) -> int:
    """RAM that the module takes once pinned: PyTorch rounds each tensor up to a power of two."""
    return sum(1 << (t.numel() * t.element_size() - 1).bit_length() for t in module.parameters())


def has_ram_to_pin(module: nn.Module) -> bool:
    """Whether the machine has RAM for what pinning takes beyond the weights that are there already."""
    plain = sum(t.numel() * t.element_size() for t in module.parameters())
    return pinned_bytes(module) - plain + _SPARE_RAM <= psutil.virtual_memory().available
