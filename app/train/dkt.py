"""`python main.py train dkt`: the loop around a training run, what it shows and how it stops."""

import math
import time
from collections import deque
from dataclasses import asdict
from pathlib import Path
from shlex import quote
from typing import Any

from rich.markup import escape

from app.console import Console
from app.interrupts import Interrupts
from app.machine import describe_device
from perception.learning.training.draws import seen_in_training
from perception.learning.training.loader import naming_lost_readers
from perception.learning.training.log import LogRow
from perception.learning.training.run import TrainingRun
from perception.learning.training.settings import TrainingSettings
from perception.learning.training.tiny import NAME as TINY
from perception.learning.training.trainer import make_accelerator
from perception.learning.training.validation import ClipScore

#: Steps over which speed and loss are averaged for show.
_RECENT = 20
#: A line this often where there is no terminal to draw a bar on [s].
_LINE_EVERY_S = 20.0


def train(settings: TrainingSettings, out: Path, from_: str, as_json: bool) -> int:
    """Trains to settings.steps; 0 when all are done.

    Raises:
        KeyboardInterrupt: after a checkpoint, when Ctrl-C was pressed.
        VitroError: a base, data or checkpoint that cannot be used, a loss that is not finite, a full disk.
    """
    accelerator = make_accelerator(settings)
    console = Console(as_json, is_quiet=not accelerator.is_main_process)
    try:
        with console.stage("load") as line:
            run = TrainingRun(out, settings, accelerator)
            line.detail = _told(run, settings, describe_device(accelerator.device), accelerator.num_processes)
        result = _Loop(run, settings, console).to_the_end(from_)
    finally:
        accelerator.end_training()
    if accelerator.is_main_process:
        console.result(result)
    return 0


class _Loop:
    """Steps, checkpoints and validations in their turn."""

    def __init__(self, run: TrainingRun, settings: TrainingSettings, console: Console) -> None:
        self._run, self._settings, self._console = run, settings, console
        self._recent: deque[LogRow] = deque(maxlen=_RECENT)
        self._scores: list[ClipScore] = []
        self._saved_at = -1

    def to_the_end(self, from_: str) -> dict[str, Any]:
        """The result as JSON has it."""
        run, settings, console = self._run, self._settings, self._console
        checkpoint, changed = run.begin(from_)
        begun_at = run.trainer.steps_done
        if checkpoint is not None:
            self._saved_at = begun_at
            console.say(f"  going on from {checkpoint.folder.name} of {settings.steps} steps")
            for what in changed:
                console.say(f"  [yellow]changed since then:[/] {escape(what)}")
        began_s = time.monotonic()
        with Interrupts() as interrupts, naming_lost_readers():
            interrupts.emergency = _stop_now
            self._work(interrupts)
        if run.trainer.steps_done != self._saved_at:
            self._save()
        seconds = time.monotonic() - began_s
        self._tell_end(begun_at, seconds)
        return self._result(begun_at, seconds)

    def _work(self, interrupts: Interrupts) -> None:
        run, settings = self._run, self._settings
        shown_s = time.monotonic()
        with self._console.steps_bar("steps", settings.steps, run.trainer.steps_done) as show:
            while run.trainer.steps_done < settings.steps:
                report = run.trainer.step(interrupts.stop_requested)
                self._recent.append(run.record(report))
                show(report.step, self._now())
                if not self._console.is_terminal and time.monotonic() - shown_s > _LINE_EVERY_S:
                    shown_s = time.monotonic()
                    self._console.say(f"  step {report.step} of {settings.steps}  {self._now()}, {self._left()} left")
                is_due = report.step % settings.checkpoint_every == 0
                if is_due or report.stop:
                    self._save()
                if report.stop:
                    self._console.say(f"  stopped after step {report.step}; the same command goes on there")
                    raise KeyboardInterrupt
                if self._is_time_to_validate(report.step):
                    self._validate()

    def _is_time_to_validate(self, step: int) -> bool:
        every = self._settings.validate_every
        return bool(every) and (step % every == 0 or step == self._settings.steps)

    def _validate(self) -> None:
        step = self._run.trainer.steps_done
        with self._console.frames_bar("validate") as show:
            self._scores = self._run.validate(lambda done, of: show(done, of))
        for score in self._scores:
            told = score.metrics.get("all")
            if told:
                self._console.say(
                    f"  validation at step {step}, {escape(score.clip)} ({score.frames} frames): "
                    f"REL {100 * told['rel']:.2f} %, δ1.05 {100 * told['delta_1.05']:.1f} %"
                )

    def _save(self) -> None:
        self._run.save()
        self._saved_at = self._run.trainer.steps_done

    def _now(self) -> str:
        """Loss and speed over the last steps."""
        rows = self._recent
        seconds, samples = sum(row.seconds for row in rows), self._settings.batch * len(rows)
        frames = sum(self._settings.batch * row.frames for row in rows)
        loss = sum(row.loss for row in rows) / len(rows)
        return f"loss {loss:.4f}  {samples / seconds:.2f} samples/s  {frames / seconds:.2f} frames/s"

    def _left(self) -> str:
        rows = self._recent
        left_s = sum(row.seconds for row in rows) / len(rows) * (self._settings.steps - rows[-1].step)
        return f"{left_s / 3600:.1f} h" if left_s > 5400 else f"{left_s / 60:.1f} min"

    def _tell_end(self, begun_at: int, seconds: float) -> None:
        run, done = self._run, self._run.trainer.steps_done
        if done == begun_at:
            self._console.say(f"All {done} steps are done already; more with --steps.")
        else:
            self._console.say(f"{done - begun_at} step(s) in {seconds:.1f} s, {self._now()}")
        self._console.say(
            f"The LoRA: python main.py depth SOURCE --estimator dkt --weights {escape(quote(str(run.model)))}"
        )

    def _result(self, begun_at: int, seconds: float) -> dict[str, Any]:
        run, rows = self._run, list(self._recent)
        return {
            "out": str(run.out),
            "model": str(run.model),
            "base": _base_name(run, self._settings),
            "steps": run.trainer.steps_done,
            "begun_at": begun_at,
            "loss": sum(row.loss for row in rows) / len(rows) if rows else None,
            "samples_per_s": round(self._settings.batch * (run.trainer.steps_done - begun_at) / seconds, 3)
            if rows
            else None,
            "validation": [_finite(asdict(score)) for score in self._scores],
        }


def _told(run: TrainingRun, settings: TrainingSettings, device: str, processes: int) -> str:
    clips = [clip for dataset in run.datasets for clip in dataset.clips]
    shared = seen_in_training(run.validation_clips, run.datasets)
    kept = f"clip(s), {shared} of them seen in training too" if shared else "clip(s) never trained on"
    return (
        f"{_base_name(run, settings)}, LoRA of rank {settings.rank}; {len(clips)} clip(s) of "
        f"{', '.join(dataset.name for dataset in run.datasets)}; validation on {len(run.validation_clips)} {kept}; "
        f"{processes} x {device}"
    )


def _base_name(run: TrainingRun, settings: TrainingSettings) -> str:
    return TINY if settings.base == "tiny" else f"DKT base {run.base_name} of {settings.weights}"


def _finite(value: Any) -> Any:
    """JSON has no NaN: None instead."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _stop_now() -> None:
    raise KeyboardInterrupt
