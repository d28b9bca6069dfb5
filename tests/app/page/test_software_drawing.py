"""Without a GPU the page is drawn on the cell's own processors: no oftener than it is told of anything."""

import http.client
from contextlib import closing
from urllib.parse import urlsplit

import numpy as np
import pytest

from app.bench.page.browser import Browser, Tab
from app.page.cell_scene import CLOUD_SHARE, PERIOD_S, _coarse_first
from app.page.live_page import LivePage
from app.page.page_server import PageServer

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


#: Which of eight points beside each other, drawn as viser draws a cloud, are seen, and how large [px].
POINTS = """(() => {
  const gl = Object.assign(document.createElement('canvas'), {width: 160, height: 20}).getContext('webgl2');
  const program = gl.createProgram();
  for (const [kind, source] of [
    [gl.VERTEX_SHADER, `#version 300 es
      void main() {
        gl_Position = vec4((float(gl_VertexID) + 0.5) / 4.0 - 1.0, 0.0, 0.0, 1.0);
        gl_PointSize = (4.0);
      }`],
    [gl.FRAGMENT_SHADER, `#version 300 es
      precision mediump float; out vec4 color; void main() { color = vec4(1.0); }`],
  ]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source); gl.compileShader(shader); gl.attachShader(program, shader);
  }
  gl.linkProgram(program); gl.useProgram(program); gl.drawArrays(gl.POINTS, 0, 8);
  const row = new Uint8Array(4 * 160);
  gl.readPixels(0, 10, 160, 1, gl.RGBA, gl.UNSIGNED_BYTE, row);
  return [...Array(8).keys()].map(n => [...Array(20).keys()].filter(x => row[4 * (20 * n + x)]).length);
})()"""
#: What a browser with a GPU says it draws with.
GPU = """(() => {
  const say = WebGL2RenderingContext.prototype.getParameter;
  WebGL2RenderingContext.prototype.getParameter = function (what) {
    return what === 0x9246 ? "ANGLE (NVIDIA GeForce)" : say.call(this, what);
  };
})()"""
#: The 3D view's pixels for one of the window's.
DETAIL = "(c => c.width / c.clientWidth)([...document.querySelectorAll('canvas')].at(-1))"


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


@pytest.mark.slow
def test_frames_come_no_oftener_than_news(tab: Tab) -> None:
    frames, elapsed_ms, _ = tab.run(FRAMES)
    assert frames <= elapsed_ms / (1000 * PERIOD_S) + 2


@pytest.mark.slow
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


def test_beside_a_cell_a_quarter_of_a_clouds_points_is_drawn_at_twice_the_size(tab: Tab) -> None:
    assert tab.run(POINTS) == [8, 8, 0, 0, 0, 0, 0, 0]


@pytest.mark.slow
def test_a_page_that_runs_beside_no_cell_draws_every_point(browser: Browser) -> None:
    with closing(PageServer()) as server:
        tab = browser.tab(f"{server.address}/?fixedDpr=0.1", 900, 700)
        tab.until("document.body?.innerText.includes('Vitro')")
        assert tab.run(POINTS) == [4] * 8


@pytest.mark.slow
def test_the_view_is_drawn_half_as_finely_and_its_address_stays_what_it_was(page: LivePage, browser: Browser) -> None:
    tab = browser.tab(page.address, 900, 700)
    tab.until(f"document.querySelectorAll('canvas').length && {DETAIL} === 0.5")
    assert tab.run("location.search") == ""


@pytest.mark.slow
def test_with_a_gpu_every_pixel_and_every_point_is_drawn(page: LivePage, browser: Browser) -> None:
    tab = browser.tab("about:blank", 900, 700)
    tab.command("Page.addScriptToEvaluateOnNewDocument", source=GPU)
    tab.open(page.address)
    tab.until_key("STOP")
    assert tab.run(POINTS) == [4] * 8
    tab.until(f"document.querySelectorAll('canvas').length && {DETAIL} === 1")


@pytest.mark.slow
def test_a_cloud_is_sent_coarsest_first() -> None:
    known = np.random.default_rng(0).random((41, 30)) < 0.8
    rows, columns = _coarse_first(known)
    assert sorted(zip(rows, columns, strict=True)) == [tuple(at) for at in np.argwhere(known)]
    coarse = int(known[::2, ::2].sum())
    assert not (rows[:coarse] % 2).any() and not (columns[:coarse] % 2).any()
    assert coarse == pytest.approx(known.sum() / CLOUD_SHARE, rel=0.1)
