"""Weights that come along with the code, in files that say what they are and prove to be whole."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from core.errors import PerceptionError


def read_tensors(path: Path, format_: str) -> dict[str, Tensor]:
    """The tensors of a file that `tensors_bytes` made.

    Raises:
        PerceptionError: the file is missing, damaged or of another format.
    """
    if not path.is_file():
        raise PerceptionError(f"There are no weights at {path}.", _remedy(path))
    try:
        with safe_open(path, "pt") as file:
            said = (file.metadata() or {}).get("format", "")
            if not said.startswith(_header(format_)):
                raise PerceptionError(f"{path} holds no weights of {format_}.", _remedy(path))
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise PerceptionError(f"{path} is damaged ({error}).", _remedy(path)) from error
    if said != _header(format_) + _digest(tensors):
        raise PerceptionError(f"{path} is damaged (it is not what its checksum says).", _remedy(path))
    return tensors


def fill_network(net: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Raises PerceptionError where the tensors of the file are not this network's."""
    try:
        net.load_state_dict({key: tensor.float() for key, tensor in tensors.items()})
    except RuntimeError as error:
        cause = str(error).splitlines()[-1].strip()
        raise PerceptionError(f"{path} is of another network: {cause}", _remedy(path)) from error


def tensors_bytes(tensors: Mapping[str, Tensor], format_: str) -> bytes:
    """The file."""
    from safetensors.torch import save

    whole = {key: tensor.cpu().contiguous() for key, tensor in tensors.items()}
    return save(whole, {"format": _header(format_) + _digest(whole)})


def _header(format_: str) -> str:
    # One entry: of two, safetensors writes either first.
    return f"{format_}, sha256 "


def _digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over the names, kinds, shapes and bytes of all tensors."""
    sha = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        sha.update(tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return sha.hexdigest()


def _remedy(path: Path) -> str:
    return (
        f"Check {path.name} out again, if it came with the code; if a training run wrote it, the same command, given "
        "once more, writes it anew."
    )
