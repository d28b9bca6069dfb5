"""`python main.py demo`: what a newcomer shows a colleague."""

import os
import webbrowser
from pathlib import Path

from app.console import Console
from app.demo.guide import DemoGuide
from app.demo.options import DemoOptions
from app.events import SessionProgress
from app.interrupts import Interrupts
from app.paths import home, trial_folder
from app.run.operator import Operator
from app.run.options import RunOptions
from app.run.session import Session
from app.run.station import OpenWorld, Station
from app.run.trial_log import TrialLog
from app.trials.report import write_trial_report
from app.trials.tables import show_labelled
from core.errors import VitroError
from core.report.words import counted
from core.surfaces import Surface
from hardware.worlds import open_world
from trials.store import TrialStore

#: What stands on each table: a flask of tinted glass, a chrome can, a tumbler of tinted glass.
SCENES = {Surface.TRANSLUCENT: 7, Surface.REFLECTIVE: 6, Surface.DIFFUSE: 11}
#: A demo is short: what was missed twice is left.
ATTEMPTS = 2
#: How long a trial takes where two processors render, plan and simulate [s].
TRIAL_S = 20


def show_demo(options: DemoOptions, console: Console | None = None, open_world: OpenWorld = open_world) -> int:
    """Shows the trials, and what they came to; its log and pictures are its own, under `demo` at home.

    open_world: takes the cell, the camera's name and the seed.
    """
    console = console or Console(options.as_json)
    surfaces = list(SCENES) if options.surface is None else [options.surface]
    folder = home() / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    console.say(
        f"{counted(len(surfaces), 'trial')} in the digital cell, about {len(surfaces) * TRIAL_S} s"
        f"{'' if options.yes else ', and as long as you take to answer'}. Ctrl-C ends it at any time."
    )
    with TrialStore(folder / "trials.db") as store, Interrupts() as interrupts:
        log = TrialLog(store)
        operator = Operator(console, interrupts, options.yes)
        try:
            _run(options, surfaces, operator, log, open_world)
        finally:
            _say_end(console, store, log.ids, folder)
    return 0


def _run(
    options: DemoOptions, surfaces: list[Surface], operator: Operator, log: TrialLog, open_world: OpenWorld
) -> None:
    console = operator.console
    settings = RunOptions(
        surface=surfaces[0],
        estimator=options.estimator,
        camera="sim",
        arms="sim",
        yes=options.yes,
        headless=options.headless,
        page_host=options.page_host,
        attempts=ATTEMPTS,
    )
    station = Station(settings, operator, open_world)
    pipeline = station.pipeline(settings)
    guide = DemoGuide(console, pipeline.estimator.specification)
    with station.open(0) as world:
        _open_browser(operator)
        console.events.add(guide.hear)
        session = Session(world, pipeline, log, operator, settings.attempts)
        for number, surface in enumerate(surfaces):
            console.events.tell(SessionProgress(f"demo: trial {number + 1} of {len(surfaces)}", number, len(surfaces)))
            console.say(f"\n[bold]{surface} table[/]")
            if not options.yes:
                operator.ask(f"Next: a {surface} table.", {"y": "go on", "q": "quit"}, "scene")
            session.run_scene(surface, SCENES[surface], objects=1)


def _open_browser(operator: Operator) -> None:
    """Where there is a display; elsewhere the address is printed already."""
    if operator.page is not None and (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        webbrowser.open(operator.page.address)


def _say_end(console: Console, store: TrialStore, ids: list[int], folder: Path) -> None:
    """A table of the trials of this demo, and where pictures and report are."""
    labelled = [one for one in store.labelled() if one.trial.id in ids]
    if not labelled:
        return
    show_labelled(console, labelled, "What they came to")
    for one in labelled:
        console.say(f"  pictures of the {one.trial.surface} table: {trial_folder(store.where, one.trial.id)}")
    try:
        _, files = write_trial_report(console, store, folder / "report")
        console.say(f"  report: {files[0]}")
    except VitroError as error:
        console.error(error)
    console.result({"trials": [one.trial for one in labelled]})
