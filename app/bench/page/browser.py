"""Headless chromium over the DevTools protocol: what a person at the page does, and what he sees."""

import base64
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from websockets.sync.client import ClientConnection, connect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
#: The 3D view is drawn by the processor.
OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--no-first-run",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    "--disable-extensions",
    "--disable-background-networking",
    "--hide-scrollbars",
)
#: viser's page sends one message in 50 ms, the newest: what a person does sooner after another thing may be lost. By
#: the page's own clock, for on a busy machine its timers are late.
_HAND = "new Promise(resolve => setTimeout(resolve, 100))"
#: A browser that draws on cores which others need too may take its time to answer [s].
_ANSWER_S = 120.0
_DRAWN = "window.whenDrawn = window.requestAnimationFrame.bind(window)"
#: Page's texts of keys, by what a finger sees.
_KEYS = "[...document.querySelectorAll('button[id]')].filter(b => b.offsetParent !== null)"


class Browser:
    """A chromium process; `tab` opens pages in it."""

    def __init__(self) -> None:
        # Its helpers may still be writing there when it has ended.
        self._profile = tempfile.TemporaryDirectory(prefix="vitro-chromium-", ignore_cleanup_errors=True)
        command = [str(CHROMIUM), *OPTIONS, f"--user-data-dir={self._profile.name}", "about:blank"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._port = self._wait_for_port()
        self._spent_s: dict[Any, float] = {}

    def _wait_for_port(self, limit_s: float = 30.0) -> int:
        file, end_s = Path(self._profile.name) / "DevToolsActivePort", time.monotonic() + limit_s
        while time.monotonic() < end_s:
            if file.exists() and (text := file.read_text().split()):
                return int(text[0])
            time.sleep(0.05)
        raise TimeoutError("chromium did not start")

    def tab(self, address: str, width: int = 1280, height: int = 800) -> "Tab":
        """Opens an address in a window of its own: a page that nobody sees draws nothing."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/json/version", timeout=10) as answer:
            whole = Tab(connect(json.load(answer)["webSocketDebuggerUrl"], max_size=None))
        target = whole.command("Target.createTarget", url="about:blank", newWindow=True)["targetId"]
        whole.leave()
        tab = Tab(connect(f"ws://127.0.0.1:{self._port}/devtools/page/{target}", max_size=None))
        # viser looks for its server only in a window that has the focus.
        tab.command("Emulation.setFocusEmulationEnabled", enabled=True)
        tab.resize(width, height)
        # What tells when something is drawn, whatever the page makes of it.
        tab.command("Page.enable")
        tab.command("Page.addScriptToEvaluateOnNewDocument", source=_DRAWN)
        tab.open(address)
        return tab

    def cpu_s(self) -> float:
        """What its processes have computed so far [s]; of those that have ended, as far as was seen."""
        import psutil

        with suppress(psutil.NoSuchProcess):
            whole = psutil.Process(self._process.pid)
            for process in (whole, *whole.children(recursive=True)):
                with suppress(psutil.NoSuchProcess):  # it ended since it was listed
                    times = process.cpu_times()
                    self._spent_s[process] = times.user + times.system
        return sum(self._spent_s.values())

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._process.terminate()
        self._process.wait(timeout=60)
        self._profile.cleanup()


class Tab:
    """One page. Waits end with what was seen last."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket, self._number = socket, 0

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv(timeout=_ANSWER_S))
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result

    def run(self, script: str) -> Any:
        """What an expression of JavaScript comes to."""
        result = self.command("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"]["exception"].get("description"))
        return result["result"].get("value")

    def open(self, address: str) -> None:
        self.command("Page.navigate", url=address)

    def reload(self) -> None:
        self.run("window.before = true")
        self.command("Page.reload")
        self.until("!window.before && !!document.body")

    def resize(self, width: int, height: int) -> None:
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    def until(self, script: str, limit_s: float = 60.0) -> Any:
        """The expression's value once it is true."""
        end_s = time.monotonic() + limit_s
        while time.monotonic() < end_s:
            if value := self.run(script):
                return value
            time.sleep(0.03)
        raise AssertionError(f"never came true: {script}; the page shows: {self.text()}; its keys: {self.words()}")

    def text(self) -> str:
        return str(self.run("document.body?.innerText ?? ''"))

    def words(self) -> list[str]:
        """What is written on the keys that may be pressed."""
        return [str(word) for word in self.run(f"{_KEYS}.map(b => b.innerText.trim())")]

    def until_key(self, word: str) -> None:
        self.until(f"{_KEYS}.some(b => b.innerText.includes({json.dumps(word)}))")

    def press(self, word: str, times: int = 1) -> None:
        """Clicks a key with the mouse, where it is, as often as said, as fast as it goes."""
        self.until_key(word)
        self._click(key_of(word), times)

    def place(self, word: str) -> tuple[float, float, float, float]:
        """Left, top, right, bottom [px] of a key in the window."""
        return self._place(key_of(word))

    def choose(self, option: str) -> None:
        """Opens the list and takes an option."""
        self._click("[...document.querySelectorAll('input[aria-haspopup=listbox]')].find(i => i.offsetParent)")
        found = f"[...document.querySelectorAll('[role=option]')].find(o => o.innerText === {json.dumps(option)})"
        self.until(f"!!{found}")
        self.run(f"{found}.click()")
        self.run(_HAND)
        self.until(f"[...document.querySelectorAll('input')].some(i => i.value === {json.dumps(option)})")

    def choose_tab(self, word: str) -> None:
        """Of the page's own; clicked again where the page moved under the mouse."""
        tab = f"[...document.querySelectorAll('[role=tab]')].find(b => b.innerText === {json.dumps(word)})"
        while self.run(f"{tab}.getAttribute('aria-selected')") != "true":
            self._click(tab)

    def _click(self, element: str, times: int = 1) -> None:
        """Waits until nothing covers its middle, as a list that is just closing does."""
        self.until(
            f"(() => {{ const e = {element}; if (!e) return false; const r = e.getBoundingClientRect();"
            " return e.contains(document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2)); })()"
        )
        left, top, right, bottom = self._place(element)
        x, y = (left + right) / 2, (top + bottom) / 2
        for number in range(1, times + 1):
            for kind in ("mousePressed", "mouseReleased"):
                self.command("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=number)
        self.run(_HAND)

    def _place(self, element: str) -> tuple[float, float, float, float]:
        left, top, right, bottom = self.run(
            f"(() => {{ const r = {element}.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; }})()"
        )
        return left, top, right, bottom

    def write(self, text: str) -> None:
        """Into the note."""
        self.run("[...document.querySelectorAll('input')].find(i => i.type === 'text' && i.offsetParent).focus()")
        self.command("Input.insertText", text=text)
        self.run(_HAND)

    def state(self) -> str:
        """What the page says the session does: working, waiting, moving, ..."""
        return str(self.run("document.querySelector('#vitro-status')?.dataset.state ?? ''"))

    def until_state(self, state: str, limit_s: float = 20.0) -> None:
        self.until(f"document.querySelector('#vitro-status')?.dataset.state === {json.dumps(state)}", limit_s)

    def picture(self, file: Path) -> None:
        data = self.command("Page.captureScreenshot", format="png")["data"]
        file.write_bytes(base64.b64decode(data))

    def leave(self) -> None:
        """Lets go of the page, which stays open."""
        self._socket.close()


def key_of(word: str) -> str:
    """JavaScript that finds a key by what is written on it, or by how that begins, or by a part of it."""
    ways = "b.innerText === w", "b.innerText.startsWith(w)", "b.innerText.includes(w)"
    return f"(w => {' || '.join(f'{_KEYS}.find(b => {way})' for way in ways)})({json.dumps(word)})"
