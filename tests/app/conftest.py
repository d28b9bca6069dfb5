"""One chromium for all tests of pages."""

from collections.abc import Iterator

import pytest

from app.bench.page.browser import CHROMIUM, Browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine to open the page in")
    with Browser() as browser:
        yield browser
