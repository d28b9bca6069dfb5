"""The files of one DKT: base transformer, VAE, LoRA and the prompt's embedding, in a folder."""

from dataclasses import dataclass
from pathlib import Path

from errors import PerceptionError

CONTEXT = "context.safetensors"
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
        raise PerceptionError(f"There is no weights folder {folder}.", "Name one, or run python main.py weights fetch.")
    transformer = sorted(folder.glob("diffusion_pytorch_model*.safetensors"))
    if (folder / "transformer.safetensors").exists():
        transformer = [folder / "transformer.safetensors"]
    vae = [path for name in ("vae.safetensors", "Wan2.1_VAE.pth") if (path := folder / name).exists()]
    context = [path for path in [folder / CONTEXT] if path.exists()]
    lora = _lora(folder, {*transformer, *vae, *context})
    parts = {"transformer": transformer, "VAE": vae, "LoRA": lora, "prompt embedding (context)": context}
    missing = [part for part, files in parts.items() if not files]
    if missing:
        raise PerceptionError(f"{folder} lacks its {', '.join(missing)}.", _LAYOUT)
    if len(lora) > 1:
        names = ", ".join(path.name for path in lora)
        raise PerceptionError(f"{folder} holds several LoRA files ({names}).", "Keep one, or name it lora.safetensors.")
    return DktFiles(folder, tuple(transformer), vae[0], lora[0], context[0])


def _lora(folder: Path, others: set[Path]) -> list[Path]:
    """`lora.safetensors`, else every safetensors file that is nothing else."""
    named = folder / "lora.safetensors"
    return [named] if named.exists() else sorted(set(folder.glob("*.safetensors")) - others)
