"""The files of one DKT: base transformer, VAE, LoRA and the prompt's embedding, in a folder."""

from dataclasses import dataclass
from pathlib import Path

from core.errors import PerceptionError
from perception.estimators.dkt.safetensors_header import read_header

CONTEXT = "context.safetensors"
TRANSFORMER, VAE, LORA, PROMPT = "transformer", "VAE", "LoRA", "prompt embedding (context)"
_LAYOUT = (
    "It must hold transformer.safetensors (or diffusion_pytorch_model*.safetensors), vae.safetensors (or "
    "Wan2.1_VAE.pth), lora.safetensors and context.safetensors; `python main.py weights fetch dkt-1.3b` makes one."
)


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
