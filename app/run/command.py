"""`python main.py --surface S`: trials in the digital cell or the real one."""

import sys
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.console import Console
from app.estimator_choice import choose_estimator
from app.interrupts import Interrupts
from app.keys import require_terminal
from app.paths import cell_file, home
from app.run.live_page import LivePage
from app.run.pipeline import Choices, Pipeline
from app.run.session import Session
from calibration.cell_check import check_measured
from core.cell import Cell, load_cell
from core.image import RgbdImage
from hardware.worlds import choose_world, open_world
from perception.estimators.options import EstimatorOptions
from trials.store import TrialStore


@dataclass(frozen=True)
class RunOptions:
    """What was asked for on the command line."""

    surface: str
    estimator: str
    weights: Path | None
    clip: int
    detector: str
    planner: str
    camera: str
    arms: str
    cell: str
    trials: int
    objects: int
    seed: int
    assume_yes: bool
    headless: bool


def run_trials(options: RunOptions, as_json: bool) -> int:
    """Runs the trials and prints their digest; 0 unless the cell itself failed (then it raises)."""
    console = Console(as_json)
    started_s = time.monotonic()
    begun: list[int] = []
    with TrialStore(home() / "trials.db") as store, Interrupts() as interrupts:
        try:
            _run_all(options, console, store, interrupts, begun)
        except KeyboardInterrupt:
            console.say("The arms hold where they are, and the log is complete.")
            raise
        finally:
            trials = [store.get(id) for id in begun]
            if trials:
                console.trials(trials, f"{len(trials)} trial(s) in {time.monotonic() - started_s:.0f} s")
                console.say(f"  pictures: {home() / 'trials'}")
            console.result({"trials": [trial.as_json() for trial in trials]})
    return 0


def _run_all(
    options: RunOptions, console: Console, store: TrialStore, interrupts: Interrupts, begun: list[int]
) -> None:
    camera, arms = choose_world(options.camera, options.arms)
    cell = load_cell(cell_file(options.cell or ("sim" if camera == "sim" else "lab")))
    estimator, why = choose_estimator(options.estimator, options.weights)
    if camera != "sim":
        check_measured(cell, camera.partition(":")[2] or cell.camera.serial)

    def truth(image: RgbdImage) -> NDArray[np.float32]:
        assert world.truth is not None
        return world.truth(image)

    # Everything that can be refused is, before anything is powered.
    settings = EstimatorOptions(weights=options.weights)
    choices = Choices(estimator, options.detector, options.planner, settings, options.clip)
    pipeline = Pipeline(cell, choices, truth if camera == "sim" else None)
    if not options.assume_yes or camera != "sim":
        require_terminal()
    with ExitStack() as opened:
        with console.stage("open") as line:
            world = opened.enter_context(closing(open_world(cell, camera, options.seed)))
            line.detail = f"{world.name}: camera {world.camera.name}, arms {', '.join(world.arms)} ({arms})"
        page = None if options.headless else _open_page(cell, console, opened)
        console.say(
            f"estimator [bold]{pipeline.estimator.name}[/] ({why}), "
            f"detector {options.detector}, planner {options.planner}"
        )
        session = Session(world, pipeline, store, console, interrupts, options.assume_yes, begun, page)
        for number in range(options.trials):
            console.say(f"\n[bold]trial {number + 1} of {options.trials}[/]")
            session.run_trial(options.surface, options.seed + number, options.objects)
        if page is not None and sys.stdin.isatty():
            console.ask_key(f"The page {page.address} is still open.", {"q": "close"})


def _open_page(cell: Cell, console: Console, opened: ExitStack) -> LivePage:
    page = opened.enter_context(closing(LivePage(cell)))
    console.say(f"watch it in 3D: [bold]{page.address}[/]")
    return page
