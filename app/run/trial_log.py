"""A session's rows in the log of trials, and the folders beside it."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from app.console import Console
from app.paths import trial_folder
from app.run.trial import Trial
from app.run.trial_files import DRAWN, FRAMES, attempt_folders, save_pictures, save_trial_files
from app.trial_recording.frame_digests import frame_digest
from core.errors import StorageError, VitroError
from core.files import free_folder, writing
from trials.label import Label, LabelledTrial, LabelValue
from trials.record import TrialRecord
from trials.store import TrialStore

#: A row that a full disk does not take is tried again for this long, this often [s].
RETRY_S, RETRY_EVERY_S = 30.0, 5.0


class TrialLog:
    """The log that a session writes. ids: of its trials, to report them whatever happens."""

    def __init__(self, store: TrialStore) -> None:
        self.ids: list[int] = []
        self._store = store

    def begin(self, record: TrialRecord) -> "LogEntry":
        """Commits the row before anything can move; a crash from here on leaves it `interrupted`."""
        record = self._store.begin(record)
        self.ids.append(record.id)
        return LogEntry(self._store, record)

    def newest(self, cell: str, world: str) -> tuple[TrialRecord, ...]:
        """The newest trial of this machine in this cell and world, of this session or an earlier one, and the one that
        its arm reached beside: what others log beside them says nothing of these hands."""
        rows = self._store.newest(cell, world, 2)
        beside = [row for row in rows[1:] if row.id == rows[0].notes.get("overlap", {}).get("reached_beside")]
        return *rows[:1], *beside

    def get(self, trial: int) -> TrialRecord:
        return self._store.get(trial)

    def label(self, label: Label) -> Label:
        """Commits what a trial is said to have come to."""
        return self._store.label(label)

    def undo_label(self, trial: int) -> Label:
        """Takes back the newest label of a trial."""
        return self._store.undo(trial)

    def end_scene(self, why: str) -> None:
        """Notes with the scene's last pick that it was worked on to its end."""
        self._store.annotate(self.ids[-1], scene_ended=why)

    def count_objects(self, trials: Sequence[int], left: int) -> None:
        """Writes into the rows of a scene's picks how many objects it held: those lifted, and those left; one at the
        least, for whoever laid the scene laid something."""
        known = [LabelledTrial(self._store.get(id), self._store.standing_label(id)) for id in trials]
        said = [each.label.value if each.label else each.suggested for each in known]
        self._store.count_objects(trials, max(said.count(LabelValue.SUCCESS) + left, 1))


class LogEntry:
    """One trial's row, and its folder: what an earlier log left under its number is moved aside, not mixed in."""

    def __init__(self, store: TrialStore, record: TrialRecord) -> None:
        self._store = store
        #: As it was last written.
        self.record = self._begun = record
        self.folder = trial_folder(store.where, record.id)
        self._is_claimed = False
        #: The trial whose pictures were written last.
        self._drawn: Trial | None = None

    def note(self, trial: Trial) -> Path:
        """Puts what is known on disk, frames and pictures too, before it moves anything; their folder.

        Raises:
            VitroError: the disk takes no more: then nothing should move either.
        """
        folder = self.save_files(trial)
        self.record = self._store.update(trial.row(self._begun))
        return folder

    def settle(self, trial: Trial) -> None:
        """Commits an outcome that stands before the rest is known: a crash, or a full disk, from here on keeps it."""
        self.record = self._store.settle(trial.row(self._begun))

    def finish(self, trial: Trial, console: Console, should_stop: Callable[[], bool]) -> None:
        """Completes the row, and the folder, whose failure is told alone.

        Raises:
            StorageError: as `_complete`.
        """
        with suppress(VitroError):  # frames first, for the row tells which they are; a failure is told below
            self.save_frames(trial)
        self._complete(trial, console, should_stop)
        try:
            self.save_files(trial)
        except VitroError as error:
            console.error(error)

    def _complete(self, trial: Trial, console: Console, should_stop: Callable[[], bool]) -> None:
        """Writes the row. A full disk is waited for: people are told, and it is tried again until `should_stop`.

        Raises:
            StorageError: no row was taken for `RETRY_S`; the error says what it would have said.
        """
        row, give_up_s = trial.row(self._begun), time.monotonic() + RETRY_S
        while True:
            try:
                self.record = self._store.update(row)
                return
            except StorageError as error:
                left_s = give_up_s - time.monotonic()
                if left_s <= 0 or should_stop():
                    lost = f"Not written: trial {row.id}, {row.outcome} {row.reason} {row.detail}".rstrip(". ")
                    raise StorageError(f"{error.cause} {lost}.", error.remedy) from error
                console.error(error)
                console.say(f"    The row is kept in memory, and tried again for {left_s:.0f} s.")
                time.sleep(RETRY_EVERY_S)

    def save_frames(self, trial: Trial) -> Path:
        """Writes frames and maps of the present attempt that are there by now; their folder. The next row that is
        written tells them from any others.

        Raises:
            StorageError: the folder cannot be made or written.
        """
        if not self._is_claimed and self.folder.exists():
            with writing(self.folder):
                self.folder.rename(free_folder(self.folder.with_name(f"{self.folder.name}-earlier")))
        self._is_claimed = True
        folder = self.folder / f"attempt-{len(trial.attempts)}" if trial.earlier else self.folder
        save_trial_files(trial, folder)
        frames = [attempt / FRAMES for attempt in attempt_folders(self.folder)]
        with writing(self.folder):
            self._begun = replace(self._begun, frame_digest=frame_digest(frames))
        return folder

    def save_files(self, trial: Trial) -> Path:
        """As `save_frames`, and the pictures, where they would show anything else than those that are there."""
        folder = self.save_frames(trial)
        if self._drawn is None or any(getattr(trial, part) is not getattr(self._drawn, part) for part in DRAWN):
            save_pictures(trial, folder)
            self._drawn = trial
        return folder
