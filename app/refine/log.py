"""A walk through logged trials with one model after the other: a trial that fails does not stop the others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from app.console import Console
from app.paths import cell_file, trial_folder
from app.refine.disagreements import forget_comparison, how_much
from app.refine.trials import AGAINST, REFINED, LoggedTrial, Refiner, compare_trial, logged_depth
from core.errors import CalibrationError, CameraError, ConfigurationError, PerceptionError, TrialError, VitroError
from perception.estimators.options import EstimatorOptions
from perception.estimators.registry import find_estimator
from trials.record import TrialRecord
from trials.store import TrialStore

#: `--against`: nothing; where it is left out, what a trial's own estimator said.
NOTHING, LOGGED = "none", ""
#: What one trial may fail with while the others go on: a full disk or missing weights are no trial's fault.
_OF_ONE_TRIAL = (CameraError, PerceptionError, CalibrationError, TrialError)


@dataclass(frozen=True)
class RefineOptions:
    """What was asked for on the command line; cell: empty for each trial's own."""

    estimator: str
    settings: EstimatorOptions
    against: str
    against_weights: Path | None
    cell: str
    fresh: bool

    def against_settings(self) -> EstimatorOptions:
        """A model of the larger one's family runs as that does, from its own weights; any other as by itself."""
        family = find_estimator(self.against).family
        if family and family == find_estimator(self.estimator).family:
            return replace(self.settings, weights=self.against_weights, offload=None)
        return EstimatorOptions(weights=self.against_weights, device=self.settings.device)


class TrialsRun:
    """One command's way through its trials. failed: why a trial could not be refined, by id."""

    def __init__(self, options: RefineOptions, store: TrialStore, console: Console) -> None:
        self._options, self._store, self._console = options, store, console
        self.trials: list[tuple[TrialRecord, LoggedTrial]] = []
        self.failed: dict[int, VitroError] = {}

    def take(self, records: Sequence[TrialRecord]) -> list[int]:
        """Takes the trials that kept their frames; returns the ids of the others. Running ones are left alone."""
        without = []
        for record in records:
            folder = trial_folder(self._store.where, record.id)
            trial = LoggedTrial(record.id, folder, self._options.cell or record.cell)
            if record.outcome is None:
                self.failed[record.id] = TrialError(f"Trial {record.id} is still running.", "Wait for its end.")
            elif not trial.has_frames:
                without.append(record.id)
            else:
                self._take_one(record, trial)
        return without

    def _take_one(self, record: TrialRecord, trial: LoggedTrial) -> None:
        try:
            cell_file(trial.cell_name)
        except ConfigurationError as error:
            self.failed[trial.id] = TrialError(error.cause, "Name the trial's cell with --cell.")
        else:
            self.trials.append((record, trial))

    def finish(self) -> list[dict[str, Any]]:
        """Refines and compares; what became of every trial that did not fail, most disagreement first.

        Raises:
            ConfigurationError, PerceptionError: options or weights that will do for no trial, or a full disk.
        """
        options = self._options
        first: Callable[[LoggedTrial], Any] = logged_depth
        if options.against == NOTHING:
            first = _nothing
        elif options.against != LOGGED:
            smaller = Refiner(options.against, options.against_settings(), AGAINST, options.fresh)
            self._refine_all(smaller, options.against)
            first = smaller.stored
            smaller.unload()
        larger = Refiner(options.estimator, options.settings, REFINED, options.fresh)
        self._refine_all(larger, options.estimator)
        told = [self._told(record, trial, larger, first) for record, trial in self.trials]
        rows = [row for row in told if row is not None]
        return sorted(rows, key=lambda row: -how_much(row["disagreement"]) if row["disagreement"] else 1.0)

    def _refine_all(self, refiner: Refiner, name: str) -> None:
        due = [trial for _, trial in self.trials if refiner.is_due(trial)]
        if len(due) < len(self.trials):
            self._console.say(f"  {name}: {len(self.trials) - len(due)} trial(s) done before")
        if not due:
            return
        with self._console.stage("load") as line:
            line.detail = f"estimator {refiner.load().name}"
        for trial in due:
            if trial.id not in self.failed:
                self._try(trial, partial(refiner.refine, trial), name)

    def _told(
        self, record: TrialRecord, trial: LoggedTrial, larger: Refiner, first: Callable[[LoggedTrial], Any]
    ) -> dict[str, Any] | None:
        """One trial's row, None where it failed; the log is told of its refinement."""
        if trial.id in self.failed:
            return None
        return self._try(trial, partial(self._compare, record, trial, larger, first), "compare")

    def _compare(
        self, record: TrialRecord, trial: LoggedTrial, larger: Refiner, first: Callable[[LoggedTrial], Any]
    ) -> dict[str, Any]:
        refined, before = larger.stored(trial), first(trial)
        facts = None
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
            "outcome": record.outcome.value if record.outcome else None,
            "folder": str(trial.folder),
            "refined": refined.facts,
            "disagreement": facts,
        }

    def _try(self, trial: LoggedTrial, work: Callable[[], Any], what: str) -> Any:
        """The result of some work on a trial; None where it failed, which is said and kept."""
        try:
            with self._console.stage(f"{trial.id:>5} {what}"):
                return work()
        except _OF_ONE_TRIAL as error:
            self._console.error(error)
            self.failed[trial.id] = error
            return None


def _nothing(trial: LoggedTrial) -> None:
    """`--against none`."""
