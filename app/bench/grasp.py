"""`python main.py bench grasp`: many scenes of the digital cell, every estimator on the same ones."""

from collections.abc import Sequence
from contextlib import ExitStack, closing

from app.bench.options import BenchGraspOptions
from app.console import Console
from app.interrupts import Interrupts
from app.options import names_in
from app.paths import cell_file, home
from app.run.operator import Operator
from app.run.options import PipelineOptions
from app.run.pipeline import Pipeline
from app.run.session import Session
from app.run.trial_log import TrialLog
from app.trials.tables import show_success
from core.cell import load_cell
from core.errors import ArmError, CameraError
from core.report.words import counted
from core.surfaces import SURFACES
from hardware.worlds import open_world
from perception.estimators.registry import find_estimators
from perception.estimators.specification import EstimatorSpecification
from trials.store import TrialStore
from trials.summary import summarise


def bench_grasps(options: BenchGraspOptions) -> int:
    """Runs the trials that its log lacks, so an interrupted bench goes on, and prints the success table."""
    console = Console(options.as_json)
    surfaces, seeds = names_in(options.surfaces, SURFACES), range(options.seed, options.seed + options.trials)
    # Surfaces take turns, so a bench cut short is still balanced.
    scenes = [(surface, seed) for seed in seeds for surface in surfaces]
    estimators = find_estimators(options.estimators)
    log = options.log or home() / "bench.db"
    with TrialStore(log) as store:
        while not _run_missing(scenes, estimators, options, store, console):
            console.say("The digital cell is opened anew, and the bench goes on.")
        trials = store.list()
    summaries = summarise(trials)
    show_success(console, summaries, f"{counted(len(trials), 'trial')} in {log}")
    console.result({"log": str(log), "summary": summaries})
    return 0


def _run_missing(
    scenes: Sequence[tuple[str, int]],
    estimators: Sequence[EstimatorSpecification],
    options: BenchGraspOptions,
    store: TrialStore,
    console: Console,
) -> bool:
    """Runs until nothing is missing (True) or arm or camera fails: then the cell must be opened anew (False).

    A trial that they ended keeps its row and is not repeated, so each opening gets further than the last.

    Raises:
        ArmError, CameraError: one failed before the row of its trial was begun; opened anew it would fail there again.
    """
    cell = load_cell(cell_file("sim"))
    with ExitStack() as opened, Interrupts() as interrupts:
        world = opened.enter_context(closing(open_world(cell, "sim", options.seed)))
        sessions = {}
        for estimator in estimators:
            chosen = PipelineOptions(estimator=estimator.choice, boldness=options.boldness)
            pipeline = opened.enter_context(closing(Pipeline(cell, chosen, world.truth)))
            operator = Operator(console, interrupts, assume_yes=True)
            sessions[pipeline.estimator.name] = Session(world, pipeline, TrialLog(store), operator, options.attempts)
        begun = store.list()
        done = {(trial.surface, trial.estimator, trial.seed) for trial in begun}
        for number, (surface, seed) in enumerate(scenes, start=1):
            for name, session in sessions.items():
                if (surface, name, seed) not in done:
                    console.say(f"\n[bold]scene {number} of {len(scenes)}[/], {name}")
                    try:
                        session.run_scene(surface, seed, options.objects)
                    except (ArmError, CameraError) as error:
                        if len(store.list()) == len(begun):
                            raise
                        console.error(error)
                        return False
    return True
