"""What the page shows and answers, in a browser: once, of the question that is open, from any tab, at any width."""

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.bench.page.browser import Browser, Tab, key_of
from app.console import Console
from app.events import (
    CampaignEnd,
    ErrorTold,
    LabelChange,
    MotionBegin,
    MotionEnd,
    QuestionOpen,
    SessionProgress,
    StageBegin,
    StageEnd,
    TrialBegin,
    TrialChange,
    TrialEnd,
)
from app.interrupts import Interrupts
from app.labels.labelling import CHOICES
from app.page.live_page import LivePage
from app.page.pictures_part import PicturesPart
from app.paths import cell_file
from app.question import PAGE, Question, Reply
from app.run.trial import Trial
from core.cell import load_cell
from tests.support.drawn_cell import CELL, draw_frame
from tests.support.trial_rows import row
from trials.label import REASON_KEYS, FailureReason, Label, LabelValue
from trials.record import Outcome, Reason, TrialRecord

TABLET = (820, 1180)
APPROVE = {"y": "move", "n": "skip this scene", "q": "quit"}


class Desk:
    """A page and the console behind it; what it asks is asked on a thread, as a session would."""

    def __init__(self) -> None:
        self.console = Console(is_quiet=True)
        self.page = LivePage(load_cell(cell_file("sim")), self.console, Interrupts())
        self.replies: list[Reply] = []
        self.thread = threading.Thread()

    def ask(self, *questions: Question) -> None:
        def ask() -> None:
            for question in questions:
                self.replies.append(self.console.ask(question))

        self.thread = threading.Thread(target=ask, daemon=True)
        self.thread.start()

    def answered(self) -> list[Reply]:
        self.thread.join(timeout=20)
        assert not self.thread.is_alive()
        return self.replies

    def close(self) -> None:
        self.page.close()


@pytest.fixture(scope="module")
def opened(browser: Browser) -> Iterator[tuple[Desk, Tab, Tab]]:
    with closing(Desk()) as desk:
        # The 3D view, which these tests do not look at, is drawn coarsely: the processor draws it.
        address = f"{desk.page.address}/?fixedDpr=0.1"
        tabs = browser.tab(address, 900, 700), browser.tab(address, *TABLET)
        for tab in tabs:
            tab.until_key("STOP")
        yield desk, *tabs


@pytest.fixture
def desk(opened: tuple[Desk, Tab, Tab]) -> Iterator[Desk]:
    desk = opened[0]
    desk.replies = []
    yield desk
    if desk.thread.is_alive():  # a test that failed leaves no question to the next
        asked = desk.console.questions._open
        assert asked is not None
        desk.console.questions.answer(asked.question.id, Reply(next(iter(asked.question.choices), "")))


@pytest.fixture
def tab(opened: tuple[Desk, Tab, Tab]) -> Tab:
    return opened[1]


@pytest.fixture
def tablet(opened: tuple[Desk, Tab, Tab]) -> Tab:
    return opened[2]


def running() -> TrialRecord:
    return row(id=7, surface="translucent", estimator="raw", seed=3)


def test_an_approval_on_the_page_is_one_answer_that_says_where_it_came_from(desk: Desk, tab: Tab) -> None:
    desk.ask(Question("Move the left arm?", APPROVE, "approve"))
    tab.press("APPROVE")
    assert desk.answered() == [Reply("y", PAGE)]
    tab.until("!document.body.innerText.includes('Move the left arm?')")


def test_a_double_click_answers_one_question_and_leaves_the_next_open(desk: Desk, tab: Tab) -> None:
    desk.ask(Question("Move the left arm?", APPROVE, "approve"), Question("Move it again?", APPROVE, "approve"))
    tab.press("APPROVE", times=2)
    tab.until("document.body.innerText.includes('Move it again?')")
    tab.until_key("skip")
    assert len(desk.replies) == 1
    tab.press("skip")
    assert [reply.key for reply in desk.answered()] == ["y", "n"]


@pytest.mark.slow
def test_what_one_tab_answers_the_other_shows_and_a_reload_answers_nothing(desk: Desk, tab: Tab, tablet: Tab) -> None:
    desk.ask(Question("Move the left arm?", APPROVE, "approve"), Question("Lay the scene.", {"y": "ready"}, "scene"))
    tablet.until_key("APPROVE")
    tab.reload()
    tab.until_key("APPROVE")
    assert not desk.replies
    tablet.press("skip")
    for one in (tab, tablet):
        one.until("document.body.innerText.includes('Lay the scene.')")
        assert "APPROVE: move" not in one.words()
    tab.press("ready")
    assert [reply.key for reply in desk.answered()] == ["n", "y"]


def test_an_answer_at_the_terminal_takes_the_question_off_the_page(desk: Desk, tab: Tab) -> None:
    question = Question("Move the left arm?", APPROVE, "approve")
    desk.ask(question)
    tab.until_key("APPROVE")
    assert desk.console.questions.answer(question.id, Reply("n"))
    tab.until("!document.body.innerText.includes('Move the left arm?')")
    assert desk.answered() == [Reply("n")] and "APPROVE: move" not in tab.words()


