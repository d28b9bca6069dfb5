"""A question is answered once, by whoever is first, and only by an answer that names it."""

import os
import pty
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.console import Console
from app.events import Events, QuestionEnd, QuestionOpen
from app.question import PAGE, Question, Reply
from app.questions import Questions
from core.errors import ConfigurationError
from tests.support.paths import ROOT

MOVE = {"y": "move", "n": "skip"}


def _click(console: Console, question: Question, key: str) -> None:
    console.questions.answer(question.id, Reply(key, PAGE))


def answered_by(answer: Callable[[Console, Question], None], *questions: Question) -> list[Reply]:
    """What a console without a terminal returns, where every question that opens is given to `answer` on a thread."""
    console = Console(is_quiet=True)
    console.questions.is_answered_elsewhere = True

    def listen(event: object) -> None:
        if isinstance(event, QuestionOpen):
            threading.Thread(target=answer, args=(console, event.question)).start()

    console.events.add(listen)
    return [console.ask(question) for question in questions]


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        yield


def test_without_a_terminal_the_page_answers_and_is_named() -> None:
    question = Question("Move?", MOVE)
    assert answered_by(lambda c, q: _click(c, q, "y"), question) == [Reply("y", PAGE)]


def test_the_first_answer_counts_and_an_answer_to_an_earlier_question_never_does() -> None:
    first, second = Question("Move?", MOVE), Question("Move again?", MOVE)
    counted = []

    def click(console: Console, question: Question) -> None:
        # A tab that still shows the first question, one that clicks twice, one that names no choice.
        tries = [(first, "y"), (question, "x"), (question, "n"), (question, "y")]
        counted.extend(console.questions.answer(one.id, Reply(key, PAGE)) for one, key in tries)

    assert [reply.key for reply in answered_by(click, first, second)] == ["y", "n"]
    assert counted[:4] == [True, False, False, False]


def test_a_question_that_is_broken_off_takes_no_answer_any_more() -> None:
    events = Events()
    questions, question, told = Questions(events), Question("Move?", MOVE), []
    events.add(told.append)
    with pytest.raises(KeyboardInterrupt), questions.ask(question):
        raise KeyboardInterrupt
    assert not questions.answer(question.id, Reply("y", PAGE))
    assert told == [QuestionOpen(question), QuestionEnd(question, None)]


def test_a_key_that_means_nothing_is_answered_by_those_that_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = iter("xyn")
    monkeypatch.setattr("app.console.read_key", lambda wake: next(keys))
    console = Console()
    console.questions.is_answered_elsewhere = True
    assert [console.ask(Question("Move?", MOVE)).key for _ in range(2)] == ["y", "n"]
    told = capsys.readouterr().out
    assert told.count("not a key of this question: y move  n skip") == 1
    assert told.count("no key can be pressed here") == 2, "a test's input is no terminal"


def test_nobody_to_answer_refuses() -> None:
    with pytest.raises(ConfigurationError, match="not a terminal"):
        Console(is_quiet=True).ask(Question("Move?", MOVE))


def test_a_listener_that_fails_disturbs_nobody() -> None:
    events, heard = Events(), []

    def fail(event: object) -> None:
        raise OSError("no browser")

    events.add(fail)
    events.add(heard.append)
    for _ in range(2):
        events.tell(QuestionEnd(Question("Move?", MOVE), None))
    assert len(heard) == 2 and fail not in events._listeners


KEY_THEN_PAGE_THEN_LINE = """
import sys, threading
from app.console import Console
from app.events import QuestionOpen
from app.question import PAGE, Question, Reply
console = Console()
console.questions.is_answered_elsewhere = True
def listen(event):
    if isinstance(event, QuestionOpen) and event.question.subject == "page":
        threading.Timer(0.3, console.questions.answer, (event.question.id, Reply("y", PAGE))).start()
console.events.add(listen)
for question in (
    Question("first", {"y": "move", "n": "skip"}, enter="n"),
    Question("second", {"y": "move"}, "page"),
    Question("third", {}, takes_text=True),
):
    print("got", console.ask(question), flush=True)
"""


def test_at_a_terminal_keys_the_page_and_a_line_answer_in_turn() -> None:
    parent, child = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", KEY_THEN_PAGE_THEN_LINE], cwd=ROOT, stdin=child, stdout=child)
    seen = b""

    def until(word: bytes) -> None:
        nonlocal seen
        while word not in seen:
            seen += os.read(parent, 1024)

    def press_until(key: bytes, word: bytes) -> None:
        """Presses again what came before the question waited."""
        process_waits = threading.Event()

        def press() -> None:
            while not process_waits.wait(0.2):
                os.write(parent, key)

        presser = threading.Thread(target=press)
        presser.start()
        until(word)
        process_waits.set()
        presser.join()

    until(b"first")
    press_until(b"\r", b"got Reply(key='n', by='key'")
    until(b"got Reply(key='y', by='page'")
    until(b"third")
    press_until(b"slid out\r", b"text='slid out'")
    assert process.wait(timeout=20) == 0
    assert b"by page" in seen
