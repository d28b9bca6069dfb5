"""What the arms report while they move, watched by a thread that commands nothing and is waited for by nobody."""

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from app.trial_recording.clock import TrialClock
from hardware.arms.arm import Arm, ArmState

_log = logging.getLogger(__name__)
#: Time on the trial's clock between samples, and how long the thread sleeps before it looks at that clock again: a
#: digital cell's runs several times as fast as the machine's.
SAMPLE_EVERY_NS = 50_000_000
_LOOK_EVERY_S = 0.01
#: So many are kept, ten minutes of motion: a trial has seconds.
_MOST_SAMPLES = 12_000


@dataclass(frozen=True)
class ArmSample:
    """All arms' newest reports at one time [ns since 1970]."""

    time_ns: int
    states: Mapping[str, ArmState]


class ArmSampler:
    """Keeps samples in memory while it runs. Its time is at worst a hundredth of a second late."""

    def __init__(self, arms: Mapping[str, Arm], clock: TrialClock) -> None:
        self._arms, self._clock = arms, clock
        self.samples: list[ArmSample] = []
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def sample(self) -> None:
        """One sample now; an arm that cannot be read is left out."""
        states, now_ns = {}, self._clock.now_ns()
        for name, arm in self._arms.items():
            try:
                states[name] = arm.peek()
            except Exception as error:  # whatever a closed or broken bus raises: a recording says what it can
                _log.debug("the %s arm was not sampled: %r", name, error)
        if states and len(self.samples) < _MOST_SAMPLES:
            self.samples.append(ArmSample(now_ns, states))

    def start(self) -> None:
        self.stop()
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, name="arm-sampler", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Takes the last sample."""
        if self._thread is not None:
            self._stop.set()
            self._thread.join()
            self._thread = None
            self.sample()

    def _run(self) -> None:
        due_ns = 0
        while not self._stop.wait(_LOOK_EVERY_S):
            if (now_ns := self._clock.now_ns()) >= due_ns:
                self.sample()
                due_ns = now_ns + SAMPLE_EVERY_NS
