"""What a DKT needs of a device's memory beside its weights, from shapes alone."""

import gc
from math import prod

import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from torch import nn

#: Values that a block holds at its fullest, for each channel of each token of a window. Counted on the
#: very code with tensors of no content: 11.8 folded, 11.2 exact (14B, bfloat16), 14.0 at most (1.3B).
BLOCK_VALUES = 15
#: Values that the VAE keeps between frames and needs for the next, for each pixel and channel of its
#: widest maps; counted likewise: 68.
VAE_VALUES = 70
#: The allocator rounds and splits: memory that is taken but not used. An assumption, not a measurement.
SLACK = 1.15


def weight_bytes(module: nn.Module, elsewhere_than: torch.device | None = None) -> int:
    """Bytes of parameters and buffers, or of those alone that another device holds."""
    tensors = [*module.parameters(), *module.buffers()]
    return sum(t.numel() * t.element_size() for t in tensors if elsewhere_than is None or t.device != elsewhere_than)


def working_bytes(transformer: WanTransformer3DModel, vae: AutoencoderKLWan, size: tuple[int, int], window: int) -> int:
    """What a window of `window` latents takes at size (width, height) [px], all weights aside."""
    width, height = size
    config, itemsize = transformer.config, transformer.patch_embedding.weight.element_size()
    tokens = window * (height // 8) * (width // 8) // prod(config.patch_size)
    block = BLOCK_VALUES * tokens * config.num_attention_heads * config.attention_head_dim
    frames = VAE_VALUES * width * height * vae.config.base_dim
    return round(SLACK * itemsize * (block + frames))


def free_bytes(device: torch.device) -> int:
    """What the device has left, memory that PyTorch only keeps for later counted as free."""
    gc.collect()
    torch.cuda.empty_cache()
    return torch.cuda.mem_get_info(device)[0]
