"""A hub on this machine, for each test anew."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hub_server import Hub
from tests.support.tiny.hub import only_hub, release


@pytest.fixture(scope="module")
def repos() -> dict[str, dict[str, bytes]]:
    return release()


@pytest.fixture
def hub(repos: dict[str, dict[str, bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with only_hub(repos, tmp_path, monkeypatch) as hub:
        yield hub
