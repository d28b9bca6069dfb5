"""What was heard of a trial and when: enough to write its recording once the arms are clear."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.run.trial import Trial
from app.trial_recording.clock import TrialClock
from app.trial_recording.messages import ERROR, INFO
from app.trial_recording.sampler import ArmSample
from grasping.planning.grasp_plan import Phase
from trials.record import TrialRecord

#: What the line of a stage says as it begins.
BEGINS = "begins"
#: What of a trial is dated when it is first known.
PARTS = ("frames", "view", "metric", "grasps", "plan")


@dataclass(frozen=True)
class StateLine:
    """One line of what happened. level: as of `messages.INFO`."""

    time_ns: int
    name: str
    words: str
    level: int = INFO


@dataclass
class TrialNotes:
    """Of one trial. known_ns: by attempt, counted from 0, when each of `PARTS` was there; phases_ns: when a motion
    began. All times are the clock's."""

    record: TrialRecord
    folder: Path
    clock: TrialClock
    begun_ns: int
    trial: Trial | None = None
    known_ns: dict[int, dict[str, int]] = field(default_factory=dict)
    phases_ns: dict[int, dict[Phase, int]] = field(default_factory=dict)
    lines: list[StateLine] = field(default_factory=list)
    samples: list[ArmSample] = field(default_factory=list)

    def say(self, name: str, words: str, level: int = INFO) -> None:
        self.lines.append(StateLine(self.clock.now_ns(), name, words, level))

    def change(self, trial: Trial) -> None:
        """Dates what is new."""
        attempt, before = len(trial.earlier), self.trial
        known, now_ns = self.known_ns.setdefault(attempt, {}), self.clock.now_ns()
        for part in PARTS:
            value = getattr(trial, part)
            if part not in known and value is not None and value != ():
                known[part] = now_ns
        self.say_faults(trial.faults, before.faults if before is not None and len(before.earlier) == attempt else ())
        self.trial = trial

    def say_faults(self, faults: Sequence[str], before: Sequence[str]) -> None:
        """Of an attempt's faults those that are new."""
        for fault in faults[len(before) :]:
            name, _, words = fault.partition(": ")
            self.say(name, words, ERROR)

    def begin_phase(self, phase: Phase) -> None:
        attempt = len(self.trial.earlier) if self.trial is not None else 0
        self.phases_ns.setdefault(attempt, {})[phase] = self.clock.now_ns()

    def attempts(self) -> Iterator[tuple[Trial, dict[str, int], dict[Phase, int]]]:
        """Each attempt with the times of its parts and motions."""
        for number, attempt in enumerate(self.trial.attempts if self.trial is not None else ()):
            yield attempt, self.known_ns.get(number, {}), self.phases_ns.get(number, {})
