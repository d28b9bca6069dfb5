"""`python main.py trials list|summary`: the log as tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from app.campaign.options import CampaignOptions
from app.console import Console
from app.options import JsonOption, add_command
from app.paths import home
from trials.record import TrialRecord
from trials.summary import PAPER, Proportion, SurfaceSummary, summarise

room = typer.Typer()


@dataclass(frozen=True)
class ListOptions(JsonOption):
    """The logged trials, newest last; those a crash cut off are marked interrupted."""

    last: Annotated[int, typer.Option(min=1, help="How many of the newest to show.")] = 50


@dataclass(frozen=True)
class SummaryOptions(JsonOption):
    """Success per surface and estimator with intervals, beside the paper's."""


def list_trials(options: ListOptions) -> int:
    console, trials = Console(options.as_json), _read_log(options.last)
    show_trials(console, trials, f"The last {len(trials)} trial(s) in {home() / 'trials.db'}")
    console.result({"trials": trials})
    return 0


def summarise_trials(options: SummaryOptions) -> int:
    console, trials = Console(options.as_json), _read_log()
    summaries = summarise(trials)
    show_success(console, summaries, f"{len(trials)} trial(s) in {home() / 'trials.db'}")
    console.result({"summary": summaries})
    return 0


add_command(room, "list", list_trials, ListOptions)
add_command(room, "summary", summarise_trials, SummaryOptions)
add_command(room, "campaign", "app.campaign.command:run_campaign", CampaignOptions)


def _read_log(last: int | None = None) -> Sequence[TrialRecord]:
    from trials.store import TrialStore

    with TrialStore(home(is_written=False) / "trials.db", is_read=True) as store:
        return store.list(last=last)


def show_trials(console: Console, trials: Sequence[TrialRecord], title: str) -> None:
    rows = [
        (
            str(trial.id),
            trial.surface,
            trial.estimator,
            trial.outcome or "running",
            str(trial.attempts),
            trial.reason,
            _yes_no(trial.verified),
            _yes_no(trial.simulator_verdict),
            f"{sum(trial.stages_s.values()):.1f}",
        )
        for trial in trials
    ]
    console.table(title, ("trial", "surface", "estimator", "outcome", "tries", "reason", "held", "sim", "s"), rows)


def show_success(console: Console, summaries: Sequence[SurfaceSummary], title: str) -> None:
    """Success by surface and estimator with 95 % intervals, beside the paper's rates."""
    most = max((summary.attempts for summary in summaries), default=1)
    within = f"in {most} tries" if most > 1 else "success"
    clears = any(summary.cleared.of for summary in summaries)
    columns = ["surface", "estimator", "1st try (95 %)", f"{within} (95 %)", "of", "sim 1st", "sim", "agree", *PAPER]
    columns += ["cleared (95 %)"] if clears else []
    rows = []
    for summary in summaries:
        number = f"{summary.success.of}+{summary.excluded}" if summary.excluded else str(summary.success.of)
        paper = [f"{rates[summary.surface]:.2f}" if summary.surface in rates else "–" for rates in PAPER.values()]
        own = (summary.surface, summary.estimator, _with_interval(summary.first), _with_interval(summary.success))
        simulated = (_rate(summary.first_simulated), _rate(summary.simulated), _rate(summary.agreement))
        cleared = [_with_interval(summary.cleared)] if clears else []
        rows.append([*own, number, *simulated, *paper, *cleared])
    console.table(title, columns, rows)
    console.say(
        "  success: held after the lift by width and effort; of: trials that count + excluded ones; sim: the\n"
        "  simulator's verdict; agree: of attempts, how often the two say the same; RAW, DKT: the paper, real\n"
        "  cell; cleared: objects lifted of those laid, in scenes of several."
    )


def _with_interval(value: Proportion) -> str:
    low, high = value.interval
    return f"{_rate(value)} ({low:.2f}–{high:.2f})"


def _rate(value: Proportion) -> str:
    return "–" if value.rate is None else f"{value.rate:.2f}"


def _yes_no(value: bool | None) -> str:
    return "–" if value is None else "yes" if value else "no"
