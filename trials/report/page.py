"""The report as one HTML page that needs nothing beside it."""

from collections.abc import Sequence
from pathlib import Path

from core.report.template import render_page
from core.report.words import counted
from trials.report.contents import TrialReport
from trials.report.details import Spread
from trials.report.filmstrip import SHOWN_RULE, Filmstrip
from trials.report.plots import expectation_plot, failure_bars, forest_plot
from trials.report.verdict import p_value, percent, points, with_interval
from trials.summary import PAPER, PAPER_MEANS


def report_page(report: TrialReport, strips: Sequence[Filmstrip], numbers: str) -> str:
    """numbers: where the trials themselves are, in a sentence."""
    from markupsafe import Markup

    return render_page(
        Path(__file__).with_name("page.html"),
        report=report,
        strips=strips,
        numbers=numbers,
        rule=SHOWN_RULE,
        columns=(*report.surfaces, ""),
        several=has_several(report),
        forest=Markup(forest_plot(report)),
        failures=Markup(failure_bars(report)),
        expected=Markup(expectation_plot(report.expectations)),
        stages=by_stage(report),
        paper=PAPER,
        paper_means=PAPER_MEANS,
        counted=counted,
        percent=percent,
        with_interval=with_interval,
        interval=_interval,
        points=points,
        p_value=p_value,
        seconds=lambda value: f"{value:.2f}" if value < 10 else f"{value:.1f}",
    )


def has_several(report: TrialReport) -> bool:
    """Whether scenes held more than one object."""
    return any(rate.objects > 1 for rate in report.totals)


def by_stage(report: TrialReport) -> dict[str, dict[str, Spread]]:
    """Stage -> estimator -> seconds; the whole cycle last."""
    stages: dict[str, dict[str, Spread]] = {}
    for spread in (*report.timings, *report.cycles):
        stages.setdefault(spread.name, {})[spread.estimator] = spread
    return stages


def _interval(interval: tuple[float, float]) -> str:
    return f"{100 * interval[0]:.0f}–{100 * interval[1]:.0f} %"
