"""A whole trial in a quick cell with its recording, made as `python main.py --surface diffuse` makes one."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from app.console import Console
from app.paths import trial_folder
from app.run.trial import Trial
from app.trial_recording.recorder import RECORDING, TrialRecorder
from core.errors import VitroError
from tests.support.sessions.quick_session import SCENE, QuickSession
from trials.record import TrialRecord


@dataclass(frozen=True)
class RecordedTrial:
    """trial: None where it ended in an error."""

    trial: Trial | None
    row: TrialRecord
    folder: Path

    @property
    def recording(self) -> Path:
        return self.folder / RECORDING


def record_trial(home: Path, estimator: str = "raw", is_covered: bool = False) -> RecordedTrial:
    """Runs one trial in the home folder; is_covered: the camera sees no tag, so that it is refused."""
    console, trial = Console(as_json=True, is_quiet=True), None
    with closing(QuickSession(home, console, estimator=estimator)) as run:
        run.world.camera.faults.covered = is_covered
        console.events.add(TrialRecorder(run.world, run.world._cell, console).hear)
        try:
            trial = run.session.run_scene("diffuse", SCENE, 1)[-1]
        except VitroError:
            assert is_covered
        row = run.rows[-1]
        return RecordedTrial(trial, row, trial_folder(run.store.where, row.id))
