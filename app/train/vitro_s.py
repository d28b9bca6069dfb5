"""`python main.py train vitro-s`: what people see of a run, and its result."""

from pathlib import Path

from rich.markup import escape

from app.console import Console
from app.train.loop import Loop
from perception.learning.training.files import hold_run
from perception.learning.vitro_s.settings import VitroSettings
from perception.learning.vitro_s.training import WEIGHTS, VitroTraining


def train(out: Path, settings: VitroSettings, checkpoint_every: int, as_json: bool) -> int:
    """Trains to settings.steps and writes the weights; 0 when done.

    Raises:
        KeyboardInterrupt: after a checkpoint, when Ctrl-C was pressed.
        VitroError: data or a checkpoint that cannot be used, a loss that is not finite, a full disk.
    """
    console = Console(as_json)
    with hold_run(out):
        run = _loaded(out, settings, console)
        loop = Loop(run, console, settings.steps, settings.batch, checkpoint_every)
        try:
            loop.run(checkpoint_every, validates_last=False)
        finally:
            run.close()
        with console.frames_bar("calibrate") as show:
            scores = run.finish(lambda done, of: show(done, of))
    console.say(f"  {scores.describe(run.steps_done)}")
    console.say(f"The weights: {escape(str(out / WEIGHTS))}")
    speed = round(loop.samples_per_s, 2)
    result = {"weights": out / WEIGHTS, "steps": run.steps_done, "begun_at": loop.began_at} | vars(scores)
    console.result(result | {"loss": loop.loss, "samples_per_s": speed})
    return 0


def _loaded(out: Path, settings: VitroSettings, console: Console) -> VitroTraining:
    with console.stage("load") as line:
        run = VitroTraining(out, settings)
        clips = run.clips
        line.detail = f"{len(clips.training)} clips to train on, {len(clips.held_out)} held out"
        if run.steps_done:
            line.detail += f"; going on from step {run.steps_done}"
    for change in run.changes:
        console.say(f"  [yellow]![/] gone on with otherwise: {escape(change)}")
    return run
