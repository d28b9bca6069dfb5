"""What a safetensors file holds, from its header alone: names, shapes, types, and whether it is whole."""

import json
import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path

from core.errors import PerceptionError

_MAX_HEADER_BYTES = 100_000_000
_REMEDY = "Copy or fetch it again (python main.py weights where says how), then: python main.py weights verify."


@dataclass(frozen=True)
class TensorInfo:
    """One tensor of a file: its shape, its type as safetensors names it (`F32`, `BF16`, ...)."""

    file: Path
    shape: tuple[int, ...]
    dtype: str


def read_header(file: Path) -> dict[str, TensorInfo]:
    """The tensors of a file by name.

    Raises:
        PerceptionError: no such file, one that is cut off or too long, or no safetensors at all.
    """
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            start = stream.read(8)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else _MAX_HEADER_BYTES + 1
            text = stream.read(length) if length <= _MAX_HEADER_BYTES else b""
    except OSError as error:
        raise PerceptionError(f"{file} cannot be read ({error.strerror}).", _REMEDY) from error
    if length > _MAX_HEADER_BYTES:
        raise PerceptionError(f"{file} ({size} bytes) is no safetensors file.", _REMEDY)
    if len(text) < length:
        raise PerceptionError(f"{file} is cut off: {size} bytes, its header alone takes {8 + length}.", _REMEDY)
    try:
        entries = {name: entry for name, entry in json.loads(text).items() if name != "__metadata__"}
        tensors = {
            name: TensorInfo(file, tuple(int(n) for n in entry["shape"]), str(entry["dtype"]))
            for name, entry in entries.items()
        }
        end = max((int(entry["data_offsets"][1]) for entry in entries.values()), default=0)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise PerceptionError(f"{file} is no safetensors file: its header makes no sense.", _REMEDY) from error
    expected = 8 + length + end
    if size != expected:
        what = "cut off" if size < expected else "longer than its header says"
        raise PerceptionError(f"{file} is {what}: {size} bytes, {expected} expected.", _REMEDY)
    return tensors


def parameters(tensors: dict[str, TensorInfo]) -> int:
    """How many numbers the tensors hold."""
    return sum(prod(info.shape) for info in tensors.values())
