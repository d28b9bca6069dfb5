"""`python main.py trials list|summary`: the log as tables."""

from typing import Any

from app.console import Console
from app.trials.blinding import Blinding
from app.trials.opened_log import opened_log
from app.trials.options import ListOptions, SummaryOptions
from app.trials.tables import show_labelled, show_success
from core.json_values import plain
from trials.label import LabelledTrial
from trials.report.counting import CountedTrials
from trials.report.label_summary import summarise_labelled
from trials.report.looks import look_at, read_open_arrays


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
    """Counts as `trials report` does, and is like it a look at every campaign that is open.

    Raises:
        TrialError: a row was edited into what no trial is.
    """
    console = Console(options.as_json)
    with opened_log(console) as store:
        counted = CountedTrials(read_open_arrays(store, None))
        look_at(store, None, counted)
        stands = dict(zip(counted.arrays.ids.tolist(), counted.stands.tolist(), strict=True))
        trials = [known for known in store.each_labelled() if known.trial.id in stands]
        hidden = [known.name for known in store.campaigns() if known.is_blind and known.finished is None]
    summaries = summarise_labelled(trials, [stands[known.trial.id] for known in trials])
    show_success(console, summaries, f"{len(trials)} trial(s) in {store.where}", "as labelled, unconfirmed is none")
    if hidden:
        console.say(f"  Left out, for they are blind still: {', '.join(hidden)}; trials report --campaign NAME")
    console.result({"summary": summaries, "left_out": hidden})
    return 0


def as_json(known: LabelledTrial) -> dict[str, Any]:
    """The row with its label, and what it counts as."""
    said = {"label": known.label, "value": known.value, "is_confirmed": known.is_confirmed}
    row: dict[str, Any] = plain(known.trial)
    return row | plain(said)
