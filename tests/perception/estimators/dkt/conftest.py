"""Weights of a DKT for each module: tiny and random."""

from pathlib import Path

import pytest

from tests.support.tiny.dkt import tiny_dkt


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_dkt().write(tmp_path_factory.mktemp("weights") / "dkt")
