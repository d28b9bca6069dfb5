"""What several test modules need and what is slow to make."""

from pathlib import Path

import pytest

from tests.support.small_set import render_small_set


@pytest.fixture(scope="session")
def small_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rendered data set of two clips. To be read, not changed."""
    return render_small_set(tmp_path_factory.mktemp("synth") / "whole")
