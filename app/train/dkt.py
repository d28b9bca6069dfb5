"""`python main.py train dkt`: what people see of a run, and its result."""

from shlex import quote
from typing import Any

from app.console import Console
from app.machine import describe_device
from app.train.loop import Loop
from app.train.options import TrainDktOptions
from core.report.words import counted
from perception.learning.training.draws import seen_in_training
from perception.learning.training.loader import naming_lost_readers
from perception.learning.training.run import TrainingRun
from perception.learning.training.settings import TrainingSettings, read_settings
from perception.learning.training.trainer import make_accelerator


def train(options: TrainDktOptions) -> int:
    """Trains to the settings' steps, of a file and of options, which are None where not given; 0 when all are done.

    Raises:
        KeyboardInterrupt: after a checkpoint, when Ctrl-C was pressed.
        VitroError: a base, data or checkpoint that cannot be used, a loss that is not finite, a full disk.
    """
    given = {name: value for name, value in vars(options).items() if name in TrainingSettings.model_fields}
    settings = read_settings(options.config, {name: value for name, value in given.items() if value != []})
    accelerator = make_accelerator(settings)
    console = Console(options.as_json, is_quiet=not accelerator.is_main_process)
    try:
        with console.stage("load") as line:
            run = TrainingRun(options.out, settings, accelerator)
            line.detail = _description(run, describe_device(accelerator.device), accelerator.num_processes)
        checkpoint, changes = run.begin(options.from_)
        if checkpoint is not None:
            console.say(f"  going on from {checkpoint.folder.name} of {settings.steps} steps")
        for change in changes:
            console.say(f"  [yellow]changed since then:[/] {change}")
        loop = Loop(run, console, settings.steps, settings.batch, settings.checkpoint_every)
        with naming_lost_readers():
            loop.run(settings.validate_every, validates_last=True)
        if done := run.steps_done - loop.began_at:
            console.say(f"{counted(done, 'step')} in {loop.seconds:.1f} s, {loop.speed()}")
        else:
            console.say(f"All {run.steps_done} steps are done already; more with --steps.")
        console.say(f"The LoRA: python main.py depth SOURCE --estimator dkt --weights {quote(str(run.model))}")
    finally:
        accelerator.end_training()
    if accelerator.is_main_process:
        console.result(_result(run, loop))
    return 0


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


def _description(run: TrainingRun, device: str, processes: int) -> str:
    clips = [clip for dataset in run.datasets for clip in dataset.clips]
    shared = seen_in_training(run.validation_clips, run.datasets)
    held_out = counted(len(run.validation_clips), "clip")
    kept = f"{held_out}, {shared} of them seen in training too" if shared else f"{held_out} never trained on"
    return (
        f"{run.description}, LoRA of rank {run.settings.rank}; {counted(len(clips), 'clip')} of "
        f"{', '.join(dataset.name for dataset in run.datasets)}; validation on {kept}; "
        f"{processes} x {device}"
    )
