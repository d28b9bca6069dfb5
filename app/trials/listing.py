"""`python main.py trials list|summary`: the log as tables."""

from typing import Any

from app.console import Console
from app.trials.blinding import Blinding
from app.trials.opened_log import opened_log
from app.trials.options import ListOptions, SummaryOptions
from app.trials.tables import show_labelled, show_success
from core.json_values import plain
from trials.label import LabelledTrial
from trials.summary import summarise


def list_trials(options: ListOptions) -> int:
    """Raises a TrialError where there is no such campaign."""
    console = Console(options.as_json)
    with opened_log(console) as store:
        campaign = None if options.campaign is None else store.campaign(options.campaign).id
        wanted: dict[str, Any] = {"surface": options.surface, "campaign": campaign, "outcome": options.outcome}
        wanted |= {"last": options.last, "is_unconfirmed": options.unconfirmed}
        trials = Blinding(store.campaigns()).trials(store, options.estimator, **wanted)
    show_labelled(console, trials, f"The last {len(trials)} trial(s) in {store.where}")
    console.result({"trials": [as_json(known) for known in trials]})
    return 0


def summarise_trials(options: SummaryOptions) -> int:
    console = Console(options.as_json)
    with opened_log(console) as store:
        blinding = Blinding(store.campaigns())
        trials = [blinding.shown_record(record) for record in store.list()]
    summaries = summarise(trials)
    show_success(console, summaries, f"{len(trials)} trial(s) in {store.where}")
    console.result({"summary": summaries})
    return 0


def as_json(known: LabelledTrial) -> dict[str, Any]:
    """The row with its label, and what it counts as."""
    said = {"label": known.label, "value": known.value, "is_confirmed": known.is_confirmed}
    row: dict[str, Any] = plain(known.trial)
    return row | plain(said)
