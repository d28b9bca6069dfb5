"""Stages end in time and with words, whatever a part does; nothing that comes too late is used."""

import gc
import signal
import subprocess
import sys
import threading
import time
import weakref

import pytest

from app.interrupts import Interrupts
from app.run.worker import Worker
from core.errors import CalibrationError, DeadlineError, PerceptionError, PlanningError
from tests.support.paths import ROOT


def fail(error: BaseException) -> None:
    raise error


def test_what_a_function_returns_comes_back_from_one_thread_beside_this() -> None:
    worker = Worker()
    idents = {worker.run("plan", 5.0, threading.get_ident) for _ in range(3)}
    assert len(idents) == 1 and threading.get_ident() not in idents
    assert worker.run("plan", 5.0, lambda a, b=0: (a, b), 1, b=2) == (1, 2)


@pytest.mark.parametrize(
    "error", [ValueError("shapes (3,) and (4,)"), MemoryError(), RuntimeError("CUDA"), SystemExit(3)]
)
@pytest.mark.parametrize(("stage", "kind"), [("estimate", PerceptionError), ("plan", PlanningError)])
def test_what_a_part_raises_is_told_with_its_place(stage: str, kind: type, error: BaseException) -> None:
    with pytest.raises(kind) as caught:
        Worker().run(stage, 5.0, fail, error)
    assert type(error).__name__ in caught.value.cause and "test_worker.py:" in caught.value.cause
    assert str(error) in caught.value.cause and caught.value.__cause__ is error


def test_our_own_errors_stay_as_they_are() -> None:
    error = CalibrationError("The tags disagree.", "Lay them anew.")
    with pytest.raises(CalibrationError) as caught:
        Worker().run("locate", 5.0, fail, error)
    assert caught.value is error


def test_what_hangs_is_given_up_and_what_it_still_says_is_not_used() -> None:
    worker, free, said = Worker(), threading.Event(), []
    with pytest.raises(PerceptionError, match=r"estimate gave no answer within 0.2 s"):
        worker.run("estimate", 0.2, free.wait)
    with pytest.raises(DeadlineError, match="estimate, given up in an earlier trial, runs still"):
        worker.run("locate", 0.2, said.append, "late")
    free.set()
    assert worker.run("locate", 5.0, lambda: "new") == "new"
    assert said == [], "what nobody waited for any more was not begun"


def test_ctrl_c_is_heard_while_a_stage_hangs() -> None:
    worker, free = Worker(), threading.Event()
    threading.Timer(0.2, lambda: signal.raise_signal(signal.SIGINT)).start()
    with Interrupts(), pytest.raises(KeyboardInterrupt):  # as in a run, whatever the process did with it before
        worker.run("estimate", 20.0, free.wait)
    free.set()


LEFT_BUSY = """
import sys, threading, time
import app.cli
from app.run.worker import Worker

def command(*_, **__):
    threading.Thread(target=lambda: Worker().run("capture", 60.0, time.sleep, 60.0), daemon=True).start()
    time.sleep(0.3)
    print("said", end="")
    sys.exit(130)

app.cli.app = command
app.cli.main(["run"])
"""


def test_a_process_ends_with_its_code_though_a_stage_computes_still() -> None:
    done = subprocess.run([sys.executable, "-c", LEFT_BUSY], cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (130, "said", "")


class Model:
    def estimate(self) -> int:
        return 1


def test_a_worker_holds_no_model_once_it_has_answered_and_its_thread_ends_with_it() -> None:
    worker, model = Worker(), Model()
    thread = worker.run("estimate", 5.0, threading.current_thread)
    seen = weakref.ref(model)
    assert worker.run("estimate", 5.0, model.estimate) == 1
    del model
    let_go = threading.Event()
    weakref.finalize(worker, let_go.set)
    for _ in range(1000):  # the answer comes before the thread is through
        if seen() is None:
            break
        time.sleep(0.01)
    assert seen() is None
    del worker
    gc.collect()
    thread.join(30.0)
    assert let_go.is_set() and not thread.is_alive()
