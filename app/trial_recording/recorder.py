"""Listens to a session and leaves a recording, `trial.mcap`, in the folder of each of its trials."""

from contextlib import suppress
from pathlib import Path
from traceback import extract_tb

from app.console import Console
from app.events import (
    ErrorTold,
    Event,
    MotionBegin,
    MotionEnd,
    PhaseBegin,
    QuestionEnd,
    QuestionOpen,
    StageBegin,
    StageEnd,
    TrialBegin,
    TrialChange,
    TrialEnd,
)
from app.trial_recording.clock import TrialClock
from app.trial_recording.contents import contents, facts
from app.trial_recording.messages import ERROR, INFO, WARNING
from app.trial_recording.notes import BEGINS, TrialNotes
from app.trial_recording.sampler import ArmSampler
from app.trial_recording.writer import write_recording
from core.cell import Cell
from core.errors import TrialError, VitroError
from grasping.planning.grasp_plan import Phase
from hardware.world import World

RECORDING = "trial.mcap"


class TrialRecorder:
    """A listener of the console's events. Until a trial ends all it heard is in memory: it never delays a motion."""

    def __init__(self, world: World, cell: Cell, console: Console) -> None:
        self._world, self._cell, self._console = world, cell, console
        #: Of the trials that are not over, the newest last: one may still carry its object away while another reaches.
        self._open: list[tuple[TrialNotes, ArmSampler]] = []
        self._trial = 0

    def hear(self, event: Event) -> None:
        """What does not belong to a trial is not recorded. Whatever fails here costs this trial's recording alone, and
        is said once."""
        try:
            self._hear(event)
        except Exception as error:
            with suppress(Exception):
                self._end()
            self._console.error(_unrecorded(self._trial, error))

    def _hear(self, event: Event) -> None:
        if isinstance(event, TrialBegin):
            self._end(but=1)
            self._trial = event.record.id
            clock = TrialClock(self._world.clock)
            notes = TrialNotes(event.record, event.folder, clock, clock.now_ns())
            self._open.append((notes, ArmSampler(self._world.arms, clock)))
            self._open[-1][1].sample()
        elif isinstance(event, TrialEnd):
            self._finish(event)
        elif isinstance(event, MotionBegin | MotionEnd | PhaseBegin):
            for notes, sampler in self._open:
                self._note_motion(event, notes, sampler)
        elif self._open:
            self._note(event, *self._open[-1])

    def _note(self, event: Event, notes: TrialNotes, sampler: ArmSampler) -> None:
        match event:
            case TrialChange(trial):
                notes.change(trial)
            case StageBegin(name):
                sampler.sample()  # what the stage takes the arms to be
                notes.say(name, BEGINS)
            case StageEnd(name, seconds, detail, failed):
                words = "failed" if failed else detail
                notes.say(name, f"{words} ({seconds:.2f} s)", ERROR if failed else INFO)
            case ErrorTold(cause, remedy):
                notes.say("error", f"{cause} → {remedy}", WARNING)
            case QuestionOpen(question):
                notes.say("question", question.text)
            case QuestionEnd(question, answer):
                notes.say("question", "nobody answered" if answer is None else f"{answer.key}, by {answer.by}")

    def _note_motion(self, event: MotionBegin | MotionEnd | PhaseBegin, notes: TrialNotes, sampler: ArmSampler) -> None:
        match event:
            case MotionBegin():
                notes.clock.begin_motion()
                sampler.start()
            case PhaseBegin(arm, phase):
                if notes.trial is None or notes.trial.plan is None or notes.trial.plan.arm == arm:
                    notes.begin_phase(Phase(phase))
            case MotionEnd():
                sampler.stop()
                notes.clock.end_motion()

    def _finish(self, event: TrialEnd) -> None:
        """Writes the recording of a trial that is over."""
        record = event.record
        for notes, sampler in [one for one in self._open if one[0].record.id == record.id]:
            # What befell it while another trial was told of, as one that its arm carried beside.
            notes.say_faults(record.notes.get("faults", ()), notes.trial.faults if notes.trial is not None else ())
            notes.say("outcome", record.ending)
            sampler.stop()
            notes.record, notes.samples = record, sampler.samples
            self._open = [one for one in self._open if one[0] is not notes]
            self._write(notes)

    def _end(self, but: int = 0) -> None:
        """Nothing of the trials before, but the newest so many, is heard or watched any more."""
        while len(self._open) > but:
            self._open.pop(0)[1].stop()

    def _write(self, notes: TrialNotes) -> None:
        """A recording that cannot be written is said, and changes nothing else: row and frames are on disk."""
        try:
            write_recording(notes.folder / RECORDING, contents(notes, self._cell), facts(notes, self._cell))
        except VitroError as error:
            self._console.error(error)


def _unrecorded(trial: int, error: Exception) -> TrialError:
    where = extract_tb(error.__traceback__)[-1]
    said = " ".join(f"{type(error).__name__}: {error}".split())[:300].rstrip(".")
    return TrialError(
        f"Trial {trial} is not recorded ({said}).",
        "Its row and frames are kept, and the next trial is recorded again. Report it, with "
        f"{Path(where.filename).name}:{where.lineno}.",
    )
