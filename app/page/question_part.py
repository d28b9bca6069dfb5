"""The question that is open, with a key for each answer; every key names the question that it was drawn for."""

import time
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

from app.events import Event, QuestionEnd, QuestionOpen
from app.page.style import CAREFUL, GO, PLAIN, STOP, row_of
from app.question import PAGE, Question, Reply
from app.questions import Questions

if TYPE_CHECKING:
    from viser import GuiTextHandle, ViserServer

#: After one question its keys are gone for this long [s]: the second half of a double click hits nothing.
PAUSE_S = 0.4
#: More answers than this are chosen from a list, which begins with no choice at all.
_MOST_KEYS = 9
_NOTHING, _BACK = "choose …", "-"
#: subject -> key -> colour, icon.
_LOOKS: dict[str, dict[str, tuple[str, str]]] = {
    "approve": {"y": (GO, "player-play"), "n": (CAREFUL, "player-skip-forward")},
    "scene": {"y": (GO, "check")},
    "accept": {"y": (GO, "check"), "n": (STOP, "x")},
    "label": {
        "y": (GO, "checks"),
        "s": (GO, "circle-check"),
        "f": (STOP, "circle-x"),
        "i": (CAREFUL, "ban"),
    },
}
_WORDS = {("approve", "y"): "APPROVE: move", ("label", "n"): ""}


class QuestionPart:
    """Hidden where nothing is asked."""

    def __init__(self, server: "ViserServer", questions: Questions) -> None:
        self._gui, self._questions = server.gui, questions
        self._folder = server.gui.add_folder("Question", visible=False)
        self._question: Question | None = None
        self._due_s: float | None = None
        self._ended_s = float("-inf")
        self._drawn: list[Any] = []

    def hear(self, event: Event) -> None:
        if isinstance(event, QuestionOpen):
            self._clear()
            self._question = event.question
            self._due_s = max(time.monotonic(), self._ended_s + PAUSE_S)
            with self._folder:
                self._drawn.append(self._gui.add_html(_html(event.question)))
            self._folder.visible = True
        elif isinstance(event, QuestionEnd):
            self._ended_s = time.monotonic()
            self._clear()
            self._folder.visible = False

    def tick(self, now_s: float) -> None:
        question = self._question
        if question is not None and self._due_s is not None and now_s >= self._due_s:
            self._due_s = None
            with self._folder:
                self._draw(question)

    def _clear(self) -> None:
        """The keys are gone for good: those of the next question are others, whatever they say."""
        for handle in self._drawn:
            handle.remove()
        self._drawn, self._question, self._due_s = [], None, None

    def _draw(self, question: Question) -> None:
        note = None
        if question.takes_text or ("n" in question.choices and question.subject == "label"):
            note = self._gui.add_text("note", "")
            self._drawn.append(note)
        if question.takes_text:
            self._add("Save", GO, "check", self._answer(question, "", note))
        elif len(question.choices) > _MOST_KEYS:
            self._draw_list(question)
        else:
            self._draw_keys(question, note)

    def _draw_keys(self, question: Question, note: "GuiTextHandle | None") -> None:
        """Those of weight in full width, the others in a row below."""
        looks, small = _LOOKS.get(question.subject, {}), []
        for key, meaning in sorted(question.choices.items(), key=lambda choice: choice[0] not in looks):
            color, icon = _look(question, key)
            if word := _WORDS.get((question.subject, key), meaning or key):
                button = self._add(word, color, icon, self._answer(question, key, note))
                small += [button._impl.uuid] if key not in looks else []
        if len(small) > 1:
            self._drawn.append(self._gui.add_html(row_of(small)))

    def _draw_list(self, question: Question) -> None:
        """The way back is no answer among others: it has a key of its own."""
        listed = {meaning or key: key for key, meaning in question.choices.items() if key != _BACK}
        choice = self._gui.add_dropdown(question.subject or "answer", (_NOTHING, *listed))
        missing = self._gui.add_html("")
        self._drawn += [choice, missing]

        def answer() -> None:
            if choice.value == _NOTHING:
                missing.content = '<div class="vitro">Choose one of the list first.</div>'
            else:
                self._questions.answer(question.id, Reply(listed[choice.value], PAGE))

        self._add("Confirm", GO, "check", answer)
        if _BACK in question.choices:
            self._add(question.choices[_BACK], PLAIN, None, self._answer(question, _BACK, None))

    def _add(self, word: str, color: Any, icon: Any, act: Callable[[], None]) -> Any:
        button = self._gui.add_button(word, color=color, icon=icon)
        button.on_click(lambda _: act())
        self._drawn.append(button)
        return button

    def _answer(self, question: Question, key: str, note: "GuiTextHandle | None") -> Callable[[], None]:
        def act() -> None:
            text = " ".join(note.value.split()) if note is not None else ""
            self._questions.answer(question.id, Reply(key, PAGE, text))

        return act


def _look(question: Question, key: str) -> tuple[str, str | None]:
    """Colour and icon. What is suggested looks as the answer that it stands for: a failure never as a success."""
    looks = _LOOKS.get(question.subject, {})
    color, icon = looks.get(key, (PLAIN, None))
    if (question.subject, key) == ("label", "y"):
        meant = [other for other in looks if other != key and question.choices[key].endswith(question.choices[other])]
        color = looks[meant[0]][0] if meant else color
    return color, icon


def _html(question: Question) -> str:
    return f'<div class="vitro"><div class="question" data-question="{question.id}">{escape(question.text)}</div></div>'
