"""`python main.py bench clear`: tables of several objects in the digital cell, cleared one after the other."""

from contextlib import closing

from app.bench.drawn_cell import open_cell
from app.bench.options import BenchClearOptions
from app.calibrate.cell import load_calibrated
from app.clear_table import Clearing, summarise_clearing
from app.console import Console
from app.interrupts import Interrupts
from app.paths import home
from app.run.operator import Operator
from app.run.options import PipelineOptions
from app.run.pipeline import Pipeline
from app.run.session import Session
from app.run.trial_log import TrialLog
from core.cell import Cell
from core.errors import ArmError, ConfigurationError
from core.surfaces import SURFACES
from perception.estimators.registry import find_estimator
from trials.store import TrialStore


def bench_clear(options: BenchClearOptions) -> int:
    """Clears every table; 0 whatever is left on them.

    Raises:
        ConfigurationError: drawn pictures for an estimator that sees depth in them.
    """
    if options.drawn and not find_estimator(options.estimator).is_cheat:
        raise ConfigurationError(
            f"Drawn pictures show no shading, and {options.estimator} sees depth by it.",
            "Leave --drawn out, or clear with --estimator oracle.",
        )
    console, cell = Console(options.as_json), load_calibrated(options.cell)
    cleared: list[Clearing] = []
    with TrialStore(home() / "bench-clear.db") as store, Interrupts() as interrupts:
        operator = Operator(console, interrupts, assume_yes=True)
        for number in range(options.scenes):
            console.say(f"\n[bold]table {number + 1} of {options.scenes}[/]")
            cleared.append(_clear_one(options, cell, store, operator, number))
    objects, binned = options.objects * len(cleared), sum(one.cleared for one in cleared)
    attempts = sum(one.attempts for one in cleared)
    spent_h = sum(one.lifted / one.picks_per_hour for one in cleared if one.picks_per_hour)
    pace = sum(one.lifted for one in cleared) / spent_h if spent_h else 0.0
    rows = [
        (str(number), f"{one.cleared} of {one.laid}", str(one.attempts), f"{one.picks_per_hour:.0f}", one.ended)
        for number, one in enumerate(cleared, start=1)
    ]
    title = f"{binned} of {objects} objects cleared in {attempts} attempts, {pace:.0f} picks an hour"
    console.table(title, ("table", "cleared", "attempts", "picks/h", "ended"), rows)
    result = {"objects": objects, "cleared": binned, "attempts": attempts, "picks_per_hour": round(pace, 1)}
    console.result({**result, "overlap": options.overlap, "tables": [one.facts() for one in cleared]})
    return 0


def _clear_one(options: BenchClearOptions, cell: Cell, store: TrialStore, operator: Operator, number: int) -> Clearing:
    """One table in a cell of its own, so that a fault ends only that table."""
    log = TrialLog(store)
    seed = options.seed + number
    with (
        closing(open_cell(cell, seed, options.drawn)) as world,
        closing(Pipeline(cell, PipelineOptions(estimator=options.estimator), world.truth)) as pipeline,
    ):
        session = Session(world, pipeline, log, operator, options.attempts, overlap=options.overlap)
        surface = SURFACES[number % len(SURFACES)]
        try:
            session.run_scene(surface, seed, options.objects, until_empty=True)
        except ArmError as error:
            operator.console.error(error)
        return summarise_clearing([store.get(id) for id in log.ids], options.objects, world.objects_left())
