"""`python main.py train vitro-s`: what people see of a run, and its result."""

from app.console import Console
from app.train.loop import Loop
from app.train.options import TrainVitroSOptions
from core.errors import ConfigurationError
from perception.estimators.vitro_s.network import MULTIPLE as NARROWEST_PX
from perception.learning.training.files import hold_run
from perception.learning.vitro_s.training import WEIGHTS, VitroTraining


def train(options: TrainVitroSOptions) -> int:
    """Trains to the last step and writes the weights; 0 when done.

    Raises:
        KeyboardInterrupt: after a checkpoint, when Ctrl-C was pressed.
        VitroError: data or a checkpoint that cannot be used, a loss that is not finite, a full disk.
    """
    if 0 < options.width < NARROWEST_PX:
        raise ConfigurationError(
            f"Frames {options.width} px wide show nothing.", f"Give --width {NARROWEST_PX} or more."
        )
    console, out = Console(options.as_json), options.out
    with hold_run(out):
        with console.stage("load") as line:
            run = VitroTraining(out, options)
            clips = run.clips
            line.detail = f"{len(clips.training)} clips to train on, {len(clips.held_out)} held out"
            if run.steps_done:
                line.detail += f"; going on from step {run.steps_done}"
        for change in run.changes:
            console.say(f"  [yellow]![/] gone on with otherwise: {change}")
        loop = Loop(run, console, options.steps, options.batch, options.checkpoint_every)
        try:
            loop.run(options.checkpoint_every, validates_last=False)
        finally:
            run.close()
        with console.frames_bar("calibrate") as show:
            scores = run.finish(lambda done, of: show(done, of))
    console.say(f"  {scores.describe(run.steps_done)}")
    console.say(f"The weights: {out / WEIGHTS!s}")
    result = {"weights": out / WEIGHTS, "steps": run.steps_done, "begun_at": loop.began_at} | vars(scores)
    console.result(result | {"loss": loop.loss, "samples_per_s": round(loop.samples_per_s, 2)})
    return 0