def test_labels_notes_and_reasons_are_given_on_the_page(desk: Desk, tab: Tab) -> None:
    reasons = {key: str(reason) for key, reason in REASON_KEYS.items()}
    desk.ask(
        Question("Trial 7, held → success?", CHOICES, "label", enter="y"), Question("Why failure?", reasons, "reason")
    )
    tab.until_key("as suggested")
    tab.write("slid <b>out</b>")
    tab.until("[...document.querySelectorAll('input')].some(i => i.value === 'slid <b>out</b>')")
    tab.press("failure")
    tab.press("Confirm")  # nothing is chosen yet: it does not count
    tab.until("document.body.innerText.includes('Choose one of the list first')")
    tab.choose(str(FailureReason.SLIP_ON_LIFT))
    tab.press("Confirm")
    failure, why = desk.answered()
    assert failure == Reply("f", PAGE, "slid <b>out</b>") and REASON_KEYS[why.key] is FailureReason.SLIP_ON_LIFT


@pytest.mark.parametrize("value", LabelValue)
def test_what_is_suggested_looks_as_what_it_stands_for(desk: Desk, tab: Tab, value: LabelValue) -> None:
    desk.ask(Question("Trial 7?", CHOICES | {"y": f"{CHOICES['y']}: {value}"}, "label", enter="y"))
    tab.until_key("later")
    colors = {word: tab.run(f"getComputedStyle({key_of(word)}).backgroundColor") for word in tab.words()}
    alike = [word for word, color in colors.items() if color == colors[f"as suggested: {value}"]]
    assert set(alike) - {"STOP"} == {f"as suggested: {value}", value}
    tab.press("as suggested")
    assert desk.answered() == [Reply("y", PAGE)]


def test_a_slip_is_gone_back_on_by_a_key_before_its_reason_is_chosen(desk: Desk, tab: Tab) -> None:
    reasons = {key: str(reason) for key, reason in REASON_KEYS.items()} | {"-": "back"}
    desk.ask(Question("Why failure?", reasons, "reason"))
    tab.press("back")
    assert desk.answered() == [Reply("-", PAGE)]


def test_at_a_tablets_width_all_that_must_be_at_hand_is_in_view(desk: Desk, tablet: Tab) -> None:
    desk.ask(Question("Trial 7, held → success?", CHOICES, "label", enter="y"))
    for word in ("STOP", "as suggested", "success", "failure", "invalid", "later", "undo"):
        tablet.until_key(word)
        left, top, right, bottom = tablet.place(word)
        assert left >= 0 and top >= 0 and right <= TABLET[0] and bottom <= TABLET[1], word
        assert bottom - top >= 30, f"{word} is too small for a finger"
    assert tablet.run("document.documentElement.scrollWidth") <= TABLET[0]
    (left, *_), (_, _, right, _) = tablet.place("undo"), tablet.place("quit")
    alone = tablet.place("invalid")
    assert left == pytest.approx(alone[0], abs=1) and right == pytest.approx(alone[2], abs=1)
    tablet.press("later")
    assert desk.answered() == [Reply("l", PAGE)]


def test_the_page_tells_the_stage_the_motion_and_a_fault_with_its_remedy(desk: Desk, tab: Tab) -> None:
    tell = desk.console.events.tell
    tell(SessionProgress("trial 2 of 6", 1, 6))
    tell(TrialBegin(running(), Path("x"), "A"))
    tell(StageBegin("estimate"))
    tab.until_state("working")
    tab.until("document.body.innerText.includes('estimate … 0.4')")
    assert "trial 2 of 6" in tab.text() and "depth by A" in tab.text() and "raw" not in tab.text()
    tell(StageEnd("estimate", 0.5, "A, 0% without depth"))
    tell(MotionBegin("left"))
    tab.until_state("moving")
    tell(MotionEnd("left"))
    tell(ErrorTold("The bus went <silent>.", "Look at the plug."))
    tab.until("document.body.innerText.includes('The bus went <silent>.')")
    assert "→ Look at the plug." in tab.text()


def test_practice_is_called_so_and_a_further_attempt_is_told(desk: Desk, tab: Tab) -> None:
    tell = desk.console.events.tell
    tell(SessionProgress("practice trial 1 of 1", 0, 1, is_practice=True))
    tell(TrialBegin(running(), Path("x")))
    tab.until("document.body.innerText.includes('nothing of it is kept')")
    assert "in the log" not in tab.text() and "attempt" not in tab.text()
    tell(TrialChange(Trial("reflective", 3).again()))
    tab.until("document.body.innerText.includes('attempt 2')")


