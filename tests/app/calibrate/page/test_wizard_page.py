"""The wizard worked from the page: a view is asked for anew, approved and stopped; what was seen, covered and solved is
shown, after a reload too."""

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.bench.page.browser import Browser, Tab
from app.calibrate.board_size import ask_tag_mm
from app.calibrate.options import Plant
from app.calibrate.page.wizard_page import wizard_parts
from app.calibrate.rig import Rig
from app.calibrate.samples import Samples
from app.calibrate.sampling import Sampling, take_views
from app.console import Console
from app.events import BoardLook, CalibrationSolved, MoveProposed, ViewRefused, ViewsChange
from app.interrupts import Interrupts
from app.page.live_page import LivePage
from app.paths import CELLS
from app.run.operator import Operator
from calibration.board import Board
from calibration.sample_arrays import touch_arrays, view_arrays
from calibration.solve import solve_arm
from core.cell import load_cell
from core.errors import PerceptionError
from core.transforms import look_at
from hardware.cameras.camera import Camera
from hardware.cameras.frame import RgbdFrame
from hardware.robot.description import PARK_JOINTS
from hardware.simulation.drawn_camera import draw_tags
from tests.support.board_views import K, drawn_truth, drawn_views
from tests.support.calibrations import calibration_of
from tests.support.recordings import make_frame

CELL, BOARD = load_cell(CELLS / "sim.yaml"), Board()
#: A picture of the board alone.
SHOWN = draw_tags(CELL.model_copy(update={"tags": BOARD.tags}), look_at((0.05, 0.02, 0.5), (0.0, 0.0, 0.0)))


class LookedAt(Camera):
    """A camera that sees one thing now."""

    def __init__(self, view: RgbdFrame) -> None:
        self.view = view

    def glance(self, timeout_s: float = 0.5) -> RgbdFrame | None:
        return self.view


class Wizard:
    """A rig of drawn pictures, its page, and a hand at the browser."""

    def __init__(self, rig: Rig) -> None:
        self.rig, self.console, self.interrupts = rig, Console(is_quiet=True), Interrupts()
        self.page = LivePage(
            CELL,
            self.console,
            self.interrupts,
            lay_out=lambda page, cell: wizard_parts(page, cell, lambda: rig.board, K),
        )
        self.page.watch(rig.world.arms)

    def sampling(self, folder: Path) -> Sampling:
        operator = Operator(self.console, self.interrupts)
        samples = Samples.open(folder, {}, fresh=False)
        intrinsics = self.rig.world.camera.intrinsics
        return Sampling(CELL, self.rig, samples, operator, intrinsics, CELL.camera.T_world_camera, 2, 0.5, 3)


@pytest.fixture(scope="module")
def wizard() -> Iterator[Wizard]:
    with closing(Rig(CELL, "sim", BOARD, 3, Plant.NOTHING, is_drawn=True)) as rig:
        rig.give_board("left")
        wizard = Wizard(rig)
        with closing(wizard.page):
            yield wizard


@pytest.fixture(scope="module")
def tab(wizard: Wizard, browser: Browser) -> Tab:
    tab = browser.tab(f"{wizard.page.address}/?fixedDpr=0.1", 820, 1180)
    tab.until_key("STOP")
    return tab


