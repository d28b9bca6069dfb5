"""Everything that a report tells, worked out once for all the forms that it is written in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from core.errors import TrialError
from core.json_values import to_json
from trials.arrays.trial_arrays import Ints
from trials.campaign import Campaign
from trials.label import LabelledTrial
from trials.record import DIGITAL_CELL
from trials.report.comparisons import RateComparison, compare_pairs
from trials.report.counting import CountedTrials, SurfaceRate
from trials.report.details import (
    ExpectedShare,
    LeftOut,
    Spread,
    cycles,
    expectations,
    residuals,
    timings,
    what_ran,
    why_left_out,
)
from trials.report.looks import look_at, read_open_arrays
from trials.report.verdict import verdict
from trials.store import TrialStore

#: Of how many trials single ones are told of; of a log that holds more, the newest. Rates are of all.
DETAILED, DETAILED_OF_MANY = 5_000, 500
#: In the order of the paper's table; others follow.
PAPER_SURFACES = ("translucent", "reflective", "diffuse")


@dataclass(frozen=True)
class TrialReport:
    """Of a campaign, or of the whole log where there is none.

    rates: by surface and estimator; totals: by estimator over all surfaces. causes: of failures, (surface, estimator)
    -> cause -> how often. trials: those that single ones are told of, the newest. left_out: those of them that are in
    no rate. caveats: why p values are descriptive only; empty where they are not. names: an estimator's name in the
    log -> as it is shown.
    """

    log: str
    made: datetime
    campaign: Campaign | None
    counted: CountedTrials
    names: dict[str, str]
    surfaces: tuple[str, ...]
    rates: tuple[SurfaceRate, ...]
    totals: tuple[SurfaceRate, ...]
    causes: dict[tuple[str, str], dict[str, int]]
    comparisons: tuple[RateComparison, ...]
    caveats: tuple[str, ...]
    verdict: str
    trials: tuple[LabelledTrial, ...]
    left_out: tuple[LeftOut, ...]
    ran: dict[str, str]
    timings: tuple[Spread, ...]
    cycles: tuple[Spread, ...]
    residuals: tuple[Spread, ...]
    expectations: tuple[ExpectedShare, ...]

    @property
    def title(self) -> str:
        return f"Campaign {self.campaign.name}" if self.campaign else "All trials of the log"

    @property
    def is_simulated(self) -> bool:
        """Whether any of the trials ran in the digital cell."""
        return bool(self.counted.arrays.each(lambda known: known.trial.world == DIGITAL_CELL).any())

    @property
    def has_real_times(self) -> bool:
        """Whether times are of real arms; then those of the digital cell, which computes its motions, are left out."""
        return any(known.trial.world != DIGITAL_CELL for known in self.trials)

    @property
    def is_blind(self) -> bool:
        return any(name != shown for name, shown in self.names.items())

    @property
    def settings(self) -> dict[str, str]:
        """The campaign's, those left out that would tell which letter is which."""
        settings = self.campaign.settings if self.campaign else {}
        hidden = self.campaign.estimators if self.campaign and self.is_blind else ()
        told = {name: _words(value) for name, value in settings.items()}
        return {name: value for name, value in told.items() if not any(one in value for one in hidden)}

    @property
    def estimators(self) -> tuple[str, ...]:
        """As they are shown, in the order in which they are."""
        return tuple(self.names.values())

    def rate(self, estimator: str, surface: str) -> SurfaceRate | None:
        """By the estimator's shown name; on all surfaces where it is empty."""
        of = self.rates if surface else self.totals
        return next((rate for rate in of if (rate.estimator, rate.surface) == (estimator, surface)), None)


