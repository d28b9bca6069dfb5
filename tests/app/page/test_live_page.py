"""The operator's page is shown to the operator's browser, and to no page beside it."""

import http.client
import re
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest
import viser
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from app.console import Console
from app.interrupts import Interrupts
from app.page.live_page import LivePage
from app.page.page_server import PageServer
from app.paths import cell_file
from core.cell import load_cell
from core.errors import ConfigurationError

VERSION = f"viser-v{viser.__version__}"


@pytest.fixture(scope="module")
def open_page() -> Iterator[LivePage]:
    with closing(LivePage(load_cell(cell_file("sim")), Console(is_quiet=True), Interrupts(), "0.0.0.0")) as page:
        yield page


def port(page: LivePage) -> int:
    return urlsplit(page.address).port or 0


def listen(page: LivePage, origin: str | None, **headers: str) -> ClientConnection:
    return connect(
        f"ws://127.0.0.1:{port(page)}", origin=origin, subprotocols=[VERSION], additional_headers=headers, max_size=None
    )


def get(page: LivePage, path: str, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port(page), timeout=5)
    connection.request("GET", path, headers=headers)
    return connection.getresponse()


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_the_page_itself_is_shown(page: LivePage, name: str) -> None:
    host = f"{name}:{port(page)}"
    assert get(page, "/", Host=host).status == 200
    with connect(f"ws://{host}", origin=f"http://{host}", subprotocols=[VERSION], max_size=None) as socket:
        assert socket.recv(timeout=5)


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:1", "https://127.0.0.1.evil.example"]
)
def test_another_page_in_the_browser_hears_nothing(page: LivePage, origin: str) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        listen(page, origin)


@pytest.mark.parametrize("path", ["/", "/index.html", "/report"])
def test_no_other_page_shows_this_one_within_itself_for_clicks_to_fall_through(page: LivePage, path: str) -> None:
    page._page.serve("/report", "<html></html>")
    shown = get(page, path)
    assert shown.status == 200 and shown.headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in shown.headers["Content-Security-Policy"]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "[::", ""])
def test_a_foreign_name_that_leads_here_is_refused(page: LivePage, host: str) -> None:
    assert get(page, "/", Host=host, Origin=f"http://{host}").status == 403


def test_beyond_this_machine_the_page_asks_for_its_token(open_page: LivePage) -> None:
    origin, token = f"http://127.0.0.1:{port(open_page)}", urlsplit(open_page.address).query
    assert len(token) > 20
    for path in ("/", "/?token=", "/?token=guess", "/index.html"):
        assert get(open_page, path).status == 403
    for cookie in ("", "vitro_page=guess"):
        with pytest.raises(InvalidStatus, match="403"):
            listen(open_page, origin, Cookie=cookie)
    shown = get(open_page, f"/?{token}")
    cookie = re.match("[^;]+", shown.headers["Set-Cookie"])
    assert shown.status == 200 and cookie and "HttpOnly" in shown.headers["Set-Cookie"]
    with listen(open_page, origin, Cookie=cookie[0]) as socket:
        assert socket.recv(timeout=5)
    with pytest.raises(InvalidStatus, match="403"):
        listen(open_page, "http://evil.example", Cookie=cookie[0])


@pytest.mark.parametrize("host", ["192.0.2.7", "no-such-host.invalid", "2001:db8::7", "a" * 70, "-"])
def test_an_address_that_this_machine_lacks_is_named_at_once(host: str) -> None:
    with pytest.raises(ConfigurationError, match=host) as caught:
        PageServer(host)
    assert "0.0.0.0" in caught.value.remedy


def test_nothing_is_printed_and_nothing_shared(capfd: pytest.CaptureFixture[str]) -> None:
    with closing(LivePage(load_cell(cell_file("sim")), Console(is_quiet=True), Interrupts())) as page:
        with (
            connect(f"ws://127.0.0.1:{port(page)}", subprotocols=["viser-v0"]) as socket,
            pytest.raises(ConnectionClosed),
        ):
            socket.recv(timeout=5)  # of another version: viser says so
        assert page._server.request_share_url() is None
    assert capfd.readouterr().out == ""
