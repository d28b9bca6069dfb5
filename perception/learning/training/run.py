"""A training run in a folder: what it begins from, what it leaves, and how it goes on."""

import errno
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import torch
import yaml
from accelerate import Accelerator

from core.errors import TrainingError
from core.files import writing
from core.json_values import to_json
from core.work import changes, write_whole
from perception.learning.datasets.base import Dataset, DatasetClip, open_dataset
from perception.learning.training.base import TINY, BaseFiles, find_base, load_base, write_tiny_base
from perception.learning.training.checkpoint import Checkpoints, StepCheckpoint, model_identity, restore
from perception.learning.training.draws import Sampler, split
from perception.learning.training.files import GOES_ON, LogRow, TrainingLog, hold_run
from perception.learning.training.lora import lora_bytes, put_lora, read_lora
from perception.learning.training.settings import TrainingSettings
from perception.learning.training.trainer import LEVELS, Trainer
from perception.learning.training.validation import ClipScore, Progress, validate

#: Settings that change nothing of what is computed, or that may change between two parts of a run.
_FREE = {"steps", "workers", "keep", "checkpoint_every", "validate_every", "device"}
#: What a file system without symbolic links answers.
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS}


class TrainingRun:
    """Everything of a run but the loop around it. Only the main process writes, but for checkpoints.

    In `out`: settings.yaml, log.csv, loss.png, validation/step-N/ (scores.json, pictures), checkpoints/step-N/,
    and model/, a weights folder as `python main.py depth --estimator dkt --weights` takes it.
    """

    is_over, seconds_left = False, math.inf

    def __init__(self, out: Path, settings: TrainingSettings, accelerator: Accelerator) -> None:
        """Reads data and base, and builds the trainer.

        Raises:
            DatasetError: a data set that is missing or laid out otherwise.
            PerceptionError: a base that is missing, damaged, or no DKT's.
            TrainingError: another run works in `out`, or no clip is long enough.
        """
        self.out, self.settings, self._is_main = out, settings, accelerator.is_main_process
        self.lost_steps, self.scores = 0, list[ClipScore]()
        given = [_opened(entry) for entry in settings.data]
        if settings.validation:
            self.datasets = given
            pool = [clip for entry in settings.validation for clip in _opened(entry).clips]
            self.validation_clips: list[DatasetClip] = pool[:: max(1, len(pool) // settings.validation_clips)]
            self.validation_clips = self.validation_clips[: settings.validation_clips]
        else:
            self.datasets, self.validation_clips = split(given, settings.validation_clips)
        sampler = Sampler(self.datasets, settings.longest, settings.seed, LEVELS)
        self._lock = hold_run(out) if self._is_main else None
        base_folder = settings.weights or out / "base"
        if settings.weights is None:
            if self._is_main and not base_folder.is_dir():
                write_tiny_base(base_folder)
            accelerator.wait_for_everyone()
        self._base = find_base(base_folder)
        dtype = torch.bfloat16 if accelerator.mixed_precision == "bf16" else torch.float32
        base = load_base(self._base, dtype, accelerator.device)
        self.description = TINY if settings.base else f"DKT base {base.name} of {settings.weights}"
        self.trainer = Trainer(accelerator, base, self.datasets, sampler, settings)
        self._identity = model_identity(self._base.identity(), self.trainer)
        #: The weights folder with the LoRA as it was last written.
        self.model = out / "model"
        self.checkpoints = Checkpoints(out / "checkpoints", settings.keep)
        self.log = TrainingLog(out / "log.csv")

    def begin(self, from_: str = "") -> tuple[StepCheckpoint | None, list[str]]:
        """Goes on from the last checkpoint, from the one called `from_`, or begins; and what has changed since.

        Raises:
            PerceptionError: a LoRA to begin from that is damaged, or of another model.
            TrainingError: a checkpoint that is damaged, missing, or of another model.
        """
        known, folder, changed = self.checkpoints, self.checkpoints.folder / from_, list[str]()
        if from_ and not folder.is_dir():
            there = ", ".join(path.name for path in known.there()) or "none"
            raise TrainingError(f"There is no checkpoint {from_} in {self.out}.", f"There are: {there}.")
        checkpoint = known.at(folder, self._identity) if from_ else known.newest(self._identity)
        if checkpoint is not None:
            restore(self.trainer, checkpoint)
            changed = self._changes(checkpoint)
        elif self.settings.init_lora is not None:
            put_lora(self.trainer.transformer, read_lora(self.settings.init_lora, self.trainer.transformer))
        if self._is_main:
            if checkpoint is not None:
                known.drop_after(checkpoint)
            content = yaml.safe_dump(self.settings.model_dump(mode="json"), sort_keys=False)
            write_whole(self.out / "settings.yaml", content.encode(), GOES_ON)
            self.lost_steps = self.log.begin(self.steps_done)
        return checkpoint, changed

    @property
    def steps_done(self) -> int:
        return self.trainer.steps_done

    @property
    def is_stopping(self) -> bool:
        return self.trainer.is_stopping

    def step(self, should_stop: Callable[[], bool] = lambda: False) -> LogRow:
        row = self.trainer.step(should_stop)
        if self._is_main:
            self.log.add(row)
        return row

    def save(self) -> Path:
        """A checkpoint, the LoRA for inference, and the loss's picture. All processes call it together."""
        folder = self.checkpoints.save(self.trainer, self._identity)
        if self._is_main:
            publish_model(self.model, self._base, self.trainer.transformer)
            self.log.draw(self.out / "loss.png")
        return folder

    def validate(self, show: Progress) -> list[str]:
        """Scores the fixed clips with the LoRA as it is now; all processes call it, the main one works."""
        accelerator, step = self.trainer.accelerator, self.steps_done
        if self._is_main:
            publish_model(self.model, self._base, self.trainer.transformer)
            out = self.out / "validation" / f"step-{step:06d}"
            shutil.rmtree(out, ignore_errors=True)
            self.scores = validate(self.model, self.validation_clips, self.settings, accelerator.device, out, show)
            content = to_json({"step": step, "clips": self.scores}, indent=2) + "\n"
            write_whole(out / "scores.json", content.encode(), GOES_ON)
        accelerator.wait_for_everyone()
        return [f"validation at step {step}, {score.describe()}" for score in self.scores if "all" in score.metrics]

    def _changes(self, checkpoint: StepCheckpoint) -> list[str]:
        """Settings and data that are not those of the checkpoint: the run goes on, but not as it would have."""
        now = self.settings.model_dump(mode="json", exclude=_FREE)
        before = {key: checkpoint.settings.get(key) for key in now}
        changed = changes(before, now, "{key} was {before}, is {now}")
        if checkpoint.sampler.get("data") != self.trainer.sampler.state(0)["data"]:
            changed.append("the data sets hold other clips")
        return changed


def publish_model(folder: Path, base: BaseFiles, transformer: torch.nn.Module) -> None:
    """A weights folder for inference: links to the base's files, and the LoRA. Raises as `link_whole`."""
    files = base.files
    dims = [path for name in ("dims.json", "config.json") if (path := files.folder / name).exists()]
    for path in (*files.transformer, files.vae, files.context, *dims):
        link_whole(folder / path.name, path)
    write_whole(folder / "lora.safetensors", lora_bytes(transformer), GOES_ON)


def link_whole(link: Path, target: Path) -> None:
    """Replaces a link to a file; one to what lies in the link's run stays right when the run's folder is moved.

    Raises:
        StorageError: as `write_whole`.
        TrainingError: the disk takes no links.
    """
    target, folder = target.resolve(), link.parent
    with writing(link, GOES_ON):
        folder.mkdir(parents=True, exist_ok=True)
        is_inside = target.is_relative_to(folder.parent.resolve())
        to = Path(os.path.relpath(target, folder.resolve())) if is_inside else target
        if link.is_symlink() and link.readlink() == to:
            return
        partial = link.with_name(f".{link.name}.partial")
        partial.unlink(missing_ok=True)
        try:
            partial.symlink_to(to)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            remedy = f"exFAT and FAT take none: move {folder.parent} to a disk that does, and go on there."
            raise TrainingError(f"The disk of {link} takes no symbolic links.", remedy) from error
        partial.replace(link)


def _opened(entry: str) -> Dataset:
    kind, _, root = entry.partition("=")
    # However a folder is named, its clips' stamps are the same.
    return open_dataset(kind, Path(root).expanduser().resolve())
