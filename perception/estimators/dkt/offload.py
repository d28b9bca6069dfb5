"""What a DKT takes of a device's memory, and a transformer too large for it: blocks come one ahead of their turn.

diffusers' group offloading does it: while a block computes, the next one's weights are copied on a
second stream, so that two blocks at most are on the device. A window of 21 latents computes longer on
a block than its copy takes; a single frame waits for the copies.
"""

import gc
import logging
from math import prod

import psutil
import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from diffusers.hooks import apply_group_offloading
from torch import nn

from core.errors import ConfigurationError

#: Values that a block holds at its fullest for each token of a window: in attention, in channels; in the
#: feed-forward, whose hidden values are there twice, in channels beside them. Like those below counted on
#: the very code, with tensors of no content: 11.2 to 13.1 channels (14B), 6 beside the hidden ones (1.3B).
ATTENTION_CHANNELS, FEED_CHANNELS = 14, 6
#: Values that the VAE keeps from frame to frame, and holds at its fullest, for each pixel and channel of
#: its widest maps: 39.4 and 67.5.
VAE_KEEPS, VAE_HOLDS = 40, 70
#: The allocator rounds and splits: memory that is taken but not used. An assumption, not a measurement.
SLACK = 1.15


def weight_bytes(module: nn.Module, outside: torch.device | None = None) -> int:
    """Bytes of parameters and buffers, or of those alone that lie outside a device."""

    def counts(tensor: torch.Tensor) -> bool:
        if outside is None or tensor.device.type != outside.type:
            return True
        return outside.index not in (None, tensor.device.index)  # a device without a number is any of its kind

    return sum(t.numel() * t.element_size() for t in [*module.parameters(), *module.buffers()] if counts(t))


def working_bytes(transformer: WanTransformer3DModel, vae: AutoencoderKLWan, size: tuple[int, int], window: int) -> int:
    """What windows of `window` latents take at size (width, height) [px], all weights aside."""
    width, height = size
    config, itemsize = transformer.config, transformer.patch_embedding.weight.element_size()
    tokens = window * (height // 8) * (width // 8) // prod(config.patch_size)
    channels = config.num_attention_heads * config.attention_head_dim
    block = tokens * max(ATTENTION_CHANNELS * channels, FEED_CHANNELS * channels + 2 * config.ffn_dim)
    frame = width * height * vae.config.base_dim
    return round(SLACK * itemsize * max(block + VAE_KEEPS * frame, VAE_HOLDS * frame))


def free_bytes(device: torch.device) -> int:
    """What the device has left, memory that PyTorch only keeps for later counted as free."""
    gc.collect()
    torch.cuda.empty_cache()
    return torch.cuda.mem_get_info(device)[0]


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
