"""`python main.py --surface S`: trials in the digital cell or the real one."""

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.calibrate.cell import confirm_age, load_calibrated
from app.console import Console
from app.estimator_choice import choose_estimator
from app.interrupts import Interrupts
from app.keys import require_terminal
from app.page.live_page import LivePage
from app.paths import home
from app.run.operator import Operator
from app.run.options import RunOptions
from app.run.pipeline import Pipeline
from app.run.session import Session
from app.run.trial_log import TrialLog
from app.trials import show_trials
from calibration.cell_check import check_measured
from core.cell import Cell
from core.errors import CameraError, ConfigurationError
from core.image import RgbdImage
from hardware.world import World
from hardware.worlds import choose_world, open_world
from trials.store import TrialStore

OpenWorld = Callable[[Cell, str, int], World]


def run_trials(options: RunOptions, console: Console | None = None, open_world: OpenWorld = open_world) -> int:
    """Runs the trials and prints their digest; 0 unless the cell itself failed (then it raises).

    open_world: takes the cell, the camera's name and the seed.
    """
    console = console or Console(options.as_json)
    started_s = time.monotonic()
    with TrialStore(home() / "trials.db") as store, Interrupts() as interrupts:
        log = TrialLog(store)
        try:
            _run_all(options, log, Operator(console, interrupts, options.yes), open_world)
        except KeyboardInterrupt:
            console.say("The arms hold where they are, and the log is complete.")
            raise
        finally:
            trials = [store.get(id) for id in log.ids]
            if trials:
                show_trials(console, trials, f"{len(trials)} trial(s) in {time.monotonic() - started_s:.0f} s")
                console.say(f"  pictures: {home() / 'trials'}")
            console.result({"trials": trials})
    return 0


def _run_all(options: RunOptions, log: TrialLog, operator: Operator, open_world: OpenWorld) -> None:
    console = operator.console
    camera, arms = choose_world(options.camera, options.arms)
    cell = load_calibrated(options.cell or ("sim" if camera == "sim" else "lab"))
    estimator, why = choose_estimator(options.estimator, options.weights)
    if camera != "sim":
        check_measured(cell, camera.partition(":")[2] or cell.camera.serial)

    def truth(image: RgbdImage) -> NDArray[np.float32]:
        if world.truth is None:
            raise RuntimeError("only the digital cell knows the truth")
        return world.truth(image)

    # Everything that can be refused is, before anything is powered.
    if options.yes and arms == "piper" and not options.unattended:
        raise ConfigurationError(
            "--yes would let real arms move without asking, whether or not anybody watches.",
            "Leave --yes out: a key approves each motion. Or add --unattended, with the cell closed off and a stop "
            "button that somebody can reach.",
        )
    pipeline = Pipeline(cell, replace(options, estimator=estimator), truth if camera == "sim" else None)
    if not options.yes or camera != "sim":
        require_terminal()
    if camera != "sim":
        confirm_age(cell, console, options.yes)
    with ExitStack() as opened:
        with console.stage("open") as line:
            world = opened.enter_context(closing(open_world(cell, camera, options.seed)))
            line.detail = f"{world.name}: camera {world.camera.name}, arms {', '.join(world.arms)} ({arms})"
        if not options.headless:
            operator.page = opened.enter_context(closing(LivePage(cell, options.page_host)))
            console.say(f"watch it in 3D: [bold]{operator.page.address}[/]")
        console.say(
            f"estimator [bold]{pipeline.estimator.name}[/] ({why}), "
            f"detector {pipeline.detector_name}, planner {pipeline.planner_name}"
        )
        _run_scenes(options, Session(world, pipeline, log, operator, options.attempts))
        if operator.page is not None and sys.stdin.isatty():
            console.ask_key(f"The page {operator.page.address} is still open.", {"q": "close"})


def _run_scenes(options: RunOptions, session: Session) -> None:
    """A picture that does not come ends one trial; two trials in a row, or the last, and the camera ends them all."""
    console, failed = session.operator.console, False
    for number in range(options.trials):
        console.say(f"\n[bold]trial {number + 1} of {options.trials}[/]")
        try:
            session.run_scene(options.surface, options.seed + number, options.objects)
            failed = False
        except CameraError as error:
            if failed or number == options.trials - 1:
                raise
            failed = True
            console.error(error)
