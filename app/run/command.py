"""`python main.py --surface S`: trials in the digital cell or the real one."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from app.console import Console
from app.estimator_choice import choose_estimator
from app.events import SessionProgress
from app.interrupts import Interrupts
from app.paths import trial_folder, trial_log
from app.run.operator import Operator
from app.run.options import RunOptions
from app.run.session import Session
from app.run.station import OpenWorld, Station
from app.run.trial_log import TrialLog
from app.trials.tables import show_labelled
from core.cell import Cell
from core.errors import CameraError, ConfigurationError
from core.report.words import counted
from hardware.simulation.zero_offset import FORCED_RAD, forced_joint
from hardware.world import World
from hardware.worlds import open_world
from trials.label import LabelledTrial
from trials.store import TrialStore


def run_trials(options: RunOptions, console: Console | None = None, open_world: OpenWorld = open_world) -> int:
    """Runs the trials and prints their digest; 0 unless the cell itself failed (then it raises).

    open_world: takes the cell, the camera's name and the seed.
    """
    console = console or Console(options.as_json)
    if options.forced_joint:
        open_world = partial(open_forced, joint=options.forced_joint - 1)
    started_s = time.monotonic()
    with _open_log(options.practice) as store, Interrupts() as interrupts:
        log = TrialLog(store)
        try:
            _run_all(options, log, Operator(console, interrupts, options.yes, options.operator), open_world)
        except KeyboardInterrupt:
            console.say(f"{interrupts.aftermath} The log is complete.")
            raise
        finally:
            trials = [LabelledTrial(store.get(id), store.standing_label(id)) for id in log.ids]
            if trials:
                took = f"{time.monotonic() - started_s:.0f} s"
                show_labelled(console, trials, f"{counted(len(trials), 'trial')} in {took}")
                pictures = trial_folder(store.where, 0).parent
                console.say("  practice: nothing of this is kept" if options.practice else f"  pictures: {pictures}")
            console.result({"trials": [known.trial for known in trials]})
    return 0


def open_forced(cell: Cell, camera: str, seed: int, joint: int) -> World:
    """The digital cell in which a joint (from 0) of both arms was forced by 10 degrees.

    Raises:
        ConfigurationError: it is not the digital cell.
    """
    from hardware.simulation.digital_cell import DigitalCell

    if camera != "sim":
        raise ConfigurationError(
            "Joints are forced in the digital cell alone.", "Leave --forced-joint out, or add --camera sim --arms sim."
        )
    return DigitalCell(cell, seed, forced_rad=dict.fromkeys(cell.arms, forced_joint(joint, FORCED_RAD)))


@contextmanager
def _open_log(is_practice: bool) -> Iterator[TrialStore]:
    """The lab's log; for practice one of its own that goes with its pictures when the command ends."""
    with ExitStack() as opened:
        where = trial_log()
        if is_practice:
            where = str(Path(opened.enter_context(TemporaryDirectory(prefix="vitro-practice-"))) / "trials.db")
        yield opened.enter_context(TrialStore(where))


def _run_all(options: RunOptions, log: TrialLog, operator: Operator, open_world: OpenWorld) -> None:
    estimator, why = choose_estimator(options.estimator, options.weights)
    station = Station(options, operator, open_world)
    with (
        closing(station.pipeline(replace(options, estimator=estimator))) as pipeline,
        station.open(options.seed) as world,
    ):
        operator.console.say(
            f"estimator [bold]{pipeline.estimator.name}[/] ({why}), "
            f"detector {pipeline.detector_name}, planner {pipeline.planner_name}"
        )
        _run_scenes(options, Session(world, pipeline, log, operator, options.attempts, overlap=options.overlap))


def _run_scenes(options: RunOptions, session: Session) -> None:
    """A picture that does not come ends one trial; two trials in a row, or the last, and the camera ends them all."""
    console, failed = session.operator.console, False
    for number in range(options.trials):
        place = f"{'practice ' if options.practice else ''}trial {number + 1} of {options.trials}"
        console.say(f"\n[bold]{place}[/]{', nothing of it is kept' if options.practice else ''}")
        console.events.tell(SessionProgress(place, number, options.trials, options.practice))
        try:
            session.run_scene(options.surface, options.seed + number, options.objects, until_empty=options.until_empty)
            failed = False
        except CameraError as error:
            if failed or number == options.trials - 1:
                raise
            failed = True
            console.error(error)
