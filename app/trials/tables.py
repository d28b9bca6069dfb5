"""The log as tables: trials, and success by surface."""

from collections.abc import Sequence

from app.console import Console
from trials.label import LabelledTrial
from trials.record import TrialRecord
from trials.summary import PAPER, Proportion, SurfaceSummary

_COLUMNS = ("trial", "surface", "estimator", "outcome", "tries", "reason", "held", "sim", "s", "label")


def show_labelled(console: Console, labelled: Sequence[LabelledTrial], title: str) -> None:
    """Trials with what they are said to have come to."""
    rows = [(*_cells(known.trial), label_words(known)) for known in labelled]
    console.table(title, _COLUMNS, rows)


def label_words(known: LabelledTrial) -> str:
    """A trial's label in words; of one without, why there is none."""
    if known.label is None:
        unlabelled = "unconfirmed" if known.counts else "invalid by rule"
        return "–" if known.trial.outcome is None else unlabelled
    reason = f" ({known.label.reason})" if known.label.reason else ""
    return f"{known.label.value}{reason} by {known.label.by or 'nobody'}"


def _cells(trial: TrialRecord) -> tuple[str, ...]:
    return (
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


#: What success is where nobody is asked.
BY_GRIPPER = "held after the lift by width and effort"


def show_success(console: Console, summaries: Sequence[SurfaceSummary], title: str, success: str = BY_GRIPPER) -> None:
    """Success by surface and estimator with 95 % intervals, beside the paper's rates. success: what is called so."""
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
        f"  success: {success}; of: trials that count + excluded ones; sim: the\n"
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
