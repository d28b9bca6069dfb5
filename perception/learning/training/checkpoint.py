"""Checkpoints: whole or not there, checked before they are used, and of this very model or refused."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from core.errors import TrainingError
from core.files import demand_inside, sync_files, writing_archive
from core.text_file import read_json
from core.threads import fix_threads
from core.work import changes
from perception.learning.training.lora import lora_bytes, lora_tensors, put_lora
from perception.learning.training.trainer import Trainer

MANIFEST, LORA = "checkpoint.json", "lora.safetensors"
_FORMAT = "vitro-dkt-training"


@dataclass(frozen=True)
class StepCheckpoint:
    """A checkpoint's folder and what its manifest says.

    identity: of the model (`model_identity`). settings: the run's, as JSON. sampler: its state.
    threads: that computed it (0: written before this was kept).
    """

    folder: Path
    step: int
    identity: Mapping[str, Any]
    settings: Mapping[str, Any]
    sampler: Mapping[str, Any]
    threads: int = 0


class Checkpoints:
    """The checkpoints of a run: `step-000100` and so on in one folder, the last `keep` of them."""

    def __init__(self, folder: Path, keep: int) -> None:
        self.folder, self._keep = folder, keep

    def there(self) -> list[Path]:
        return sorted(path for path in self.folder.glob("step-*") if path.is_dir())

    def save(self, trainer: Trainer, identity: Mapping[str, Any]) -> Path:
        """Writes one beside the others, gives it its name once it is on disk, and drops the oldest.

        All processes call it together.

        Raises:
            StorageError: the disk takes no more; the earlier checkpoints are untouched.
        """
        accelerator = trainer.accelerator
        folder = self.folder / f"step-{trainer.steps_done:06d}"
        partial = self.folder / f".{folder.name}.partial"
        then = "the earlier ones are kept (fewer with a smaller --keep), and it goes on from the last one"
        try:
            with writing_archive(self.folder, then):
                if accelerator.is_main_process:
                    shutil.rmtree(partial, ignore_errors=True)
                    partial.mkdir(parents=True)
                accelerator.wait_for_everyone()
                _save_state(trainer, partial)
                accelerator.wait_for_everyone()
                if accelerator.is_main_process:
                    _write_manifest(partial, trainer, identity)
                    sync_files(partial.iterdir())
                    shutil.rmtree(folder, ignore_errors=True)
                    partial.rename(folder)
                    for old in self.there()[: -self._keep]:
                        shutil.rmtree(old)
                accelerator.wait_for_everyone()
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        return folder

    def newest(self, identity: Mapping[str, Any]) -> StepCheckpoint | None:
        """The last one, checked as `at`; None where there is none."""
        folders = self.there()
        return self.at(folders[-1], identity) if folders else None

    def at(self, folder: Path, identity: Mapping[str, Any]) -> StepCheckpoint:
        """The one in `folder`, every byte of it checked.

        Raises:
            TrainingError: it is damaged (the one before it is named), or of another model.
        """
        earlier = [path for path in self.there() if path.name < folder.name]
        remedy = (
            f"The one before it is {earlier[-1].name}: go on there with --from {earlier[-1].name}."
            if earlier
            else "There is none before it: begin anew in another --out."
        )
        checkpoint = _read(folder, remedy)
        differs = changes(checkpoint.identity, identity, "{key} {before} there, {now} here")
        if differs:
            raise TrainingError(
                f"{folder} is of another model: {'; '.join(differs)}.",
                "Train on the base and rank that it was made with, or begin anew in another --out.",
            )
        return checkpoint

    def drop_after(self, checkpoint: StepCheckpoint) -> None:
        """Removes later ones: the run goes on before them, and they are of a way not taken."""
        for path in self.there():
            if path.name > checkpoint.folder.name:
                shutil.rmtree(path)


def restore(trainer: Trainer, checkpoint: StepCheckpoint) -> None:
    """Weights, optimizer, generators and place in the data as they were; the next step is the one that followed."""
    accelerator = trainer.accelerator
    fix_threads(checkpoint.threads)
    hook = accelerator.register_load_state_pre_hook(lambda models, folder: models.clear())
    try:
        accelerator.load_state(str(checkpoint.folder))
    finally:
        hook.remove()
    # It counts samples towards a step; a checkpoint lies between two, for any number of processes.
    accelerator.step = 0
    put_lora(trainer.transformer, load_file(checkpoint.folder / LORA))
    trainer.start(checkpoint.step)


def model_identity(base: Mapping[str, Any], trainer: Trainer) -> dict[str, Any]:
    """What two runs must agree in to go on from each other's checkpoints."""
    shapes = {key: list(tensor.shape) for key, tensor in lora_tensors(trainer.transformer).items()}
    digest = hashlib.sha256(json.dumps(shapes, sort_keys=True).encode()).hexdigest()[:16]
    return {**base, "LoRA rank": trainer.settings.rank, "LoRA modules": len(shapes) // 2, "LoRA shapes": digest}


def _save_state(trainer: Trainer, folder: Path) -> None:
    """Optimizer and every process's generators by `accelerate`; of the model the LoRA alone, not the frozen base."""
    accelerator = trainer.accelerator
    hook = accelerator.register_save_state_pre_hook(lambda models, weights, output: weights.clear())
    try:
        accelerator.save_state(str(folder))
    finally:
        hook.remove()
    if accelerator.is_main_process:
        (folder / LORA).write_bytes(lora_bytes(trainer.transformer))


def _write_manifest(folder: Path, trainer: Trainer, identity: Mapping[str, Any]) -> None:
    files = {path.name: [path.stat().st_size, _digest(path)] for path in sorted(folder.iterdir())}
    manifest = {
        "format": _FORMAT,
        "version": 1,
        "step": trainer.steps_done,
        "sampler": trainer.sampler.state(trainer.steps_done),
        "identity": dict(identity),
        "settings": trainer.settings.model_dump(mode="json"),
        "threads": fix_threads(),
        "files": files,
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")


def _read(folder: Path, remedy: str) -> StepCheckpoint:
    """Raises TrainingError where a file is missing, cut off or changed."""
    try:
        manifest = read_json(folder / MANIFEST)
        files = {name: (int(size), str(digest)) for name, (size, digest) in manifest["files"].items()}
        demand_inside(*files)
        read = StepCheckpoint(
            folder,
            int(manifest["step"]),
            dict(manifest["identity"]),
            dict(manifest["settings"]),
            dict(manifest["sampler"]),
            int(manifest.get("threads", 0)),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrainingError(f"{folder / MANIFEST} is missing or damaged.", remedy) from error
    for name, (size, digest) in files.items():
        path = folder / name
        if not path.is_file():
            raise TrainingError(f"{path} is missing.", remedy)
        if (has := path.stat().st_size) != size:
            raise TrainingError(f"{path} is cut off: {has} of {size} bytes.", remedy)
        if _digest(path) != digest:
            raise TrainingError(f"{path} is damaged: its bytes are not those that were written.", remedy)
    return read


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