def test_another_view_is_asked_for_and_a_stop_once_it_moves_holds_the_arm(
    wizard: Wizard, tab: Tab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed, goals_rad = list[BaseException](), list[np.ndarray]()
    on_its_way, stopped = threading.Event(), threading.Event()
    arm = wizard.rig.world.arms["left"]

    def hand() -> None:
        try:
            tab.until("document.body.innerText.includes('time [%]')", 120)  # the ghost's
            tab.reload()
            tab.press("another view")
            tab.until("document.body.innerText.includes('Another view was asked for by page')")
            for _ in range(3):  # a busy browser may lose a click
                with suppress(AssertionError):
                    tab.press("APPROVE")
                    tab.until_state("moving")
                    break
            assert tab.state() == "moving" and on_its_way.wait(60), tab.text()
            tab.press("STOP", times=2)
        except BaseException as error:
            failed.append(error)
            wizard.interrupts.request()
        stopped.set()

    def should_stop() -> bool:
        """However slow the browser is, the stop comes while the arm is on its way."""
        if np.abs(arm.peek().joints_rad - PARK_JOINTS).max() > 0.1:
            on_its_way.set()
            stopped.wait()
        return wizard.interrupts.stop_requested

    def note(event: object) -> None:
        if isinstance(event, MoveProposed):
            goals_rad.append(event.motion.positions_rad[-1])

    thread = threading.Thread(target=hand)
    monkeypatch.setattr(wizard.interrupts, "should_stop", should_stop)
    wizard.console.events.add(note)
    with wizard.interrupts, pytest.raises(KeyboardInterrupt):
        thread.start()
        take_views(wizard.sampling(tmp_path), "left")
    thread.join()
    assert not failed, str(failed[0])
    state = arm.state()
    assert state.enabled and not state.stopped and not state.faults
    for away_rad in (PARK_JOINTS, goals_rad[-1]):  # it had left the one, and never came to the other
        assert np.abs(state.joints_rad - away_rad).max() > 0.09
    assert not Samples.open(tmp_path, {}, fresh=False).views


@pytest.mark.slow
def test_what_a_look_sees_is_drawn_and_a_refusal_says_its_reason_after_a_reload_too(wizard: Wizard, tab: Tab) -> None:
    tell = wizard.console.events.tell
    tell(BoardLook("left", SHOWN))
    tell(ViewRefused("left", PerceptionError("The board moves: its corners wander.", "Let the arm come to rest.")))
    tab.until("document.body.innerText.includes('its board, 6 of 6 tags')")
    tab.reload()
    tab.until("document.body.innerText.includes('refused: The board moves')")
    assert "→ Let the arm come to rest." in tab.text()


@pytest.mark.slow
def test_a_live_camera_says_whether_the_board_would_be_a_view_now(wizard: Wizard, tab: Tab) -> None:
    camera = LookedAt(replace(make_frame(3), color=SHOWN))
    wizard.page.watch(wizard.rig.world.arms, camera)
    tab.until("document.body.innerText.includes('Now: 6 of the board')")
    camera.view = replace(camera.view, color=np.full_like(camera.view.color, 90))
    tab.until("document.body.innerText.includes('Now: The board is not seen')")
    wizard.page.watch({})


@pytest.mark.slow
def test_coverage_and_residuals_follow_the_views(wizard: Wizard, tab: Tab) -> None:
    tell, views = wizard.console.events.tell, tuple(drawn_views(drawn_truth(0), 12))
    tab.choose_tab("Coverage")
    tell(ViewsChange("left", views[:2], 20))
    tab.until("document.body.innerText.includes('left arm: 2 of 20 views')")
    assert "Wanted still" in tab.text()
    tell(ViewsChange("left", views, 20))
    tab.until("document.body.innerText.includes('are covered')")
    tab.choose_tab("Residuals")
    tab.until("document.body.innerText.includes('by 12 views')")
    assert tab.run("document.querySelectorAll('#vitro-residuals circle').length") == 2 * 2 * 12
    bad = replace(views[4], joints_rad=views[4].joints_rad + np.deg2rad([0, 3.0, 0, 0, 0, 0]))
    tell(ViewsChange("left", (*views[:4], bad, *views[5:]), 20))
    tab.until("document.body.innerText.includes('View 5 contradicts')")


@pytest.mark.slow
def test_the_result_is_shown_accepted_and_its_report_linked(wizard: Wizard, tab: Tab, tmp_path: Path) -> None:
    views, truth = drawn_views(drawn_truth(1), 10), drawn_truth(1)
    arm = solve_arm(views, K, "new", BOARD, truth.T_world_camera)
    samples = view_arrays({"left": views}) | touch_arrays({"left": {3: 1.26}})
    solved = replace(calibration_of(CELL), arms={"left": arm}, intrinsics=K, samples=samples)
    report = tmp_path / "report.html"
    report.write_text("<b>Für das Laborbuch</b>")
    tab.choose_tab("Result")
    wizard.console.events.tell(CalibrationSolved(solved))
    tab.until("document.body.innerText.includes('Accept or reject it')")
    assert "1.3" in tab.text() and "not seen" in tab.text() and "lab book" not in tab.text()
    wizard.console.events.tell(CalibrationSolved(solved, True, report))
    tab.until("document.body.innerText.includes('stored and in use')")
    link = str(tab.run("document.querySelector('#vitro-result a').href"))
    assert "Für das" in urllib.request.urlopen(link).read().decode()
    foreign = urllib.request.Request(link, headers={"Host": "elsewhere.example"})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(foreign)


@pytest.mark.slow
def test_a_measured_size_is_asked_for_until_it_is_one(wizard: Wizard, tab: Tab) -> None:
    sizes: list[float] = []
    thread = threading.Thread(target=lambda: sizes.append(ask_tag_mm(wizard.console)), daemon=True)
    thread.start()
    asked = ""
    for said in ("wide", "33,8 mm"):
        # The key of the question before is not the next one's, and may stand there for a while yet.
        asked = tab.until(
            f"document.querySelector('[data-question]:not([data-question=\"{asked}\"])')?.dataset.question"
        )
        tab.until_key("Save")
        tab.write(said)
        tab.press("Save")
    thread.join(20)
    assert sizes == [33.8]
