"""Questions that the terminal and the operator's page both answer: the first answer counts, and each names its
question."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from app.events import Events, QuestionEnd, QuestionOpen
from app.question import Question, Reply


class Questions:
    """At most one is open at a time, until the first answer from either side.

    is_answered_elsewhere: somebody but the terminal may answer, so that none is needed.
    """

    def __init__(self, events: Events) -> None:
        self.is_answered_elsewhere = False
        self._events = events
        self._lock = threading.Lock()
        self._open: OpenQuestion | None = None

    @contextmanager
    def ask(self, question: Question) -> Iterator["OpenQuestion"]:
        """Within, the question is open; after it no answer counts, whether or not one came."""
        asked = OpenQuestion(question)
        with self._lock:
            self._open = asked
        try:
            self._events.tell(QuestionOpen(question))
            yield asked
        finally:
            with self._lock:
                self._open = None
            self._events.tell(QuestionEnd(question, asked.answer))
            asked.close()

    def answer(self, id: int, answer: Reply) -> bool:
        """Whether the answer counts: it is to the question that is open, the first to it, and one of its choices.

        Any thread may call it.
        """
        with self._lock:
            asked = self._open
            if asked is None or asked.question.id != id or asked.answer is not None:
                return False
            if answer.key not in asked.question.choices and not (asked.question.takes_text and not answer.key):
                return False
            asked.give(answer)
            return True


class OpenQuestion:
    """A question that waits. wake: a descriptor that can be read once it has its answer."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.answer: Reply | None = None
        self.wake, self._waker = os.pipe()

    def give(self, answer: Reply) -> None:
        self.answer = answer
        os.write(self._waker, b".")

    def close(self) -> None:
        os.close(self.wake)
        os.close(self._waker)
