"""`python main.py bench page`: what the operator's page costs a cycle, and how old what a browser shows is."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.bench.options import BenchPageOptions
from app.bench.page.browser import CHROMIUM, Browser, Tab
from app.console import Console
from app.interrupts import Interrupts
from app.page.live_page import LivePage
from app.paths import cell_file
from app.run.operator import Operator
from app.run.options import PipelineOptions
from app.run.pipeline import Pipeline
from app.run.session import Session
from app.run.trial_log import TrialLog
from core.cell import Cell, load_cell
from core.errors import ConfigurationError
from hardware.world import World
from hardware.worlds import open_world
from trials.store import TrialStore

#: Notes, once it is drawn, how old [s] every state is that the page shows.
_AGES = """
window.ages = []; let seen = '';
new MutationObserver(() => whenDrawn(() => {
  const status = document.querySelector('#vitro-status');
  if (status && status.dataset.stamp !== seen) {
    seen = status.dataset.stamp; window.ages.push(Date.now() / 1000 - parseFloat(seen));
  }
})).observe(document.body, {subtree: true, childList: true, attributes: true, characterData: true}); true
"""
#: A page is open once its browser computes less than this share of a processor, or after so long [s].
_QUIET, _OPENING_S = 0.15, 30.0
#: Without a page; with one that nobody looks at; with one that a browser on the same processors shows, its 3D view
#: drawn by them too, as coarsely as said.
WAYS = ("no page", "page", "page in a browser")


@dataclass(frozen=True)
class PageCost:
    """cycle_s: median of a trial's stages. added: its share over no page, in pairs of the same scene, median.
    processor_s, browser_s: what a trial has this process, and a browser, compute, median; no other load adds to it.
    ages_s: of what the browser showed, median, 95th percentile and largest; None where none did."""

    way: str
    cycle_s: float
    added: float
    processor_s: float
    browser_s: float
    ages_s: tuple[float, float, float] | None


def bench_page(options: BenchPageOptions) -> int:
    """Runs the same scenes each way, in turns, so that what else the machine does falls on all alike. A cycle is one
    without `capture`, which the digital cell renders or remembers.

    Raises:
        ConfigurationError: there is no chromium.
    """
    if CHROMIUM is None:
        raise ConfigurationError("No chromium was found to open the page in.", "Install it: apt-get install chromium")
    console, cell = Console(options.as_json), load_cell(cell_file("sim"))
    cycles: dict[str, list[float]] = {way: [] for way in WAYS}
    computed_s: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    ages: list[float] = []
    with (
        closing(open_world(cell, "sim", options.seed)) as world,
        closing(Pipeline(cell, PipelineOptions(estimator=options.estimator), world.truth)) as pipeline,
        tempfile.TemporaryDirectory(prefix="vitro-page-") as folder,
        TrialStore(Path(folder) / "trials.db") as store,
        Interrupts() as interrupts,
    ):
        quiet = Console(is_quiet=True)
        log = TrialLog(store)
        session = Session(world, pipeline, log, Operator(quiet, interrupts, assume_yes=True))
        session.run_scene("diffuse", options.seed, 1)  # models loaded, caches filled
        for number in range(1, options.trials + 1):
            # Pictures of a second look while an arm moves are rendered once, and remembered too.
            session.run_scene("diffuse", options.seed + number, 1)
            for way in WAYS[number % 3 :] + WAYS[: number % 3]:
                with _open_page(way, cell, quiet, interrupts, world, options.detail, ages) as browser_s:
                    begun_s = time.process_time(), browser_s()
                    session.run_scene("diffuse", options.seed + number, 1)
                    computed_s[way].append((time.process_time() - begun_s[0], browser_s() - begun_s[1]))
                stages_s = log.get(log.ids[-1]).stages_s
                seconds = sum(stages_s.values()) - stages_s.get("capture", 0.0)
                cycles[way].append(seconds)
                console.say(f"  scene {options.seed + number}, {way}: {seconds:.2f} s")
    costs = [_cost(way, cycles, computed_s[way], ages) for way in WAYS]
    head = ("", "cycle [s]", "added", "processor [s]", "browser's [s]", "shown after [ms]: median, 95 %, most")
    console.table("The page's cost", head, [_cells(one) for one in costs])
    console.result({"costs": costs, "cycles_s": cycles, "states": len(ages)})
    return 0


@contextmanager
def _open_page(
    way: str, cell: Cell, console: Console, interrupts: Interrupts, world: World, detail: float, ages: list[float]
) -> Iterator[Callable[[], float]]:
    """The page, and the browser, as long as a trial takes; opening them is not part of it. Tells what the browser has
    computed so far [s]."""
    if way == WAYS[0]:
        yield float
        return
    with closing(LivePage(cell, console, interrupts)) as page:
        page.watch(world.arms)
        if way == WAYS[1]:
            yield float
        else:
            with Browser() as browser:
                tab = _open(browser, f"{page.address}/?fixedDpr={detail:g}")
                yield browser.cpu_s
                ages += tab.run("window.ages")
        page.watch({})


def _open(browser: Browser, address: str) -> Tab:
    tab = browser.tab(address)
    tab.until_key("STOP")
    begun_s, spent_s = time.monotonic(), -1.0
    while browser.cpu_s() - spent_s > _QUIET and time.monotonic() - begun_s < _OPENING_S:
        spent_s = browser.cpu_s()
        time.sleep(1.0)
    tab.run(_AGES)
    return tab


def _cost(
    way: str, cycles: dict[str, list[float]], computed_s: list[tuple[float, float]], ages: list[float]
) -> PageCost:
    without, with_ = np.array(cycles[WAYS[0]]), np.array(cycles[way])
    own_s, browser_s = np.median(computed_s, axis=0)
    shown = None
    if way == WAYS[2] and ages:
        shown = (float(np.median(ages)), float(np.percentile(ages, 95)), max(ages))
    return PageCost(
        way, float(np.median(with_)), float(np.median(with_ / without) - 1), float(own_s), float(browser_s), shown
    )


def _cells(cost: PageCost) -> tuple[str, ...]:
    ages = ", ".join(f"{1000 * age_s:.0f}" for age_s in cost.ages_s) if cost.ages_s else "–"
    computed = f"{cost.processor_s:.2f}", f"{cost.browser_s:.2f}"
    return cost.way, f"{cost.cycle_s:.2f}", f"{cost.added:+.1%}", *computed, ages
