"""`python main.py trials list|summary`: the log as tables."""

from dataclasses import dataclass
from typing import Annotated

import typer

from app.options import JsonOption, add_command

room = typer.Typer()


@dataclass(frozen=True)
class ListOptions(JsonOption):
    last: Annotated[int, typer.Option(min=1, help="How many of the newest to show.")] = 50


@dataclass(frozen=True)
class SummaryOptions(JsonOption):
    pass


def list_trials(options: ListOptions) -> int:
    """The logged trials, newest last; those a crash cut off are marked interrupted."""
    from app.console import Console
    from app.paths import home
    from app.trials.tables import show_trials
    from trials.store import TrialStore

    console = Console(options.as_json)
    with TrialStore(home() / "trials.db") as store:
        trials = store.list(last=options.last)
    show_trials(console, trials, f"The last {len(trials)} trial(s) in {home() / 'trials.db'}")
    console.result({"trials": trials})
    return 0


def summarise_trials(options: SummaryOptions) -> int:
    """Success per surface and estimator with intervals, beside the paper's."""
    from app.console import Console
    from app.paths import home
    from app.trials.tables import show_success
    from trials.store import TrialStore
    from trials.summary import summarise

    console = Console(options.as_json)
    with TrialStore(home() / "trials.db") as store:
        trials = store.list()
    summaries = summarise(trials)
    show_success(console, summaries, f"{len(trials)} trial(s) in {home() / 'trials.db'}")
    console.result({"summary": summaries})
    return 0


add_command(room, "list", list_trials, ListOptions)
add_command(room, "summary", summarise_trials, SummaryOptions)
