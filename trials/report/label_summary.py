"""Success by surface and estimator as the labels have it, counted by the report's rules."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from trials.arrays.trial_arrays import TrialArrays
from trials.record import Reason
from trials.report.counting import CountedTrials
from trials.statistics.proportion import Proportion
from trials.summary import SurfaceSummary


def summarise_counted(counted: CountedTrials, shown: Callable[[str], str] = str) -> tuple[SurfaceSummary, ...]:
    """One summary for each surface and estimator, in alphabetical order; what does not stand is excluded.

    shown: what people are shown for an estimator's name.
    """
    said = _Verdicts(counted.arrays)
    pairs = [(surface, name) for surface in counted.arrays.surfaces for name in counted.arrays.estimators]
    found = [_summary(counted, said, surface, name, shown(name)) for surface, name in pairs]
    return tuple(sorted((one for one in found if one), key=lambda one: (one.surface, one.estimator)))


class _Verdicts:
    """(N,) each: what the simulator says of all attempts, and of the first: -1 nothing, 0 no lift, 1 a lift."""

    def __init__(self, arrays: TrialArrays) -> None:
        self.last = arrays.each(lambda known: _as_int(known.trial.simulator_verdict))
        first = arrays.each(lambda known: _as_int(known.trial.first_simulator_verdict))
        self.first = np.where(arrays.attempts == 1, self.last, first)
        self.lost = arrays.each(lambda known: known.trial.reason is Reason.TRACKING).astype(bool)


def _summary(
    counted: CountedTrials, said: _Verdicts, surface: str, estimator: str, shown: str
) -> SurfaceSummary | None:
    arrays, of = counted.arrays, counted.of(estimator, surface)
    if not of.any():
        return None
    stand = of & counted.stands
    return SurfaceSummary(
        surface,
        shown,
        success=_share(counted.succeeded[stand]),
        simulated=_told(said.last[stand]),
        agreement=Proportion(int(arrays.agreed[stand].sum()), int(arrays.judged[stand].sum())),
        excluded=int(of.sum() - stand.sum()),
        first=_share(counted.succeeded[stand] & (arrays.attempts[stand] == 1)),
        first_simulated=_told(said.first[stand]),
        attempts=int(arrays.attempts[of].max()),
        cleared=_cleared(counted, of, arrays.ended | (said.lost & (arrays.objects > 1))),
    )


def _cleared(counted: CountedTrials, of: NDArray[np.bool_], ends: NDArray[np.bool_]) -> Proportion:
    """Objects lifted of those laid, over scenes some of whose trials (N,) `of` stand, and one `ends` it."""
    often, ended, stand = counted.layings.often, of & ends, of & counted.stands
    laid = np.zeros(len(counted.layings.begins), np.int64)
    np.maximum.at(laid, counted.layings.numbers[ended], counted.arrays.objects[ended])
    laid[often(stand) == 0] = 0
    return Proportion(int(np.minimum(often(stand & counted.succeeded), laid).sum()), int(laid.sum()))


def _as_int(verdict: bool | None) -> int:
    return -1 if verdict is None else int(verdict)


def _share(hits: NDArray[np.bool_]) -> Proportion:
    return Proportion(int(hits.sum()), len(hits))


def _told(verdicts: NDArray[np.int64]) -> Proportion:
    """Of those of which something was said."""
    return Proportion(int((verdicts > 0).sum()), int((verdicts >= 0).sum()))
