"""Without a GPU the page is drawn on the cell's own processors: no oftener than it is told of anything."""

import http.client
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from app.bench.page.browser import Browser, Tab
from app.page.cell_scene import PERIOD_S
from app.page.live_page import LivePage

#: Frames asked for one after the other, as viser asks while anything moves: how many came, in how long [ms], and the
#: shortest time between two.
FRAMES = """new Promise(done => {
  const begun = performance.now();
  let frames = 0, last = -1e9, gap = 1e9;
  const step = () => {
    const now = performance.now();
    gap = Math.min(gap, now - last), last = now, frames++;
    if (now - begun > 1500) done([frames, now - begun, gap]); else requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
})"""


@pytest.fixture(scope="module")
def tab(page: LivePage, browser: Browser) -> Tab:
    tab = browser.tab(f"{page.address}/?fixedDpr=0.1", 900, 700)
    tab.until_key("STOP")
    return tab


@pytest.mark.parametrize("path", ["/", "/?fixedDpr=0.1", "/index.html"])
def test_the_page_comes_whole_whatever_a_browser_can_unpack(page: LivePage, path: str) -> None:
    bodies = []
    for encoding in ("gzip, br", "identity"):
        connection = http.client.HTTPConnection("127.0.0.1", urlsplit(page.address).port or 0, timeout=5)
        connection.request("GET", path, headers={"Accept-Encoding": encoding})
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Content-Encoding"]) == (200, None)
        bodies.append(answer.read())
    assert bodies[0] == bodies[1] and bodies[0].count(b"requestAnimationFrame") > 1 and bodies[0].endswith(b"</html>\n")


def test_the_page_comes_to_who_says_nothing_of_unpacking(page: LivePage) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", urlsplit(page.address).port or 0, timeout=5)) as connection:
        connection.putrequest("GET", "/", skip_accept_encoding=True)
        connection.endheaders()
        assert connection.getresponse().status == 200


def test_frames_come_no_oftener_than_news(tab: Tab) -> None:
    frames, elapsed_ms, _ = tab.run(FRAMES)
    assert frames <= elapsed_ms / (1000 * PERIOD_S) + 2


def test_while_a_hand_turns_the_view_every_frame_is_drawn(tab: Tab) -> None:
    turned = f"(window.dispatchEvent(new PointerEvent('pointerdown')), {FRAMES}).then(told => told[2] < 100)"
    tab.until(turned)


def test_a_frame_that_is_taken_back_does_not_come(tab: Tab) -> None:
    asked = "new Promise(done => { const first = requestAnimationFrame(() => done('first'));"
    assert tab.run(f"{asked} requestAnimationFrame(() => done('second')); cancelAnimationFrame(first); }})") == "second"


def test_a_frame_that_fails_is_told_and_takes_no_other_with_it(tab: Tab) -> None:
    told = tab.run("""new Promise(done => {
      const came = [];
      window.addEventListener("error", event => { came.push(event.message); event.preventDefault(); }, {once: true});
      requestAnimationFrame(() => came.push("before"));
      requestAnimationFrame(() => { throw new Error("planted"); });
      const next = () => { came.push("next"); done(came); };
      requestAnimationFrame(() => { came.push("after"); requestAnimationFrame(next); });
    })""")
    assert [one for one in told if "planted" not in one] == ["before", "after", "next"]
    assert any("planted" in one for one in told)


def test_a_frame_that_another_of_the_same_moment_takes_back_does_not_come(tab: Tab) -> None:
    told = tab.run("""new Promise(done => {
      const came = [];
      let second;
      requestAnimationFrame(() => { came.push("first"); cancelAnimationFrame(second); });
      second = requestAnimationFrame(() => came.push("second"));
      requestAnimationFrame(() => done(came));
    })""")
    assert told == ["first"]
