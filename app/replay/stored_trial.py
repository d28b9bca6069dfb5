"""A trial as it lies on disk: its row, its folder, its recording, and what of them is missing."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from app.calibrate.cell import load_calibrated, store_of
from app.paths import cell_file, demand_existing, trial_folder, trial_log
from app.run.trial_files import FRAMES, attempt_folders
from app.trial_recording.contents import CELL_CONTENT
from app.trial_recording.frame_digests import require_same_frames
from app.trial_recording.reader import TrialRecording, read_recording
from app.trial_recording.recorder import RECORDING
from app.trials.blinding import Blinding
from calibration.merge import merged
from core.cell import Cell, load_cell
from core.errors import TrialError, VitroError
from trials.record import TrialRecord
from trials.store import TrialStore


@dataclass(frozen=True)
class StoredTrial:
    """record: its row as people may see it, None where this log has none. recording: None where it cannot be read.
    missing: in sentences."""

    folder: Path
    record: TrialRecord | None
    recording: TrialRecording | None
    missing: tuple[str, ...]

    @property
    def name(self) -> str:
        number = self.facts.get("trial") or (self.record.id if self.record else self.folder.name)
        return f"trial {number}"

    @property
    def facts(self) -> dict[str, str]:
        """The recording's, none where there is no recording."""
        return {} if self.recording is None else dict(self.recording.facts)

    @property
    def estimator(self) -> str:
        """As people may know it: a letter while the trial's campaign is blind, and where this log has no row of it."""
        return self.record.estimator if self.record else self.facts.get("estimator") or "an unknown estimator"

    @property
    def seed(self) -> int:
        return self.record.seed if self.record is not None else int(self.facts.get("seed", "0") or 0)

    @property
    def attempts(self) -> list[Path]:
        """The folders of the attempts that kept their frames."""
        return [folder for folder in attempt_folders(self.folder) if (folder / FRAMES).is_dir()]

    @property
    def frame_digest(self) -> str:
        return self.record.frame_digest if self.record else self.facts.get("frame_digest", "")

    def demand_frames(self) -> None:
        """That its frames are there, and are what they were.

        Raises:
            TrialError: they are not; it says which file.
        """
        if not self.attempts:
            raise TrialError(
                f"{self.folder} holds no frames, so no estimator can be run on them.",
                "Copy the trial's whole folder: frames/ lies beside its recording.",
            )
        require_same_frames([folder / FRAMES for folder in self.attempts], self.frame_digest)


def find_trial(said: str) -> StoredTrial:
    """By its number in the log, its folder or its recording's file.

    Raises:
        ConfigurationError: a path where nothing is.
        TrialError: no such trial; or a file that is no whole recording, with no frames of its trial beside it.
    """
    if said.isdecimal():
        with TrialStore(trial_log(is_written=False), is_read=True) as store:
            record = _shown(store, int(said))
            return _in_folder(trial_folder(store.where, record.id), record)
    path = Path(said)
    if path.is_dir():
        return _in_folder(path, None)
    if path.name == RECORDING and path.parent.is_dir():
        return _in_folder(path.parent, None)
    demand_existing(path, "recording", "Name a trial's number (python main.py trials list), its folder or trial.mcap.")
    recording = read_recording(path)
    return _complete(path.parent, None, recording, [])


def cell_of(trial: StoredTrial, name: str = "") -> tuple[Cell, str]:
    """The cell that the trial ran in, and what is to be said of that, '' where nothing.

    name: of another cell, as it is calibrated now.

    Raises:
        ConfigurationError, CalibrationError: it cannot be loaded.
    """
    if name:
        return load_calibrated(name), ""
    content = trial.facts.get(CELL_CONTENT, "")
    try:
        stored = Cell.model_validate_json(content)
    except ValidationError:
        cell, said = _cell_by_name(trial)
        why = "does not hold" if not content else "cannot give"
        return cell, said or f"Its recording {why} the cell that it ran in: {cell.name!r} is used as its file is now."
    try:
        is_same = _cell_by_name(trial)[0] == stored
    except VitroError:  # its file is gone, or cannot be used
        is_same = False
    changed = f"The file of the cell {stored.name!r} is another now: the trial's own is used; for others --cell FILE."
    return stored, "" if is_same else changed


def _cell_by_name(trial: StoredTrial) -> tuple[Cell, str]:
    """The cell of that name as its file is now, with the calibration that the trial ran with, as `cell_of`."""
    record = trial.record
    known = (record.cell if record else trial.facts.get("cell", "")) or "sim"
    version = record.calibration if record else trial.facts.get("calibration", "")
    cell = load_cell(cell_file(known))
    if not version:
        return cell, ""
    store = store_of(cell)
    if version in store.versions():
        return merged(cell, store.load(version)).model_copy(update={"calibration": version}), ""
    return load_calibrated(known), f"The calibration {version}, which it ran with, is not here: today's is used."


def _in_folder(folder: Path, record: TrialRecord | None) -> StoredTrial:
    """A recording that cannot be read is missing alone where the frames are there."""
    try:
        recording, missing = read_recording(folder / RECORDING), []
    except TrialError as error:
        if (folder / RECORDING).exists() and not StoredTrial(folder, record, None, ()).attempts:
            raise
        recording, missing = None, [f"{error.cause} The arms are taken as parked, and there is no time line."]
    return _complete(folder, record, recording, missing)


def _complete(
    folder: Path, record: TrialRecord | None, recording: TrialRecording | None, missing: list[str]
) -> StoredTrial:
    record = record or _row_of(folder, recording)
    trial = StoredTrial(folder, record, recording, ())
    if record is None:
        known = "by its recording alone" if recording else "to nobody"
        missing.append(f"The log in use has no row of it: what it came to is known here {known}.")
    if not trial.attempts:
        missing.append("Its frames are not there: no estimator can be run on them.")
    elif not trial.frame_digest:
        why = "No row is here with its digest" if record is None else "It was logged without a digest of its frames"
        missing.append(f"{why}: nobody can tell whether its frames are what they were.")
    if recording is None and not trial.attempts:
        raise TrialError(f"{folder} holds neither a recording nor frames.", "List trials: python main.py trials list")
    return StoredTrial(folder, record, recording, tuple(missing))


def _shown(store: TrialStore, trial: int) -> TrialRecord:
    return Blinding(store.campaigns()).shown_record(store.get(trial))


def _row_of(folder: Path, recording: TrialRecording | None) -> TrialRecord | None:
    """The row of a recording, told by its uuid, or of a folder that this log's trials lie in; no log is made for it."""
    log = trial_log(is_written=False)
    if "://" not in log and not Path(log).exists():
        return None
    number = recording.facts["trial"] if recording is not None else folder.name
    if not number.isdecimal():
        return None
    with TrialStore(log, is_read=True) as store:
        try:
            record = _shown(store, int(number))
        except TrialError:
            return None
        if recording is not None:
            return record if record.uuid == recording.facts["uuid"] else None
        return record if trial_folder(store.where, record.id).resolve() == folder.resolve() else None
