"""The operator's page of a cell in which nothing runs."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from app.console import Console
from app.interrupts import Interrupts
from app.page.live_page import LivePage
from app.paths import cell_file
from core.cell import load_cell


@pytest.fixture(scope="module")
def page() -> Iterator[LivePage]:
    with closing(LivePage(load_cell(cell_file("sim")), Console(is_quiet=True), Interrupts())) as page:
        yield page