def test_a_question_about_an_earlier_trial_shows_its_heading_and_its_pictures(desk: Desk, tab: Tab) -> None:
    tell, seen = desk.console.events.tell, {}
    (pictures,) = [part for part in desk.page._parts if isinstance(part, PicturesPart)]
    tell(SessionProgress("trial 2 of 6", 1, 6))
    for id in (7, 8):  # nothing is asked of the first before the second begins, as with two arms at once
        tell(TrialBegin(replace(running(), id=id, seed=id), Path("x")))
        tell(TrialChange(Trial("translucent", id, frames=(draw_frame(CELL, noise=2.0 * id, seed=id),))))
        tab.until(f"document.body.innerText.includes('no. {id} in the log')")
        desk.ask(Question("Ready?", {"y": "yes"}))
        tab.press("yes")
        desk.answered()
        seen[id] = pictures._color.image
    assert not np.array_equal(seen[7], seen[8])
    for id in (8, 7, 8):
        desk.ask(Question(f"Trial {id}?", CHOICES, "label", trial=id))
        tab.press("later")
        desk.answered()
        assert f"no. {id} in the log: translucent table, scene {id}" in tab.text()
        assert np.array_equal(pictures._color.image, seen[id])


def test_a_trial_begins_without_the_pictures_of_the_one_before(desk: Desk, tab: Tab) -> None:
    tell = desk.console.events.tell
    (pictures,) = [part for part in desk.page._parts if isinstance(part, PicturesPart)]
    tell(TrialBegin(running(), Path("x")))
    tell(TrialChange(Trial("translucent", 3, frames=(draw_frame(CELL),))))
    tell(SessionProgress("trial 2 of 6", 1, 6))
    tell(TrialBegin(replace(running(), id=9), Path("x")))
    tab.until("document.body.innerText.includes('no. 9 in the log')")
    desk.ask(Question("Ready?", {"y": "yes"}))
    tab.press("yes")
    desk.answered()
    assert np.ptp(pictures._color.image, axis=-1).max() == 0  # a grey panel with a word


def test_results_follow_the_labels_and_what_is_unconfirmed_says_so(desk: Desk, tab: Tab) -> None:
    tell, trial = desk.console.events.tell, running()
    tell(TrialBegin(trial, Path("x")))
    tell(TrialEnd(replace(trial, outcome=Outcome.SUCCESS)))
    tab.choose_tab("Results")
    tab.until("document.body.innerText.includes('unconfirmed (success?)')")
    assert "0 of 1" in tab.text()
    label = Label(id=1, trial=7, value=LabelValue.SUCCESS, note="clean", by="ada")
    tell(LabelChange(label))
    tab.until("document.body.innerText.includes('1 of 1')")
    tell(LabelChange(replace(label, undone=label.made)))
    tab.until("document.body.innerText.includes('0 of 1')")
    tell(TrialEnd(replace(trial, outcome=Outcome.REFUSED, reason=Reason.OPERATOR)))
    tab.until("document.body.innerText.includes('invalid by rule')")
    assert "unconfirmed" not in tab.text() and "0 of 0" in tab.text()


def test_an_open_campaign_shows_how_many_trials_count_and_its_rates_and_names_once_it_has_ended(
    desk: Desk, tab: Tab
) -> None:
    tell = desk.console.events.tell
    tab.choose_tab("Results")
    for id, outcome in ((71, Outcome.SUCCESS), (72, Outcome.FAILURE)):
        trial = replace(running(), id=id, campaign=4, surface="diffuse", estimator="vitro-s")
        tell(TrialBegin(trial, Path("x"), "B"))
        tell(TrialEnd(replace(trial, outcome=outcome)))
        tell(LabelChange(Label(trial=id, value=LabelValue(str(outcome)), by="ada")))
    tab.until("document.body.innerText.includes('2 trials')")
    assert "1 of 2" not in tab.text() and "vitro-s" not in tab.text()
    tell(CampaignEnd(4))
    tab.until("document.body.innerText.includes('1 of 2')")
    assert "vitro-s" in tab.text() and "campaign has ended" not in tab.text()
    tab.until("document.body.innerText.includes('The campaign is complete.')")
    assert "in the log" not in tab.text()


def test_a_reload_in_mid_trial_shows_the_present_state(desk: Desk, tab: Tab) -> None:
    tell = desk.console.events.tell
    tell(TrialBegin(running(), Path("x")))
    tell(StageBegin("plan"))
    tab.until_state("working")
    tab.reload()
    tab.until("document.body.innerText.includes('plan … ')")
    assert "translucent table" in tab.text()


@pytest.mark.slow
def test_an_open_question_is_heard_of_only_once() -> None:
    heard: list[object] = []
    with closing(Desk()) as desk:
        desk.console.events.add(heard.append)
        question = Question("Move?", APPROVE)
        desk.ask(question)
        while not desk.console.questions.answer(question.id, Reply("y", PAGE)):
            pass
        assert desk.answered() == [Reply("y", PAGE)]
    assert sum(isinstance(event, QuestionOpen) for event in heard) == 1
    assert not desk.console.questions.is_answered_elsewhere
