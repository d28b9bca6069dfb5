"""A log of its own for each test, where the commands look for it."""

from pathlib import Path

import pytest

from trials.store import TrialStore


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrialStore:
    monkeypatch.setenv("VITRO_HOME", str(tmp_path))
    monkeypatch.delenv("VITRO_TRIALS", raising=False)
    return TrialStore(tmp_path / "trials.db")
