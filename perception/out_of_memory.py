"""Telling a device whose memory ran out from other failures."""

import torch


def is_out_of_memory(error: Exception) -> bool:
    """Whether memory ran out: the CPU's allocator and cuBLAS raise plain RuntimeErrors."""
    told = ("allocate memory", "CUBLAS_STATUS_ALLOC_FAILED")
    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in told)
