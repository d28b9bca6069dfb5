"""A cell that is closed leaves nothing behind: after an arm's fault it is opened again and again, for days."""

import gc
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from app.run import live_trial
from hardware.simulation.digital_cell import DigitalCell
from tests.support.drawn_cell import CELL
from tests.support.sessions.quick_session import SCENE, Bench

#: Longest that threads take to end which were told to [s].
PATIENCE_S = 20.0
#: Of ours, and what the SDK and its bus would keep of an arm.
WATCHED = ("app", "calibration", "core", "grasping", "hardware", "perception", "trials", "piper_sdk", "can")


def held() -> Counter[str]:
    """What of such objects is alive, and what the process has open and running."""
    gc.collect()
    kinds = [type(known) for known in gc.get_objects()]
    packages = [(kind, str(kind.__module__).partition(".")[0]) for kind in kinds]
    counts = Counter(f"{kind.__module__}.{kind.__name__}" for kind, package in packages if package in WATCHED)
    return counts + Counter(threads=threading.active_count(), files=psutil.Process().num_fds())


def beyond(most: Counter[str]) -> Counter[str]:
    """What is held beyond `most`, once threads that were told to end have had the time to."""
    ends_s = time.monotonic() + PATIENCE_S
    while (more := held() - most) and time.monotonic() < ends_s:
        time.sleep(0.05)
    return more


@pytest.mark.slow
def test_a_digital_cell_opened_and_closed_again_and_again_holds_what_it_held_after_the_first_time() -> None:
    running = threading.active_count()
    for opening in range(3):
        with closing(DigitalCell(CELL, 0)) as world:
            world.stage("diffuse", SCENE, 1)
        del world
        if opening == 0:
            first = held()
            first["threads"] = running
    assert not beyond(first)


@pytest.mark.slow
def test_a_session_leaves_nothing_of_its_trials_for_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITRO_HOME", str(tmp_path))
    monkeypatch.setattr(live_trial, "PICTURE_VALID_S", 3600.0)
    running = threading.active_count()
    for opening in range(3):
        with closing(Bench(tmp_path)) as bench:
            bench.run()
            assert any(thread.name == "stages" for thread in threading.enumerate())
        del bench
        if opening == 1:  # the first imports, and fills caches
            first = held()
            first["threads"] = running
    assert not beyond(first)
