"""`python main.py train vitro-s`: trains the bundled small model, shows how it goes and stops with care."""

import math
import time
from collections import deque
from dataclasses import asdict
from pathlib import Path

from rich.markup import escape

from app.console import Console
from app.interrupts import Interrupts
from perception.learning.training.files import hold_run
from perception.learning.training.log import LogRow
from perception.learning.vitro_s.calibration import Scores
from perception.learning.vitro_s.training import WEIGHTS, VitroSettings, VitroTraining

#: Steps over which speed and loss are averaged for show, and a line this often where there is no terminal [s].
_RECENT, _LINE_EVERY_S = 50, 20.0


def train(out: Path, settings: VitroSettings, checkpoint_every: int, as_json: bool) -> int:
    """Trains to settings.steps and writes the weights; 0 when done.

    Raises:
        KeyboardInterrupt: after a checkpoint, when Ctrl-C was pressed.
        VitroError: data or a checkpoint that cannot be used, a loss that is not finite, a full disk.
    """
    console = Console(as_json)
    with hold_run(out):
        run = _loaded(out, settings, console)
        try:
            recent, speed = _trained(run, console, checkpoint_every)
        finally:
            run.close()
        with console.frames_bar("calibrate") as show:
            scores = run.finish(lambda done, of: show(done, of))
    _tell(console, run.steps_done, scores)
    console.say(f"The weights: {escape(str(out / WEIGHTS))}")
    told = {key: value if math.isfinite(value) else None for key, value in asdict(scores).items()}
    result = {"weights": str(out / WEIGHTS), "steps": run.steps_done, "begun_at": run.began_at} | told
    console.result(result | {"loss": _mean_loss(recent) if recent else None, "samples_per_s": round(speed, 2)})
    return 0


def _trained(run: VitroTraining, console: Console, checkpoint_every: int) -> tuple[deque[LogRow], float]:
    """The last rows of the log, and samples a second over all steps."""
    began_s = time.monotonic()
    with Interrupts() as interrupts:
        interrupts.emergency = _stop_now
        recent = _steps(run, console, interrupts, checkpoint_every)
    return recent, (run.steps_done - run.began_at) * run.settings.batch / (time.monotonic() - began_s)


def _loaded(out: Path, settings: VitroSettings, console: Console) -> VitroTraining:
    with console.stage("load") as line:
        run = VitroTraining(out, settings)
        clips = run.curriculum
        line.detail = f"{len(clips.training)} clips to train on, {len(clips.held_out)} held out"
        if run.began_at:
            line.detail += f"; going on from step {run.began_at}"
    for change in run.changed:
        console.say(f"  [yellow]![/] gone on with otherwise: {escape(change)}")
    return run


def _steps(run: VitroTraining, console: Console, interrupts: Interrupts, every: int) -> deque[LogRow]:
    recent: deque[LogRow] = deque(maxlen=_RECENT)
    shown_s = time.monotonic()
    with console.steps_bar("steps", run.settings.steps, run.steps_done) as show:
        while run.steps_done < run.settings.steps:
            recent.append(run.step())
            said = f"loss {_mean_loss(recent):.4f}  {_speed(recent):.1f} samples/s"
            show(run.steps_done, said)
            if not console.is_terminal and time.monotonic() - shown_s > _LINE_EVERY_S:
                shown_s = time.monotonic()
                console.say(f"  step {run.steps_done} of {run.settings.steps}  {said}")
            is_last = run.steps_done == run.settings.steps
            if run.steps_done % every == 0 or is_last or interrupts.stop_requested:
                run.save()
            if interrupts.stop_requested:
                console.say(f"  stopped after step {run.steps_done}; the same command goes on there")
                raise KeyboardInterrupt
            if run.steps_done % every == 0 and not is_last:
                with console.frames_bar("validate") as count:
                    _tell(console, run.steps_done, run.validate(lambda done, of: count(done, of)))
    return recent


def _tell(console: Console, step: int, scores: Scores) -> None:
    console.say(
        f"  step {step}, {scores.frames} held-out frames: glass and metal {_mm(scores.hard_mm)} median, "
        f"{100 * scores.hard_within_5:.1f} % within 5 %; ordinary objects {_mm(scores.ordinary_mm)}, "
        f"table {_mm(scores.table_mm)}"
    )


def _mm(value: float) -> str:
    return f"{value:.1f} mm" if math.isfinite(value) else "(none seen)"


def _mean_loss(rows: deque[LogRow]) -> float:
    return sum(row.loss for row in rows) / max(len(rows), 1)


def _speed(rows: deque[LogRow]) -> float:
    return sum(row.samples_per_s for row in rows) / max(len(rows), 1)


def _stop_now() -> None:
    raise KeyboardInterrupt
