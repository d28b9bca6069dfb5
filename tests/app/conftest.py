"""A chromium for each module that tests pages."""

from collections.abc import Iterator

import pytest

from app.bench.page.browser import CHROMIUM, Browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Ends with the module: pages left open go on drawing, on the cores that the other tests need."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine to open the page in")
    with Browser() as browser:
        yield browser
