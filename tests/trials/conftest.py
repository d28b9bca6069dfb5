"""Logs of both kinds for one and the same test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.logs.postgres import new_database, postgres_cluster


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    with postgres_cluster() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty log can be made: a file that is not there, an empty database of a server."""
    if request.param == "sqlite":
        return str(tmp_path / "runs" / "trials.db")
    return new_database(request.getfixturevalue("postgres"))
