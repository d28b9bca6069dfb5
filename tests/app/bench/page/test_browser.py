"""What a browser has computed is known whatever its processes do meanwhile."""

from typing import Any

import psutil
import pytest

from app.bench.page.browser import Browser

BUSY = "(() => { const end = performance.now() + 300; while (performance.now() < end); return true; })()"


def test_of_processes_that_end_while_they_are_asked_it_counts_what_was_seen(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page's process ends between being listed and being asked; nothing that was computed is forgotten."""
    tab = browser.tab("data:text/html,busy")
    assert tab.run(BUSY)
    before_s, children, ended = browser.cpu_s(), psutil.Process.children, []

    def listed_then_ended(process: psutil.Process, *args: Any, **kwargs: Any) -> list[psutil.Process]:
        listed = children(process, *args, **kwargs)
        pages = [one for one in listed if "--type=renderer" in one.cmdline()]
        for page in pages:
            page.kill()
        ended.extend(psutil.wait_procs(pages, timeout=30)[0])
        return listed

    monkeypatch.setattr(psutil.Process, "children", listed_then_ended)
    assert browser.cpu_s() >= before_s > 0.2
    monkeypatch.undo()
    assert ended and browser.cpu_s() >= before_s


@pytest.mark.usefixtures("browser")  # there is one
def test_of_a_browser_that_has_ended_it_says_what_was_seen() -> None:
    with Browser() as another:
        seen_s = another.cpu_s()
    assert another.cpu_s() >= seen_s > 0.0
