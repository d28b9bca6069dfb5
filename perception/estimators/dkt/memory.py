"""What a DKT needs of a device's memory beside its weights, from shapes alone."""

import gc
from math import prod

import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from torch import nn

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
    tensors = [*module.parameters(), *module.buffers()]
    return sum(t.numel() * t.element_size() for t in tensors if outside is None or not _is_on(t, outside))


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


def _is_on(tensor: torch.Tensor, device: torch.device) -> bool:
    """A device without a number is any of its kind."""
    return tensor.device.type == device.type and device.index in (None, tensor.device.index)
