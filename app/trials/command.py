"""`python main.py trials list|summary`: the log as tables."""

from dataclasses import asdict

from app.console import Console
from app.paths import home
from trials.store import TrialStore
from trials.summary import summarise


def list_trials(last: int, as_json: bool) -> int:
    """Shows the newest trials."""
    console = Console(as_json)
    with TrialStore(home() / "trials.db") as store:
        trials = store.list(last=last)
    console.trials(trials, f"The last {len(trials)} trial(s) in {home() / 'trials.db'}")
    console.result({"trials": [trial.as_json() for trial in trials]})
    return 0


def summarise_trials(as_json: bool) -> int:
    """Shows success by surface and estimator over the whole log."""
    console = Console(as_json)
    with TrialStore(home() / "trials.db") as store:
        trials = store.list()
    summaries = summarise(trials)
    console.success(summaries, f"{len(trials)} trial(s) in {home() / 'trials.db'}")
    console.result({"summary": [asdict(summary) for summary in summaries]})
    return 0
