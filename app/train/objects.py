"""`python main.py train objects`: what people see of a run, and its result."""

from app.console import Console
from app.train.loop import Loop
from app.train.options import TrainObjectsOptions
from perception.learning.objects.training import ObjectsTraining
from perception.learning.training.files import hold_run
from perception.objects.model import WEIGHTS


def train(options: TrainObjectsOptions) -> int:
    """Renders and trains to the last step or minute and writes the weights; 0 when done.

    Raises:
        KeyboardInterrupt: after a checkpoint, when Ctrl-C was pressed.
        VitroError: a checkpoint or weights that cannot be used, a loss that is not finite, a full disk.
    """
    console, out = Console(options.as_json), options.out
    with hold_run(out):
        with console.stage("load") as line:
            run = ObjectsTraining(out, options)
            line.detail = f"on {options.device}"
            if run.steps_done:
                line.detail += f"; going on from step {run.steps_done}"
        try:
            if not run.is_over:
                with console.frames_bar("first scenes") as show:
                    run.source.fill(lambda done, of: show(done, of))
            loop = Loop(run, console, options.steps, options.batch, options.checkpoint_every)
            loop.run(options.checkpoint_every, validates_last=False)
            with console.frames_bar("validate") as show:
                scores = run.finish(lambda done, of: show(done, of))
        finally:
            run.close()
    console.say(f"  {scores.describe(run.steps_done)}; {run.source.scenes} scenes")
    console.say(f"The weights: {out / WEIGHTS.name!s}")
    result = {"weights": out / WEIGHTS.name, "steps": run.steps_done, "begun_at": loop.began_at} | vars(scores)
    result |= {"scenes": run.source.scenes, "loss": loop.loss, "samples_per_s": round(loop.samples_per_s, 2)}
    console.result(result)
    return 0
