"""An empty log for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from trials.store import TrialStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TrialStore]:
    with TrialStore(tmp_path / "trials.db") as opened:
        yield opened
