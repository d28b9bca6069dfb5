"""`python main.py train dkt`: what people see of a run, and its result."""

from pathlib import Path
from shlex import quote
from typing import Any

from rich.markup import escape

from app.console import Console
from app.machine import describe_device
from app.train.loop import Loop
from perception.learning.training.draws import seen_in_training
from perception.learning.training.loader import naming_lost_readers
from perception.learning.training.run import TrainingRun
from perception.learning.training.settings import TrainingSettings
from perception.learning.training.trainer import make_accelerator


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
            line.detail = _description(run, describe_device(accelerator.device), accelerator.num_processes)
        _begin(run, from_, console)
        loop = Loop(run, console, settings.steps, settings.batch, settings.checkpoint_every)
        with naming_lost_readers():
            loop.run(settings.validate_every, validates_last=True)
        _say_end(run, loop, console)
    finally:
        accelerator.end_training()
    if accelerator.is_main_process:
        console.result(_result(run, loop))
    return 0


def _begin(run: TrainingRun, from_: str, console: Console) -> None:
    checkpoint, changes = run.begin(from_)
    if checkpoint is not None:
        console.say(f"  going on from {checkpoint.folder.name} of {run.settings.steps} steps")
    for change in changes:
        console.say(f"  [yellow]changed since then:[/] {escape(change)}")


def _description(run: TrainingRun, device: str, processes: int) -> str:
    clips = [clip for dataset in run.datasets for clip in dataset.clips]
    shared = seen_in_training(run.validation_clips, run.datasets)
    kept = f"clip(s), {shared} of them seen in training too" if shared else "clip(s) never trained on"
    return (
        f"{run.description}, LoRA of rank {run.settings.rank}; {len(clips)} clip(s) of "
        f"{', '.join(dataset.name for dataset in run.datasets)}; validation on {len(run.validation_clips)} {kept}; "
        f"{processes} x {device}"
    )


def _say_end(run: TrainingRun, loop: Loop, console: Console) -> None:
    done = run.steps_done - loop.began_at
    if done:
        console.say(f"{done} step(s) in {loop.seconds:.1f} s, {loop.speed()}")
    else:
        console.say(f"All {run.steps_done} steps are done already; more with --steps.")
    console.say(f"The LoRA: python main.py depth SOURCE --estimator dkt --weights {escape(quote(str(run.model)))}")


def _result(run: TrainingRun, loop: Loop) -> dict[str, Any]:
    return {
        "out": run.out,
        "model": run.model,
        "base": run.description,
        "steps": run.steps_done,
        "begun_at": loop.began_at,
        "loss": loop.loss,
        "samples_per_s": round(loop.samples_per_s, 3) if loop.loss is not None else None,
        "validation": run.scores,
    }
