"""Tensors of a PyTorch pickle (.pth), the form in which the release has its VAE and its text encoder."""

import pickle
from pathlib import Path

import torch
from torch import Tensor

from core.errors import PerceptionError

_REMEDY = "Fetch the weights again."


def read_pth(file: Path) -> dict[str, Tensor]:
    """The tensors by name, mapped rather than copied where the file's form allows it.

    Raises:
        PerceptionError: the file is damaged, holds more than tensors, or none by name.
    """
    try:
        loaded = _load(file)
    except (OSError, RuntimeError, pickle.UnpicklingError, EOFError, ValueError, KeyError) as error:
        # Below its first lines torch advises programmers.
        said = " ".join(str(error).split("\n")[0].split())[:200].rstrip(".")
        raise PerceptionError(f"{file} ({_size(file)} bytes) is damaged: {said}.", _REMEDY) from error
    tensors = loaded.get("model_state", loaded) if isinstance(loaded, dict) else {}
    is_sound = isinstance(tensors, dict) and tensors and all(isinstance(t, Tensor) for t in tensors.values())
    if not is_sound:
        raise PerceptionError(f"{file} ({_size(file)} bytes) holds no tensors by name.", _REMEDY)
    return tensors


def _load(file: Path) -> object:
    try:
        return torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    except RuntimeError as error:
        if "mmap" not in str(error):
            raise
        # Files older than PyTorch 1.6 are no archives, and cannot be mapped.
        return torch.load(file, map_location="cpu", weights_only=True)


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0
