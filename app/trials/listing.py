"""`python main.py trials list|summary`: the log as tables."""

from dataclasses import replace
from typing import Any

from app.console import Console
from app.trials.blinding import Blinding
from app.trials.opened_log import opened_log
from app.trials.options import ListOptions, SummaryOptions
from app.trials.tables import show_labelled, show_success
from core.json_values import plain
from core.report.words import counted
from trials.label import LabelledTrial
from trials.report.counting import CountedTrials
from trials.report.label_summary import summarise_counted
from trials.report.looks import look_at, read_open_arrays
from trials.store import TrialStore


def list_trials(options: ListOptions) -> int:
    """Raises a TrialError where there is no such campaign."""
    console = Console(options.as_json)
    with opened_log(console) as store:
        campaign = None if options.campaign is None else store.campaign(options.campaign).id
        wanted: dict[str, Any] = {"surface": options.surface, "campaign": campaign, "outcome": options.outcome}
        wanted |= {"last": options.last, "is_unconfirmed": options.unconfirmed}
        trials = Blinding(store.campaigns()).trials(store, options.estimator, **wanted)
    if trials:
        show_labelled(console, trials, f"The last {counted(len(trials), 'trial')} in {store.where}")
    elif replace(options, last=ListOptions.last, as_json=ListOptions.as_json) != ListOptions():
        console.say(f"No such trial in {store.where} (all: python main.py trials list)")
    else:
        console.say(_none_yet(store))
    console.result({"trials": [as_json(known) for known in trials]})
    return 0


def summarise_trials(options: SummaryOptions) -> int:
    """Counts as `trials report` does, and is like it a look at every campaign that is open, or at the one asked for.

    Raises:
        TrialError: there is no such campaign, or a row was edited into what no trial is.
    """
    console = Console(options.as_json)
    with opened_log(console) as store:
        campaign = None if options.campaign is None else store.campaign(options.campaign)
        known = CountedTrials(read_open_arrays(store, campaign))
        look_at(store, campaign, known)
        open_ones = store.campaigns(is_open=True)
        hidden = [one.name for one in open_ones if one.is_blind and campaign is None]
    summaries = summarise_counted(known, str if campaign is None else campaign.alias)
    if len(known.arrays):
        title = f"{counted(len(known.arrays), 'trial')} in {store.where}"
        show_success(console, summaries, title, "as labelled, unconfirmed is none")
    else:
        console.say(_none_yet(store, "" if campaign is None else f" of {campaign.name}"))
    if hidden:
        console.say(f"  Left out, for they are blind still: {', '.join(hidden)}; trials report --campaign NAME")
    console.result({"summary": summaries, "left_out": hidden})
    return 0


def _none_yet(store: TrialStore, of: str = "") -> str:
    first = "python main.py trials campaign NAME" if of else "python main.py --surface reflective"
    return f"No trial{of} yet in {store.where} (the first: {first})"


def as_json(known: LabelledTrial) -> dict[str, Any]:
    """The row with its label, and what it counts as."""
    said = {"label": known.label, "value": known.value, "is_confirmed": known.is_confirmed}
    row: dict[str, Any] = plain(known.trial)
    return row | plain(said)
