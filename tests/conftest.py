"""What several test modules need and what is slow to make."""

import os

# Before anything that computes is imported, and for every process that a test starts: what is this small is slower
# with more threads than one, and pytest's own processes share the cores already. Set it to test with more.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.small_set import render_small_set


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
