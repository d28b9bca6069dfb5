"""A training ends where it is asked to, with a checkpoint of the step just made."""

import math
import os
import signal
from collections.abc import Callable

import pytest

from app.console import Console
from app.train.loop import Loop
from perception.learning.training.files import LogRow
from perception.learning.training.validation import Progress


class CountedSteps:
    """A training of no work, at whose step `pressed_at` somebody presses Ctrl-C."""

    lost_steps, seconds_left = 0, math.inf

    def __init__(self, pressed_at: int, over_at: int = 1000) -> None:
        """over_at: the step after which its time is up."""
        self.steps_done, self.is_stopping, self.saved_at = 0, False, 0
        self._pressed_at, self._over_at = pressed_at, over_at

    @property
    def is_over(self) -> bool:
        return self.steps_done >= self._over_at

    def step(self, should_stop: Callable[[], bool]) -> LogRow:
        self.steps_done += 1
        if self.steps_done == self._pressed_at:
            os.kill(os.getpid(), signal.SIGINT)
        self.is_stopping = should_stop()
        return LogRow.of(self.steps_done, 1.0, 1.0, 1.0, 1, 1, 0.1)

    def save(self) -> None:
        self.saved_at = self.steps_done

    def validate(self, show: Progress) -> list[str]:
        return []


@pytest.mark.parametrize("pressed_at", [1, 3, 5])
def test_ctrl_c_in_any_step_the_last_too_ends_after_it_with_a_checkpoint(pressed_at: int) -> None:
    training = CountedSteps(pressed_at)
    with pytest.raises(KeyboardInterrupt):
        Loop(training, Console(is_quiet=True), steps=5, batch=1, checkpoint_every=100).run(0, False)
    assert training.steps_done == training.saved_at == pressed_at


def test_without_it_all_steps_are_made() -> None:
    training = CountedSteps(pressed_at=-1)
    Loop(training, Console(is_quiet=True), steps=5, batch=1, checkpoint_every=100).run(0, False)
    assert training.steps_done == training.saved_at == 5


def test_a_training_whose_time_is_up_ends_with_a_checkpoint() -> None:
    training = CountedSteps(pressed_at=-1, over_at=3)
    Loop(training, Console(is_quiet=True), steps=5, batch=1, checkpoint_every=100).run(0, False)
    assert training.steps_done == training.saved_at == 3
    Loop(training, Console(is_quiet=True), steps=5, batch=1, checkpoint_every=100).run(0, False)
    assert training.steps_done == 3, "and no step is made when it is called again"
