"""The files of one DKT in a folder: base transformer, VAE, LoRA and prompt; what each holds, by its header alone."""

import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import PerceptionError
from core.text_file import MOST_JSON_BYTES, parse_json

if TYPE_CHECKING:
    from torch import Tensor

CONTEXT = "context.safetensors"
TRANSFORMER, VAE, LORA, PROMPT = "transformer", "VAE", "LoRA", "prompt embedding (context)"
_LAYOUT = (
    "It must hold transformer.safetensors (or diffusion_pytorch_model*.safetensors), vae.safetensors (or "
    "Wan2.1_VAE.pth), lora.safetensors and context.safetensors; `python main.py weights fetch dkt-1.3b` makes one."
)
_MAX_HEADER_BYTES = MOST_JSON_BYTES
_REMEDY = "Copy or fetch it again (python main.py weights where says how), then: python main.py weights verify."
_FETCH = "Fetch the weights again."


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
        entries = {name: entry for name, entry in parse_json(text).items() if name != "__metadata__"}
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


def read_pth(file: Path) -> "dict[str, Tensor]":
    """The tensors by name, mapped rather than copied where the file's form allows it.

    Raises:
        PerceptionError: the file is damaged, holds more than tensors, or none by name.
    """
    from torch import Tensor

    try:
        loaded = _load(file)
    except Exception as error:  # torch raises whatever its archive or pickle reader met
        # Below its first lines torch advises programmers.
        said = " ".join(str(error).split("\n")[0].split())[:200].rstrip(".")
        raise PerceptionError(f"{file} ({_size(file)} bytes) is damaged: {said}.", _FETCH) from error
    tensors = loaded.get("model_state", loaded) if isinstance(loaded, dict) else {}
    is_sound = isinstance(tensors, dict) and tensors and all(isinstance(t, Tensor) for t in tensors.values())
    if not is_sound:
        raise PerceptionError(f"{file} ({_size(file)} bytes) holds no tensors by name.", _FETCH)
    return tensors


def _load(file: Path) -> object:
    import torch

    try:
        return torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    except RuntimeError as error:
        if "mmap" not in str(error):
            raise
        # Files older than PyTorch 1.6 are no archives, and cannot be mapped.
        return torch.load(file, map_location="cpu", weights_only=True)


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


@dataclass(frozen=True)
class DktFiles:
    """Where each part lies; a transformer may be split over several files."""

    folder: Path
    transformer: tuple[Path, ...]
    vae: Path
    lora: Path
    context: Path


def find_files(folder: Path) -> DktFiles:
    """The parts in `folder`, under the names of the release or those of Vitro.

    Raises:
        PerceptionError: no such folder, or parts that are missing or not to be told apart; all are named.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise PerceptionError(
            f"There is no weights folder {folder}.",
            "Name one with --weights, or: python main.py weights fetch dkt-1.3b (weights where lists all models).",
        )
    parts = find_parts(folder)
    missing = [name for name, files in parts.items() if not files]
    if missing:
        raise PerceptionError(f"{folder} lacks its {', '.join(missing)}.", _LAYOUT)
    if len(parts[LORA]) > 1:
        names = ", ".join(path.name for path in parts[LORA])
        raise PerceptionError(f"{folder} holds several LoRA files ({names}).", "Keep one, or name it lora.safetensors.")
    return DktFiles(folder, tuple(parts[TRANSFORMER]), parts[VAE][0], parts[LORA][0], parts[PROMPT][0])


def find_parts(folder: Path) -> dict[str, list[Path]]:
    """What could be each part of a DKT in `folder`; none for one that is missing."""
    transformer = sorted(folder.glob("diffusion_pytorch_model*.safetensors"))
    if (folder / "transformer.safetensors").exists():
        transformer = [folder / "transformer.safetensors"]
    vae = [path for name in ("vae.safetensors", "Wan2.1_VAE.pth") if (path := folder / name).exists()]
    prompt = [path for path in [folder / CONTEXT] if path.exists()]
    lora = _lora(folder, {*transformer, *vae, *prompt})
    return {TRANSFORMER: transformer, VAE: vae, LORA: lora, PROMPT: prompt}


def _lora(folder: Path, others: set[Path]) -> list[Path]:
    """`lora.safetensors`, else every safetensors file that is nothing else and holds LoRA's tensors."""
    named = folder / "lora.safetensors"
    if named.exists():
        return [named]
    return [path for path in sorted(set(folder.glob("*.safetensors")) - others) if _may_be_lora(path)]


def _may_be_lora(path: Path) -> bool:
    """A file that cannot be read may be one too: it is named when it is opened."""
    try:
        return any(".lora_" in name for name in read_header(path))
    except PerceptionError:
        return True
