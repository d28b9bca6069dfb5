"""Errors reach the person at the table whole, from whatever process they were raised in."""

import pickle
from collections.abc import Iterator

import pytest

from core.errors import VitroError
from hardware.arms.feedback.feedback_guard import FeedbackError
from hardware.cameras.camera import EndOfRecording


def kinds(of: type[VitroError] = VitroError) -> Iterator[type[VitroError]]:
    yield of
    for kind in of.__subclasses__():
        yield from kinds(kind)


def test_every_error_survives_the_way_between_processes() -> None:
    assert {FeedbackError, EndOfRecording} < set(kinds())
    for kind in kinds():
        error = kind.__new__(kind)
        VitroError.__init__(error, "It broke.", "Mend it.")
        arrived = pickle.loads(pickle.dumps(error))
        assert (type(arrived), str(arrived)) == (kind, "It broke. Mend it.")
        assert (arrived.cause, arrived.remedy) == ("It broke.", "Mend it.")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_error_that_words_itself_keeps_its_words(protocol: int) -> None:
    error = EndOfRecording("shelf.bag", 3)
    arrived = pickle.loads(pickle.dumps(error, protocol))
    assert (arrived.cause, arrived.remedy, str(arrived)) == (error.cause, error.remedy, str(error))
