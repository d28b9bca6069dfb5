"""A web server for a page of ours: viser, behind the guard that says who may see it."""

import socket
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from app.console import Console, tell_result
from app.keys import has_terminal
from app.page.page_guard import LOOPBACK, PageGuard
from core.errors import ConfigurationError

if TYPE_CHECKING:
    from viser import ViserServer

PORT = 8080
_SCRIPTS = [Path(__file__).with_name(name) for name in ("software_drawing.js", "lost_connection.js")]
#: What the page asks for to know that its server is there.
_ALIVE = "/alive"
_ANY = ("0.0.0.0", "::")


class PageServer:
    """host: the address that it listens at; beyond this machine's own, `address` holds the token that it asks for.

    cloud_share: of so many points of a cloud, sent coarsest first, a browser without a GPU draws one.
    """

    def __init__(self, host: str = LOOPBACK[0], cloud_share: int = 1) -> None:
        """Raises a ConfigurationError where this machine has no such address."""
        import rich
        import viser

        _demand_own(host)

        class Server(viser.ViserServer):
            def request_share_url(self, verbose: bool = True) -> str | None:
                """Any visitor's button would open a tunnel to a server outside."""
                return None

        script = f"window.vitroCloudShare = {cloud_share};" + "".join(path.read_text() for path in _SCRIPTS)
        self._guard, self._host = PageGuard(host, script), host
        self.serve(_ALIVE, "")
        # viser prints by rich's own console, on its threads too; standard output may be carrying a command's JSON.
        rich.reconfigure(quiet=True)
        with self._guard.guarding():
            self.viser: ViserServer = Server(host=host, port=PORT, label="Vitro", verbose=False)
        self.viser.gui.configure_theme(show_share_button=False, show_logo=False)
        self.viser.gui.main_panel.dock_right()
        self.viser.gui.set_panel_label("Vitro")

    @property
    def address(self) -> str:
        port, token = self.viser.get_port(), self._guard.token
        name = "localhost" if not token else socket.gethostname() if self._host in _ANY else self._host
        return f"http://{name}:{port}{f'/?token={token}' if token else ''}"

    def serve(self, path: str, html: str) -> None:
        """A document beside the page, at `path` ("/report"), for whom the guard lets in; in place of one before."""
        self._guard.documents[path] = html.encode()

    def close(self) -> None:
        self.viser.stop()


def keep_open(address: str, console: Console) -> None:
    """Says where a page is and returns once a key is pressed, or by Ctrl-C where there is no terminal."""
    console.say(f"watch it: [bold]{address}[/]")
    tell_result()
    if has_terminal():
        console.ask_key("The page is open.", {"q": "close"})
        return
    console.say("Ctrl-C closes it.")
    Event().wait()


def _demand_own(host: str) -> None:
    """viser's server would fail on a thread of its own, and be waited for without end."""
    try:
        with socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            pass
    except (OSError, UnicodeError) as error:  # a name that cannot be one is no OSError
        raise ConfigurationError(
            f"The page cannot listen at --page-host {host!r}: this machine has no such address ({error}).",
            "Give 0.0.0.0 for all of its addresses, one that `hostname -I` lists, or leave it out: then only this "
            "machine sees the page.",
        ) from error
