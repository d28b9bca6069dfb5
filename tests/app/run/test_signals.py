"""Ctrl-C, a kill and a dropped line at the question whether to move: heard at once, and the trial ends well."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from trials.record import Outcome, Reason
from trials.store import TrialStore

#: A run in a terminal of its own, in which signals let system calls go on, as rendering leaves them; it is sent its
#: signals, or its line is dropped, at the question. Forked, so that what is imported is imported once.
ASKED_AND_SIGNALLED = """
import json, os, pty, select, signal, sys, time
from app.run.command import run_trials
from app.run.options import RunOptions
from app.options import exit_code
from tests.support.quick_cell import QuickCell
import grasping.planning.motions, ompl, toppra, piper_sdk, pupil_apriltags

def open_world(cell, camera, seed):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.siginterrupt(number, False)
    return QuickCell(cell, seed)

def run(home):
    os.environ["VITRO_HOME"] = home
    options = RunOptions(surface="diffuse", camera="sim", estimator="oracle", seed=8, headless=True, no_arm_check=True)
    os._exit(exit_code(lambda: run_trials(options, open_world=open_world)))

def until(terminal, word, limit_s):
    seen, end_s = b"", time.monotonic() + limit_s
    while word not in seen and time.monotonic() < end_s:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                seen += os.read(terminal, 4096)
            except OSError:  # the process is gone
                break
    return seen

def ended(child, terminal, limit_s):
    end_s = time.monotonic() + limit_s
    while time.monotonic() < end_s:
        if terminal is not None:
            until(terminal, b"never", 0.1)
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    return "hangs"

def begin(home):
    child, terminal = pty.fork()
    if child == 0:
        run(home)
    return child, terminal

def strike(child, terminal, number, count):
    seen = until(terminal, b"quit", 90)
    time.sleep(0.3)
    if number is None:
        os.close(terminal)
        terminal = None
    for _ in range(count):
        os.kill(child, number)
        time.sleep(0.02)
    return {"asked": b"Move the" in seen, "code": ended(child, terminal, 30)}

cases = json.loads(sys.argv[1])
begun = [begin(home) for home, *_ in cases]
print(json.dumps([strike(*one, *how) for one, (_, *how) in zip(begun, cases)]))
"""
CASES = {
    "Ctrl-C": (2, 1),
    "Ctrl-C six times": (2, 6),
    "SIGTERM": (15, 1),
    "SIGHUP": (1, 1),
    "a dropped line": (None, 0),
}


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[dict, Path]]:
    """What every case came to, and its home; all run beside one another."""
    homes = [tmp_path_factory.mktemp("home") for _ in CASES]
    cases = [[str(home), *how] for home, how in zip(homes, CASES.values(), strict=True)]
    command = [sys.executable, "-c", ASKED_AND_SIGNALLED, json.dumps(cases)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, timeout=250, check=True)
    return dict(zip(CASES, zip(json.loads(done.stdout), homes, strict=True), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_a_wish_to_stop_at_the_question_ends_the_run_at_once_and_its_row(name: str, ended: dict) -> None:
    result, home = ended[name]
    assert result == {"asked": True, "code": 130}
    with TrialStore(home / "trials.db") as store:
        (row,) = store.list()
    assert (row.outcome, row.reason, row.finished is not None) == (Outcome.INTERRUPTED, Reason.OPERATOR, True)
