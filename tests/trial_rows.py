"""Rows for the log's tests, light to import: the tests kill the processes that write them."""

from errors import TrialError
from trials.outcome import Outcome
from trials.record import TrialRecord
from trials.store import TrialStore

__all__ = ["TrialError", "TrialStore", "begin", "finish"]


def begin(store: TrialStore, surface: str = "reflective", **notes: object) -> int:
    return store.begin(surface, "raw", "antipodal", "ompl", cell="sim", world="sim", seed=7, scene={}, **notes)


def finish(store: TrialStore, trial: int, outcome: Outcome = Outcome.SUCCESS) -> TrialRecord:
    return store.finish(trial, outcome, verified=True, simulator_verdict=True)
