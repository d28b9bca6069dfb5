"""The loop around a training: steps, checkpoints and validations in their turn, what people see, and how it stops."""

import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from app.console import Console
from app.interrupts import Interrupts
from core.report.words import counted
from perception.learning.training.files import LogRow
from perception.learning.training.validation import Progress

#: Steps over which speed and loss are averaged for show.
_RECENT = 20
#: A line this often where there is no terminal to draw a bar on [s].
_LINE_EVERY_S = 20.0


class Training(Protocol):
    """What is trained, one step after the other."""

    #: Steps that an earlier run made after its last checkpoint, or before its first.
    lost_steps: int

    @property
    def seconds_left(self) -> float:
        """Until the run's time is up; infinity where it has none."""
        ...

    @property
    def steps_done(self) -> int: ...

    @property
    def is_stopping(self) -> bool:
        """Whether to stop after the step just made; of several processes one may have been asked to."""
        ...

    @property
    def is_over(self) -> bool:
        """Whether the run's time is up before its steps are made; never, where it has none."""
        ...

    def step(self, should_stop: Callable[[], bool]) -> LogRow:
        """The next step, written down; should_stop: whether this process is asked to stop after it."""
        ...

    def save(self) -> object:
        """A checkpoint of the steps done."""
        ...

    def validate(self, show: Progress) -> list[str]:
        """Scores the model so far; lines for people."""
        ...


class Loop:
    """Trains to `steps`, with a checkpoint every so many and at the end."""

    def __init__(self, training: Training, console: Console, steps: int, batch: int, checkpoint_every: int) -> None:
        self._training, self._console, self._steps, self._batch = training, console, steps, batch
        self._every = checkpoint_every
        self._recent: deque[LogRow] = deque(maxlen=_RECENT)
        self.began_at, self.seconds = training.steps_done, 0.0

    def run(self, validate_every: int, validates_last: bool) -> None:
        """Makes the steps that are left.

        Args:
            validate_every: in steps; 0: never.
            validates_last: whether after the last step too.

        Raises:
            KeyboardInterrupt: after a checkpoint, when Ctrl-C was pressed.
            VitroError: data that cannot be read, a loss that is not finite, a full disk.
        """
        training, began_s = self._training, time.monotonic()
        if training.lost_steps:
            self._console.say(f"  made again, as cut off before a checkpoint: {counted(training.lost_steps, 'step')}")
        with (
            Interrupts() as interrupts,
            interrupts.deferring(),
            self._console.steps_bar("steps", self._steps, self.began_at) as show,
        ):
            said_s = began_s
            while training.steps_done < self._steps and not training.is_over:
                self._recent.append(training.step(interrupts.should_stop))
                step = training.steps_done
                show(step, self.speed())
                if not self._console.is_terminal and time.monotonic() - said_s > _LINE_EVERY_S:
                    said_s = time.monotonic()
                    self._console.say(f"  step {step} of {self._steps}  {self.speed()}, {self._left()} left")
                is_last = step == self._steps or training.is_over
                if step % self._every == 0 or is_last or training.is_stopping:
                    training.save()
                if training.is_stopping:
                    self._console.say(f"  stopped after step {step}; the same command goes on there")
                    raise KeyboardInterrupt
                if validate_every and (validates_last if is_last else step % validate_every == 0):
                    with self._console.frames_bar("validate") as count:
                        lines = training.validate(lambda done, of: count(done, of))
                    for line in lines:
                        self._console.say(f"  {line}")
        self.seconds = time.monotonic() - began_s

    @property
    def loss(self) -> float | None:
        return sum(row.loss for row in self._recent) / len(self._recent) if self._recent else None

    @property
    def samples_per_s(self) -> float:
        """Over all steps of this run, what lay between them included."""
        return self._batch * (self._training.steps_done - self.began_at) / self.seconds

    def speed(self) -> str:
        seconds, samples = sum(row.seconds for row in self._recent), self._batch * len(self._recent)
        frames = self._batch * sum(row.frames for row in self._recent)
        more = f"  {frames / seconds:.2f} frames/s" if frames != samples else ""
        return f"loss {self.loss:.4f}  {samples / seconds:.2f} samples/s{more}"

    def _left(self) -> str:
        each_s = sum(row.seconds for row in self._recent) / len(self._recent)
        left_s = min(each_s * (self._steps - self._recent[-1].step), self._training.seconds_left)
        return f"{left_s / 3600:.1f} h" if left_s > 5400 else f"{left_s / 60:.1f} min"
