"""What a report tells of single trials: times, residuals, expectations, what ran, what was left out."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from core.report.words import counted
from trials.label import LabelledTrial
from trials.record import TrialRecord
from trials.statistics.proportion import Proportion

#: With fewer expectations nothing can be said of their truth.
LEAST_EXPECTED = 20
_BINS = 5

#: What people call what ran -> the record's column that tells.
_RAN: dict[str, Callable[[TrialRecord], str]] = {
    "world": lambda trial: trial.world,
    "cell": lambda trial: trial.cell,
    "detector": lambda trial: trial.detector,
    "planner": lambda trial: trial.planner,
    "calibration": lambda trial: trial.calibration,
    "software": lambda trial: trial.software,
}


@dataclass(frozen=True)
class Spread:
    """Of N values: the median, and what 95 % of them stay below."""

    name: str
    estimator: str
    number: int
    median: float
    p95: float


@dataclass(frozen=True)
class ExpectedShare:
    """Trials of about the same expectation: its mean, and what came true."""

    expected: float
    observed: Proportion


@dataclass(frozen=True)
class LeftOut:
    """A trial that is in no rate, and why."""

    trial: LabelledTrial
    why: str


def what_ran(trials: Sequence[LabelledTrial]) -> dict[str, str]:
    """Each part of the cell, with how many trials had which where they did not all have the same."""
    told = {}
    for name, of in _RAN.items():
        values = Counter(of(known.trial) or "not noted" for known in trials)
        several = [f"{value} ({counted(number, 'trial')})" for value, number in values.most_common()]
        told[name] = next(iter(values), "") if len(values) == 1 else ", ".join(several)
    return told


def timings(trials: Sequence[LabelledTrial]) -> tuple[Spread, ...]:
    """Seconds a trial by stage and estimator, of all attempts together; stages in the order in which they run."""
    stages = dict.fromkeys(stage for known in trials for stage in known.trial.stages_s)
    return tuple(
        spread
        for stage in stages
        for estimator in _estimators(trials)
        if (spread := _spread(stage, estimator, (
            known.trial.stages_s[stage] for known in trials
            if known.trial.estimator == estimator and stage in known.trial.stages_s
        )))
    )  # fmt: skip


def residuals(trials: Sequence[LabelledTrial]) -> tuple[Spread, ...]:
    """Millimetres by which metric depth missed its anchors, by estimator."""
    measured = {
        name: [known.trial.metric.residual_mm for known in trials if known.trial.estimator == name]
        for name in _estimators(trials)
    }
    spreads = [
        _spread("residual", name, [value for value in values if value is not None]) for name, values in measured.items()
    ]
    return tuple(spread for spread in spreads if spread)


def cycles(trials: Sequence[LabelledTrial]) -> tuple[Spread, ...]:
    """Seconds from a trial's beginning to its end, waiting for people included, by estimator."""
    ended = [known.trial for known in trials if known.counts and known.trial.finished is not None]
    spreads = [
        _spread(
            "cycle",
            name,
            [(one.finished - one.begun).total_seconds() for one in ended if one.estimator == name and one.finished],
        )
        for name in _estimators(trials)
    ]
    return tuple(spread for spread in spreads if spread)


def expectations(trials: Sequence[LabelledTrial]) -> tuple[ExpectedShare, ...]:
    """Trials in five equal groups by what the chosen grasp was expected to do; empty of fewer than `LEAST_EXPECTED`."""
    told = sorted((known.trial.expected, known.is_success) for known in trials if known.trial.expected is not None)
    if len(told) < LEAST_EXPECTED:
        return ()
    groups = [[told[place] for place in places] for places in np.array_split(np.arange(len(told)), _BINS)]
    return tuple(
        ExpectedShare(
            float(np.mean([expected for expected, _ in group])),
            Proportion(sum(came for _, came in group), len(group)),
        )
        for group in groups
    )


def why_left_out(known: LabelledTrial, is_replaced: bool) -> str:
    """In words, of a trial that does not stand."""
    if is_replaced:
        return f"replaced: the scene was laid again (was {known.value})"
    if known.trial.outcome is None:
        return "still running, or cut off by a crash that nobody has looked at yet"
    said = known.label.note if known.label else known.trial.detail
    return f"{known.cause}{f' ({said})' if said else ''}"


def _estimators(trials: Iterable[LabelledTrial]) -> list[str]:
    return sorted({known.trial.estimator for known in trials})


def _spread(name: str, estimator: str, values: Iterable[float]) -> Spread | None:
    found = np.array(list(values), dtype=float)
    if not len(found):
        return None
    return Spread(name, estimator, len(found), float(np.median(found)), float(np.percentile(found, 95)))
