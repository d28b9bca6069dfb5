"""`python main.py refine --trials`: logged trials by one model after the other; one that fails stops no other."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from app.console import Console
from app.paths import cell_file, trial_folder, trial_log
from app.refine.options import LOGGED, NOTHING, RefineOptions
from app.refine.recording import refine_recording
from app.refine.refiner import (
    AGAINST,
    DISAGREEMENT,
    REFINED,
    LoggedTrial,
    Refiner,
    compare_trial,
    demand_models,
    forget_comparison,
)
from app.refine.table import COLUMNS, how_much, row, short
from app.run.trial_files import ESTIMATE, FRAMES, read_depth
from core.errors import CalibrationError, CameraError, ConfigurationError, PerceptionError, TrialError, VitroError
from core.report.words import counted
from trials.record import TrialRecord
from trials.store import TrialStore

#: What one trial may fail with while the others go on: a full disk or missing weights are no trial's fault.
_OF_ONE_TRIAL = (CameraError, PerceptionError, CalibrationError, TrialError)


def refine(options: RefineOptions) -> int:
    return refine_trials(options) if options.recording is None else refine_recording(options, options.recording)


def refine_trials(options: RefineOptions) -> int:
    """Refines logged trials, those done before skipped; 1 where some could not be, which are named at the end.

    Raises:
        ConfigurationError: options that will not do for any trial.
        StorageError: a full disk.
        PerceptionError: weights that cannot be used.
        TrialError: no such trial, or none that kept its frames.
    """
    console = Console(options.as_json)
    demand_models(options)
    with TrialStore(trial_log()) as store:
        records = [store.get(options.id)] if options.id is not None else list(store.list(last=options.last))
        run = _TrialsRun(options, store, console)
        without = run.take(records)
        if without:
            console.say(f"  skipped, for they kept no frames: trial {', '.join(map(str, without))}")
        if not run.trials and not run.failures:
            raise TrialError(
                f"None of {counted(len(records), 'trial')} kept its frames.",
                "Trials logged from now on do: python main.py --surface reflective. Recordings can be refined too.",
            )
        rows = run.finish()
    headings = ("trial", "surface", "outcome", "first", *COLUMNS)
    console.table(
        f"{counted(len(rows), 'trial')} refined by {options.estimator}", headings, [_cells(facts) for facts in rows]
    )
    for trial, error in run.failures.items():
        console.say(f"  [red]✗[/] trial {trial}: {error.cause}")
    failed = {str(trial): error.cause for trial, error in run.failures.items()}
    console.result({"trials": rows, "without_frames": without, "failed": failed})
    return 1 if run.failures else 0


class _TrialsRun:
    """One command's way through its trials. failures: why a trial could not be refined, by id."""

    def __init__(self, options: RefineOptions, store: TrialStore, console: Console) -> None:
        self._options, self._store, self._console = options, store, console
        self.trials: list[LoggedTrial] = []
        self.failures: dict[int, VitroError] = {}

    def take(self, records: Sequence[TrialRecord]) -> list[int]:
        """Takes the trials that kept their frames; returns the ids of the others. Running ones are left alone."""
        without = []
        for record in records:
            folder = trial_folder(self._store.where, record.id)
            if record.outcome is None:
                self.failures[record.id] = TrialError(f"Trial {record.id} is still running.", "Wait for its end.")
            elif not (folder / FRAMES).is_dir():
                without.append(record.id)
            else:
                try:
                    self.trials.append(LoggedTrial(record, folder, cell_file(self._options.cell or record.cell)))
                except ConfigurationError as error:
                    self.failures[record.id] = TrialError(error.cause, "Name the trial's cell with --cell.")
        return without

    def finish(self) -> list[dict[str, Any]]:
        """Refines and compares; what became of every trial that did not fail, most disagreement first.

        Raises:
            ConfigurationError, PerceptionError: options or weights that will do for no trial.
            StorageError: a full disk.
        """
        options = self._options
        smaller = None
        if options.against not in (NOTHING, LOGGED):
            smaller = Refiner(options.against, options.against_settings, AGAINST, options.fresh)
            self._refine_all(smaller)
            smaller.unload()
        larger = Refiner(options.estimator, options.settings, REFINED, options.fresh)
        self._refine_all(larger)
        rows = [
            self._try(trial, partial(self._compare, trial, larger, smaller), "compare")
            for trial in self.trials
            if trial.id not in self.failures
        ]
        compared = [facts for facts in rows if facts is not None]
        return sorted(compared, key=lambda facts: -how_much(facts[DISAGREEMENT]) if facts[DISAGREEMENT] else 1.0)

    def _refine_all(self, refiner: Refiner) -> None:
        due = [trial for trial in self.trials if refiner.is_due(trial)]
        if len(due) < len(self.trials):
            self._console.say(f"  {refiner.name}: {counted(len(self.trials) - len(due), 'trial')} done before")
        if not due:
            return
        with self._console.stage("load") as line:
            line.detail = f"estimator {refiner.load().name}"
        for trial in due:
            if trial.id not in self.failures:
                self._try(trial, partial(refiner.refine, trial), refiner.name)

    def _compare(self, trial: LoggedTrial, larger: Refiner, smaller: Refiner | None) -> dict[str, Any]:
        """One trial's row; the log is told of its refinement."""
        record = trial.record
        refined, before, facts = larger.stored(trial), None, None
        if self._options.against != NOTHING:
            before = smaller.stored(trial) if smaller else read_depth(trial.folder / ESTIMATE)
        if before is None:
            forget_comparison(trial.folder)
        else:
            facts = compare_trial(trial, before, refined, self._options.fresh)
        note = {"estimator": refined.facts["estimator"], "residual_mm": refined.facts["residual_mm"]}
        if facts is not None:
            note |= {"against": facts["first"], "workspace": facts["workspace"]}
        if record.notes.get("later", {}).get("refined") != note:
            self._store.annotate(trial.id, refined=note)
        return {
            "id": trial.id,
            "surface": record.surface,
            "outcome": record.outcome,
            "folder": str(trial.folder),
            "refined": refined.facts,
            DISAGREEMENT: facts,
        }

    def _try(self, trial: LoggedTrial, work: Callable[[], Any], what: str) -> Any:
        """The result of some work on a trial; None where it failed, which is said and kept."""
        try:
            with self._console.stage(f"{trial.id:>5} {what}"):
                return work()
        except _OF_ONE_TRIAL as error:
            self._console.error(error)
            self.failures[trial.id] = error
            return None


def _cells(facts: dict[str, Any]) -> list[str]:
    comparison = facts[DISAGREEMENT]
    first = "nothing to compare with" if comparison is None else short(comparison["first"])
    cells = [""] * len(COLUMNS) if comparison is None else row(comparison)
    return [str(facts["id"]), facts["surface"], facts["outcome"], first, *cells]
