"""Emulated arms, taken down after each test."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest

from tests.support.emulated_arm import emulated_cells, ready


@pytest.fixture
def build() -> Iterator[Callable[..., SimpleNamespace]]:
    with emulated_cells() as make:
        yield make


@pytest.fixture
def cell(build: Callable[..., SimpleNamespace]) -> SimpleNamespace:
    """One arm, connected and enabled."""
    return ready(build)
