"""A whole trial in a quick cell with its recording, made as `python main.py --surface diffuse` makes one."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from app.console import Console
from app.interrupts import Interrupts
from app.paths import trial_folder
from app.run.operator import Operator
from app.run.options import PipelineOptions
from app.run.pipeline import Pipeline
from app.run.session import Session
from app.run.trial import Trial
from app.run.trial_log import TrialLog
from app.trial_recording.recorder import RECORDING, TrialRecorder
from core.errors import VitroError
from tests.support.quick_cell import QuickCell
from trials.record import TrialRecord
from trials.store import TrialStore

SCENE = 8  # a tinted glass bottle within both arms' reach


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
    with closing(QuickCell()) as world, TrialStore(home / "trials.db") as store:
        world.camera.faults.covered = is_covered
        console.events.add(TrialRecorder(world, world._cell, console).hear)
        pipeline, log = Pipeline(world._cell, PipelineOptions(estimator=estimator), world.truth), TrialLog(store)
        session = Session(world, pipeline, log, Operator(console, Interrupts(), assume_yes=True))
        try:
            trial = session.run_scene("diffuse", SCENE, 1)[-1]
        except VitroError:
            assert is_covered
        row = store.get(log.ids[-1])
        return RecordedTrial(trial, row, trial_folder(store.where, row.id))
