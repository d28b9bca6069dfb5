"""What several test modules need and what is slow to make."""

import os

# Before anything that computes is imported, and for every process that a test starts: what is this small is slower
# with more threads than one, and pytest's own processes share the cores already. Set it to test with more.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import gc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.small_set import render_small_set

#: The files that take longest, by seconds. Begun first: a process that began one last would keep all others waiting.
LONGEST = (
    "app/run/test_session.py",
    "app/run/overlap/test_overlapped_trial.py",
    "perception/estimators/dkt/test_dkt_speed.py",
    "app/page/test_page_session.py",
    "calibration/test_solve.py",
    "perception/learning/objects/test_object_training.py",
    "app/clips/test_depth_command.py",
    "app/campaign/test_campaign.py",
    "perception/learning/synthesis/clips/test_farm.py",
    "perception/estimators/vitro_s/test_vitro_s_estimator.py",
    "app/bench/test_evaluation_bench.py",
    "perception/estimators/dkt/test_dkt_stream.py",
    "app/test_clear_table.py",
    "perception/learning/vitro_s/test_vitro_s_training.py",
    "app/arm_look/test_arm_proof.py",
)


def pytest_configure(config: pytest.Config) -> None:
    """Refuses a mistyped path at once: parallel processes would each find nothing, and none would say so."""
    absent = [one for one in config.args if not (config.invocation_params.dir / one.partition("::")[0]).exists()]
    if absent:
        raise pytest.UsageError(f"There is no {', no '.join(absent)}: name what tests/ holds, or a word: -k WORD.")


def pytest_collection() -> None:
    """Modules come, and stay: collecting garbage meanwhile takes a tenth of the time, and finds none."""
    gc.disable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {ROOT / "tests" / file: place for place, file in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


def pytest_collection_finish() -> None:
    """What all modules hold stays: every collection of garbage would go through a million objects of theirs."""
    gc.enable()
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def small_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rendered data set of two clips. To be read, not changed."""
    return render_small_set(tmp_path_factory.mktemp("synth") / "whole")


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    """Sets how many threads PyTorch computes with, until the test is over."""
    import torch

    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)
