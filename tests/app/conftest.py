"""A chromium for each module that tests pages, and a recorded trial for those that read one."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.bench.page.browser import CHROMIUM, Browser

if TYPE_CHECKING:
    from tests.support.sessions.recorded_trial import RecordedTrial


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Ends with the module: pages left open go on drawing, on the cores that the other tests need."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine to open the page in")
    with Browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def done(home: Path) -> "RecordedTrial":
    """A whole trial on raw depth, logged and recorded in the home folder."""
    from tests.support.sessions.recorded_trial import record_trial

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VITRO_HOME", str(home))
        return record_trial(home)
