"""`python main.py bench soak`: trials in the digital cell for so long, and whether anything is used up by them."""

import ctypes
import gc
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from app.bench.drawn_cell import open_cell
from app.bench.options import BenchSoakOptions
from app.console import Console
from app.interrupts import Interrupts
from app.paths import cell_file, home
from app.run.operator import Operator
from app.run.options import PipelineOptions
from app.run.pipeline import Pipeline
from app.run.session import Session
from app.run.trial_log import TrialLog
from core.cell import load_cell
from core.errors import VitroError
from core.surfaces import SURFACES
from trials.store import TrialStore

#: Trials until caches are filled and models loaded: then the measuring begins.
WARM_TRIALS = 10
#: As long may threads take to end that were told to [s].
_SETTLE_S = 2.0
#: Memory may grow by this share from then on.
MOST_GROWTH = 0.03


@dataclass(frozen=True)
class Use:
    """What the process holds. temporary: files that it left in its folder for such."""

    memory_mb: float
    threads: int
    handles: int
    temporary: int
    rows: int


def bench_soak(options: BenchSoakOptions) -> int:
    """Runs trials until the time is over; 1 where memory grew, or threads, handles or temporary files did."""
    console = Console(options.as_json)
    ends_s = time.monotonic() + 60 * options.minutes
    failed: dict[str, int] = {}
    with TrialStore(home() / "soak.db") as store, _own_temporary_folder() as folder:
        first = len(store.list())
        start, number = use(folder, 0), 0
        while number <= WARM_TRIALS or time.monotonic() < ends_s:
            number = _run(options, store, console, number, ends_s, failed)
            time.sleep(_SETTLE_S)
            if number == WARM_TRIALS:
                start = use(folder, len(store.list()) - first)
        end = use(folder, len(store.list()) - first)
    growth = end.memory_mb / start.memory_mb - 1
    columns = ("", f"after {WARM_TRIALS} trials", f"after {number}")
    rows = [(name, f"{before:g}", f"{asdict(end)[name]:g}") for name, before in asdict(start).items()]
    console.table(f"{number} trials, memory {growth:+.1%}", columns, rows)
    for error, count in failed.items():
        console.say(f"  {count} x {error}")
    flat = growth <= MOST_GROWTH and end.rows == number
    flat &= all(getattr(end, name) <= getattr(start, name) for name in ("threads", "handles", "temporary"))
    console.result({"trials": number, "growth": growth, "start": start, "end": end, "failed": failed, "flat": flat})
    return 0 if flat else 1


def _run(
    options: BenchSoakOptions, store: TrialStore, console: Console, number: int, ends_s: float, failed: dict[str, int]
) -> int:
    """Trials in one opening of the cell, until the time is over, a trial fails, or the measuring begins; how many
    there were by then."""
    cell, quiet = load_cell(cell_file("sim")), Console(is_quiet=True)
    with (
        closing(open_cell(cell, options.seed, options.drawn)) as world,
        closing(Pipeline(cell, PipelineOptions(estimator=options.estimator), world.truth)) as pipeline,
        Interrupts() as interrupts,
    ):
        session = Session(world, pipeline, TrialLog(store), Operator(quiet, interrupts, assume_yes=True))
        while True:
            number += 1
            try:
                session.run_scene(tuple(SURFACES)[number % len(SURFACES)], options.seed + number, 1)
            except VitroError as error:
                failed[error.cause] = failed.get(error.cause, 0) + 1
                return number
            console.say(f"  trial {number}: {psutil.Process().memory_info().rss / 1e6:.0f} MB")
            if number == WARM_TRIALS or (number > WARM_TRIALS and time.monotonic() >= ends_s):
                return number


@contextmanager
def _own_temporary_folder() -> Iterator[Path]:
    """Where this process's temporary files lie meanwhile, so that those of others do not count."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="vitro-soak-") as folder:
        tempfile.tempdir = folder
        try:
            yield Path(folder)
        finally:
            tempfile.tempdir = before


def use(temporary: Path, rows: int) -> Use:
    """What is held now; memory that was freed and that the allocator keeps for the next time is given back first."""
    gc.collect()
    with suppress(AttributeError):  # glibc's alone
        ctypes.CDLL(None).malloc_trim(0)
    process = psutil.Process()
    files = sum(1 for _ in temporary.rglob("*"))
    return Use(process.memory_info().rss / 1e6, process.num_threads(), process.num_fds(), files, rows)
