"""Success by surface and estimator as the labels have it, counted by the report's rules."""

from collections.abc import Sequence

from trials.label import LabelledTrial
from trials.summary import JudgedTrial, SurfaceSummary, summarise_judged


def summarise_labelled(trials: Sequence[LabelledTrial], stands: Sequence[bool]) -> tuple[SurfaceSummary, ...]:
    """One summary for each surface and estimator, in alphabetical order.

    stands: which of the trials are in a report's rates (`trials.report.counting`); the others are excluded.
    """
    return summarise_judged(
        JudgedTrial(known.trial, is_in, is_in, known.is_success, is_lift=is_in and known.is_success)
        for known, is_in in zip(trials, stands, strict=True)
    )
