"""A page whose server does not answer says so, and that its STOP reaches nothing, until it answers again."""

import socket
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from app.bench.page.browser import Browser, Tab
from app.console import Console
from app.interrupts import Interrupts
from app.page.live_page import LivePage
from app.page.page_server import PageServer
from app.paths import cell_file
from core.cell import load_cell

BANNER = "document.querySelector('#vitro-lost')?.innerText ?? ''"


def opened(browser: Browser, address: str) -> Tab:
    tab = browser.tab(f"{address}{'&' if '?' in address else '?'}fixedDpr=0.1", 900, 700)
    tab.until("!!document.querySelector('.mantine-ScrollArea-root')")
    return tab


def live_page() -> LivePage:
    return LivePage(load_cell(cell_file("sim")), Console(is_quiet=True), Interrupts())


def test_a_server_that_is_gone_is_told_where_nobody_can_miss_it(browser: Browser) -> None:
    with closing(live_page()) as page:
        tab = opened(browser, page.address)
        tab.until_key("STOP")
        assert not tab.run(BANNER)
        page._page.close()  # as by kill -9: no last word
        # Held by what never answers: a page of another test's would take its place, and show in this tab.
        with socket.create_server(("127.0.0.1", urlsplit(page.address).port or 0)):
            tab.until(f"({BANNER}).includes('STOP reaches nothing')")
    assert tab.run("document.querySelector('#vitro-lost').contains(document.elementFromPoint(innerWidth / 2, 20))")


def test_one_that_answers_again_takes_the_words_away(browser: Browser) -> None:
    with closing(PageServer()) as server:
        tab = opened(browser, server.address)
        alive = server._guard.documents.pop("/alive")
        tab.until(f"({BANNER}).includes('cannot be reached')")
        server._guard.documents["/alive"] = alive
        tab.until(f"!({BANNER})")


def test_a_token_that_counts_no_longer_leads_to_the_new_address(browser: Browser) -> None:
    with closing(PageServer("0.0.0.0")) as server:
        tab = opened(browser, server.address.replace(server.address.split(":")[1], "//127.0.0.1"))
        tab.until("document.cookie === ''")
        server._guard.token = "another"
        tab.until(f"({BANNER}).includes('open the address')")


@pytest.mark.slow
def test_the_end_of_a_session_is_no_loss(browser: Browser) -> None:
    with closing(live_page()) as page:
        tab = opened(browser, page.address)
        tab.until_key("STOP")
    tab.until(f"({BANNER}).includes('The session is over')")
    assert "STOP reaches nothing" not in tab.text()
