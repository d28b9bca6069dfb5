"""Whole trials worked from the page alone: approved, watched, reloaded in, labelled, stopped."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.bench.page.browser import Browser, Tab
from tests.support.paths import ROOT
from trials.label import FailureReason, LabelValue
from trials.record import Outcome, Reason
from trials.store import TrialStore

#: Scene 8 lies within both arms' reach; nobody sits at a terminal. However slow the browser is, it sees each motion:
#: an arm on its way waits while the file `hold` is there.
SESSION = """
import os
import sys
import time
from pathlib import Path
from app.interrupts import Interrupts
from app.options import exit_code
from app.run.command import run_trials
from app.run.options import RunOptions
from tests.support.quick_cell import QuickCell

hold, should_stop = Path(os.environ["VITRO_HOME"]) / "hold", Interrupts.should_stop
def should_stop_once_seen(self):
    while hold.exists():
        time.sleep(0.02)
    return should_stop(self)
Interrupts.should_stop = should_stop_once_seen

options = RunOptions(surface="diffuse", camera="sim", estimator="oracle", seed=8, trials=2, operator="ada", attempts=1)
class SameScene(QuickCell):
    def stage(self, surface, seed, objects):
        return super().stage(surface, 8, objects)
sys.exit(exit_code(lambda: run_trials(options, open_world=lambda cell, camera, seed: SameScene(cell, seed))))
"""


class Sitting:
    """A session of two trials in a process of its own, and what it has said so far."""

    def __init__(self, home: Path) -> None:
        self.home, self.said, self.hold = home, home / "said.txt", home / "hold"
        self.hold.touch()
        with self.said.open("w") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-c", SESSION],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                env=os.environ | {"VITRO_HOME": str(home)},
            )

    def address(self, limit_s: float = 60.0) -> str:
        end_s = time.monotonic() + limit_s
        while time.monotonic() < end_s and self.process.poll() is None:
            if found := re.search(r"http://localhost:\d+", self.said.read_text()):
                return found[0]
            time.sleep(0.05)
        raise AssertionError(self.said.read_text())


@pytest.fixture
def sitting(tmp_path: Path) -> Iterator[Sitting]:
    sitting = Sitting(tmp_path)
    yield sitting
    if sitting.process.poll() is None:
        sitting.process.kill()
        sitting.process.wait()


def moved(tab: Tab) -> None:
    tab.until_state("moving", 60)


@pytest.mark.slow
def test_a_sitting_is_worked_from_two_tabs_without_a_terminal(sitting: Sitting, browser: Browser) -> None:
    address = f"{sitting.address()}/?fixedDpr=0.1"
    desk, tablet = browser.tab(address, 900, 700), browser.tab(address, 820, 1180)
    for tab in (desk, tablet):
        tab.until("document.body?.innerText.includes('APPROVE')")
    tablet.press("APPROVE", times=2)
    moved(desk)
    desk.reload()  # in the middle of a motion
    sitting.hold.unlink()
    desk.until("document.body.innerText.includes('held: ')")
    tablet.press("failure")
    tablet.until_key("Confirm")
    desk.choose(str(FailureReason.SLIP_ON_LIFT))
    desk.press("Confirm")
    tablet.until("document.body.innerText.includes('no. 2 in the log')")
    tablet.until("document.body.innerText.includes('APPROVE')")
    sitting.hold.touch()
    desk.press("APPROVE")
    moved(tablet)
    tablet.press("STOP", times=2)  # a double click is one wish: stop and hold
    sitting.hold.unlink()
    assert sitting.process.wait(timeout=60) == 130, sitting.said.read_text()
    desk.until("document.body.innerText.includes('The session is over.')")

    with TrialStore(sitting.home / "trials.db") as store:
        first, second = store.labelled()
    assert (first.trial.outcome, first.trial.verified) == (Outcome.SUCCESS, True)
    assert first.label is not None
    assert (first.label.value, first.label.reason) == (LabelValue.FAILURE, FailureReason.SLIP_ON_LIFT)
    assert first.label.by == "ada"
    assert (second.trial.outcome, second.trial.reason) == (Outcome.INTERRUPTED, Reason.OPERATOR)
    assert second.label is None and "emergency" not in second.trial.detail
    said = sitting.said.read_text()
    assert said.count("by page") >= 4 and "all arms hold" in said
