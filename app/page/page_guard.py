"""Who may see the operator's page: a browser that shows this very page, and beyond this machine one with its token.

Any web page that the operator's browser shows may open a websocket to this machine; the browser tells from where.
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio import server
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_COOKIE = "vitro_page"
_HTML = "text/html; charset=utf-8"
#: Shown within another page, unseen under its own buttons, a click there would approve a motion here.
_UNFRAMED = {"X-Frame-Options": "DENY", "Content-Security-Policy": "frame-ancestors 'none'"}
#: Where viser serves its page.
_PAGE = ("", "/", "/index.html")


class PageGuard:
    """Judges every request before the page's server sees it. token: empty where only this machine is listened to.

    documents: HTML by its path, beside the page. script: JavaScript that runs in the page before its own.
    """

    def __init__(self, host: str, script: str = "") -> None:
        self._is_local = host in LOOPBACK
        self.token = "" if self._is_local else secrets.token_urlsafe(16)
        self.documents: dict[str, bytes] = {}
        self._script = f"<head><script>{script}</script>".encode()

    def refusal(self, request: Request) -> str:
        """Why a request is refused, nothing where it is not."""
        hosts, origins = request.headers.get_all("Host"), request.headers.get_all("Origin")
        # A foreign name that was made to lead here (DNS rebinding) would be of one origin with its own page.
        if len(hosts) != 1 or (self._is_local and _name(f"//{hosts[0]}") not in LOOPBACK):
            return "This page is of another address."
        # Only browsers say an origin; `null` is one too.
        if any(origin.partition("://")[2] != hosts[0] for origin in origins):
            return "Another page may not look here."
        if self.token and not any(secrets.compare_digest(self.token, said) for said in _tokens(request)):
            return "Open the address that Vitro printed, with its token."
        return ""

    @contextmanager
    def guarding(self) -> Iterator[None]:
        """A websocket server that is started within asks the guard first: viser has no place to say so."""
        serve = server.serve

        def guarded(*args: Any, process_request: Callable[[Any, Request], Response | None], **options: Any) -> Any:
            def judge(connection: Any, request: Request) -> Response | None:
                if refusal := self.refusal(request):
                    return _response(HTTPStatus.FORBIDDEN, "text/plain", refusal.encode())
                path = urlsplit(request.path).path
                if (document := self.documents.get(path)) is not None:
                    return _response(HTTPStatus.OK, _HTML, document)
                is_page = path in _PAGE and "Upgrade" not in request.headers
                if is_page and "Accept-Encoding" in request.headers:
                    del request.headers["Accept-Encoding"]
                response = process_request(connection, request)
                if is_page and response is not None and response.status_code == HTTPStatus.OK:
                    body = bytes(response.body).replace(b"<head>", self._script, 1)
                    response = _response(HTTPStatus.OK, _HTML, body)
                if response is not None and self.token:
                    response.headers["Set-Cookie"] = f"{_COOKIE}={self.token}; HttpOnly; SameSite=Strict"
                return response

            return serve(*args, process_request=judge, **options)

        server.serve = guarded  # type: ignore[assignment,misc]
        try:
            yield
        finally:
            server.serve = serve  # type: ignore[misc]


def _response(status: HTTPStatus, kind: str, body: bytes) -> Response:
    headers = Headers({"Content-Type": kind, "Content-Length": str(len(body)), "Connection": "close", **_UNFRAMED})
    return Response(status, status.phrase, headers, body)


def _name(address: str) -> str:
    """The host of an address, without its port; nothing where there is none."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _tokens(request: Request) -> list[str]:
    """What the request says as its token: in its address, or in the cookie that the page gave."""
    try:
        cookies = SimpleCookie("; ".join(request.headers.get_all("Cookie")))
    except CookieError:
        cookies = SimpleCookie()
    said = parse_qs(urlsplit(request.path).query).get("token", [])
    said += [cookies[_COOKIE].value] if _COOKIE in cookies else []
    return [token for token in said if token.isascii()]
