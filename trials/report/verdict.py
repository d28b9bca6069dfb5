"""What the numbers say, in a sentence or two."""

from collections.abc import Sequence

from core.report.words import counted
from trials.report.comparisons import RateComparison
from trials.report.counting import SurfaceRate
from trials.statistics.proportion import SIGNIFICANT, Proportion


def verdict(totals: Sequence[SurfaceRate], comparisons: Sequence[RateComparison], caveats: Sequence[str]) -> str:
    """Who succeeded how often, and on which surfaces so many trials tell the best from the others."""
    ranked = sorted((rate for rate in totals if rate.success.of), key=lambda rate: -(rate.success.rate or 0.0))
    if not ranked:
        return "No trial counts yet."
    said = f"{ranked[0].estimator} {_succeeded(ranked[0])}"
    said += "".join(f"; {rate.estimator} {_succeeded(rate)}" for rate in ranked[1:]) + "."
    if comparisons:
        apart = [_told_apart(ranked[0].estimator, rate.estimator, comparisons) for rate in ranked[1:]]
        said += f" {ranked[0].estimator} is {'; '.join(apart)} (p < {SIGNIFICANT:.2f}, corrected after Holm)."
        if caveats:
            said += " This describes these trials and proves nothing beyond them."
    unconfirmed = sum(rate.unconfirmed for rate in totals)
    if unconfirmed:
        said += f" Failures for want of a person's word: {counted(unconfirmed, 'trial')}."
    return said


def percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.0f} %"


def with_interval(value: Proportion) -> str:
    """As `85 % (71–93 %)`."""
    low, high = value.interval
    return "–" if value.rate is None else f"{percent(value.rate)} ({100 * low:.0f}–{100 * high:.0f} %)"


def points(difference: float | None) -> str:
    """A difference of rates in points of a hundred, with its sign."""
    if difference is None:
        return "–"
    whole = round(100 * difference)
    return f"{whole:+d}".replace("-", "−") if whole else "0"


def p_value(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def _succeeded(rate: SurfaceRate) -> str:
    unit = "objects" if rate.objects > 1 else "trials"
    low, high = rate.success.interval
    return (
        f"succeeded in {percent(rate.success.rate)} ({rate.success.hits} of {rate.success.of} {unit}, "
        f"95 % interval {100 * low:.0f}–{100 * high:.0f} %)"
    )


def _told_apart(best: str, other: str, comparisons: Sequence[RateComparison]) -> str:
    """On which surfaces the one that leads in all is better than another, and on which worse."""
    between = [one for one in comparisons if {one.first, one.second} == {best, other}]
    lead: dict[str, list[str]] = {"better": [], "worse": []}
    for one in between:
        difference = one.test.difference or 0.0
        if one.corrected_p < SIGNIFICANT and difference:
            lead["better" if (difference > 0) == (one.first == best) else "worse"].append(one.surface)
    told = [
        f"{word} on {'every surface' if len(surfaces) == len(between) else ' and '.join(surfaces)}"
        for word, surfaces in lead.items()
        if surfaces
    ]
    return f"{', '.join(told)} than {other}" if told else f"told apart from {other} on no surface"
