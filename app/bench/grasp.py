"""`python main.py bench grasp`: many scenes of the digital cell, every estimator on the same ones."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from app.console import Console
from app.interrupts import Interrupts
from app.paths import cell_file, home
from app.run.pipeline import Choices, Pipeline
from app.run.session import Session
from core.cell import load_cell
from core.errors import ConfigurationError, TrackingError
from core.surfaces import SURFACES
from hardware.worlds import open_world
from trials.store import TrialStore
from trials.summary import summarise


@dataclass(frozen=True)
class BenchOptions:
    """What was asked for on the command line."""

    surfaces: tuple[str, ...]
    estimators: tuple[str, ...]
    trials: int
    objects: int
    seed: int
    log: Path | None

    def scenes(self) -> Iterator[tuple[str, int]]:
        """Surface and seed of every scene; surfaces take turns, so a bench cut short is still balanced."""
        for seed in range(self.seed, self.seed + self.trials):
            for surface in self.surfaces:
                yield surface, seed


def split_choices(text: str, choices: tuple[str, ...] = SURFACES) -> tuple[str, ...]:
    """The names in a comma-separated list.

    Raises:
        ConfigurationError: a name that is not among the choices.
    """
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    if not names or not set(names) <= set(choices):
        raise ConfigurationError(
            f"{text!r} is not a list of {', '.join(choices)}.", f"For example: {','.join(choices)}"
        )
    return names


def bench_grasps(options: BenchOptions, as_json: bool) -> int:
    """Runs the trials that its log lacks, so an interrupted bench goes on, and prints the success table."""
    console = Console(as_json)
    log = options.log or home() / "bench.db"
    with TrialStore(log) as store:
        while not _run_missing(options, store, console):
            console.say("The digital cell is opened anew, and the bench goes on.")
        trials = store.list()
    summaries = summarise(trials)
    console.success(summaries, f"{len(trials)} trials in {log}")
    console.result({"log": str(log), "summary": [asdict(summary) for summary in summaries]})
    return 0


def _run_missing(options: BenchOptions, store: TrialStore, console: Console) -> bool:
    """Runs until nothing is missing (True) or an arm is blocked: then its cell must be opened anew (False)."""
    cell = load_cell(cell_file("sim"))
    with closing(open_world(cell, "sim", options.seed)) as world, Interrupts() as interrupts:
        sessions = {}
        for name in options.estimators:
            pipeline = Pipeline(cell, Choices(name), world.truth)
            session = Session(world, pipeline, store, console, interrupts, assume_yes=True, begun=[])
            sessions[pipeline.estimator.name] = session
        done = {(trial.surface, trial.estimator, trial.seed) for trial in store.list()}
        scenes = list(options.scenes())
        for number, (surface, seed) in enumerate(scenes, start=1):
            for estimator, session in sessions.items():
                if (surface, estimator, seed) not in done:
                    console.say(f"\n[bold]scene {number} of {len(scenes)}[/], {estimator}")
                    try:
                        session.run_trial(surface, seed, options.objects)
                    except TrackingError as error:
                        console.error(error)
                        return False
    return True