def read_report(
    store: TrialStore, campaign: Campaign | None, shown: Callable[[LabelledTrial], LabelledTrial]
) -> TrialReport:
    """Reads and counts; notes a look at a campaign whose budget is not reached.

    Args:
        campaign: None for the whole log but for blind campaigns that are open, which would not stay blind.
        shown: hides what a blind campaign hides of a trial.

    Raises:
        TrialError: there is no trial to tell of, or the log cannot be trusted.
    """
    arrays = read_open_arrays(store, campaign)
    if not len(arrays):
        of = f"campaign {campaign.name!r}" if campaign else "the log"
        raise TrialError(
            f"There is no trial in {of} of {store.where}.", "Run some: python main.py --surface reflective"
        )
    counted = CountedTrials(arrays)
    campaign, warnings = look_at(store, campaign, counted)
    last = DETAILED if len(arrays) <= DETAILED else DETAILED_OF_MANY
    trials = store.labelled(campaign=campaign.id if campaign else None, last=last)
    there = np.isin([known.trial.id for known in trials], arrays.ids)
    told = [shown(known) for known, is_there in zip(trials, there, strict=True) if is_there]
    return _report(store.where, campaign, counted, warnings, told)


def _report(
    log: str,
    campaign: Campaign | None,
    counted: CountedTrials,
    warnings: tuple[str, ...],
    told: Sequence[LabelledTrial],
) -> TrialReport:
    names = _names(campaign, counted.arrays.estimators)
    surfaces = tuple(sorted(counted.arrays.surfaces, key=in_papers_order))
    at = np.searchsorted(counted.arrays.ids, [known.trial.id for known in told])
    timed = [known for known in told if known.trial.world != DIGITAL_CELL] or told
    stand = [known for known, stands in zip(told, counted.stands[at], strict=True) if stands]
    comparisons = tuple(
        replace(one, first=names[one.first], second=names[one.second])
        for one in compare_pairs(counted, campaign.id if campaign else None, surfaces, tuple(names))
    )
    rates = tuple(replace(rate, estimator=names[rate.estimator]) for rate in counted.rates())
    totals = tuple(replace(counted.rate(name), estimator=names[name]) for name in names)
    return TrialReport(
        log=log,
        made=datetime.now(UTC),
        campaign=campaign,
        counted=counted,
        names=names,
        surfaces=surfaces,
        rates=rates,
        totals=totals,
        causes={(surface, names[name]): counted.causes(name, surface) for surface in surfaces for name in names},
        comparisons=comparisons,
        caveats=warnings,
        verdict=verdict(totals, comparisons, warnings),
        trials=tuple(told),
        left_out=_left_out(counted, told, at),
        ran=what_ran(told),
        timings=timings(timed),
        cycles=cycles(timed),
        residuals=residuals(stand),
        expectations=expectations(stand),
    )


def _words(setting: Any) -> str:
    """Of what was chosen under several names, the choices."""
    if isinstance(setting, Mapping):
        return ", ".join(map(str, setting.values()))
    return setting if isinstance(setting, str) else to_json(setting)


def _names(campaign: Campaign | None, estimators: Sequence[str]) -> dict[str, str]:
    """In the campaign's order, or in that of the letters that stand for them."""
    if campaign is None:
        return {name: name for name in estimators}
    shown = {name: campaign.alias(name) for name in (*campaign.estimators, *estimators) if name in estimators}
    is_blind = any(name != letter for name, letter in shown.items())
    return dict(sorted(shown.items(), key=lambda item: item[1])) if is_blind else shown


def _left_out(counted: CountedTrials, told: Sequence[LabelledTrial], at: Ints) -> tuple[LeftOut, ...]:
    """Those of `told`, which lie at the places `at` of the counted ones, that do not stand."""
    return tuple(
        LeftOut(known, why_left_out(known, bool(counted.replaced[place])))
        for known, place in zip(told, at, strict=True)
        if not counted.stands[place]
    )


def in_papers_order(surface: str) -> tuple[int, str]:
    """What sorts surfaces as the paper's table has them, others after them."""
    return PAPER_SURFACES.index(surface) if surface in PAPER_SURFACES else len(PAPER_SURFACES), surface
