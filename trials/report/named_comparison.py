"""Two estimators that somebody names, of the whole log, one campaign or two, compared on every surface they share."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import TrialError
from trials.campaign import Campaign
from trials.report.comparisons import PickSample, RateComparison, compare, with_holm
from trials.report.contents import in_papers_order
from trials.report.counting import CountedTrials
from trials.report.looks import look_at, read_open_arrays
from trials.store import TrialStore


@dataclass(frozen=True)
class NamedEstimator:
    """text: as somebody named it. name: the estimator's own part of that."""

    text: str
    name: str
    campaign: Campaign | None

    @property
    def id(self) -> int | None:
        return None if self.campaign is None else self.campaign.id


def compare_named(
    store: TrialStore, first: str, second: str, campaign: Campaign | None = None, surface: str | None = None
) -> tuple[tuple[RateComparison, ...], tuple[str, ...]]:
    """Comparisons with Holm's correction over the surfaces, and why p values are descriptive only, if they are.

    Args:
        first, second: an estimator as it is shown (a letter in a blind campaign), or CAMPAIGN:ESTIMATOR.

    Raises:
        TrialError: there is no such estimator, both are the same, or they have no surface in common.
    """
    known = {one.name: one for one in store.campaigns()}
    named = [_named(text, campaign, known) for text in (first, second)]
    if named[0].name == named[1].name and named[0].id == named[1].id:
        raise TrialError(
            f"{first} would be compared with itself.",
            "Name two estimators, or one in two campaigns: MONDAY:vitro-s FRIDAY:vitro-s.",
        )
    alone = named[0].campaign if named[0].id == named[1].id else None
    ids = [one.id for one in named if one.id is not None]
    counted = CountedTrials(read_open_arrays(store, alone, also=ids))
    names = [_name_in_log(one, counted, store.where) for one in named]
    comparisons = [
        found
        for where in sorted(counted.arrays.surfaces, key=in_papers_order)
        if surface in (None, where) and (found := compare(where, *_samples(counted, named, names, where)))
    ]
    if not comparisons:
        raise TrialError(
            f"{first} and {second} were not both tried on {surface or 'any surface'} in {store.where}.",
            "See what there is: python main.py trials summary",
        )
    campaigns = {one.id: one.campaign for one in named}
    warnings = [warning for one in campaigns.values() for warning in look_at(store, one, counted)[1]]
    return with_holm(comparisons), tuple(dict.fromkeys(warnings))


def _named(text: str, within: Campaign | None, known: dict[str, Campaign]) -> NamedEstimator:
    campaign, colon, name = text.partition(":")
    if colon and within is None and campaign in known:
        return NamedEstimator(text, name, known[campaign])
    return NamedEstimator(text, text, within)


def _name_in_log(named: NamedEstimator, counted: CountedTrials, where: str) -> str:
    """The log's name of an estimator, which may be longer, as `oracle (cheat)`.

    Raises:
        TrialError: there is none; names those there are.
    """
    arrays = counted.arrays
    if named.id is not None:
        arrays = arrays.where(arrays.campaigns == named.id)
    shown = {named.campaign.alias(name) if named.campaign else name: name for name in arrays.estimators}
    for letter, name in shown.items():
        if named.name in (letter, letter.partition(" (")[0]):
            return name
    of = f"campaign {named.campaign.name}" if named.campaign else where
    raise TrialError(
        f"There is no trial of an estimator {named.name!r} in {of}.",
        f"Those there are: {', '.join(sorted(shown))}." if shown else "Run some: python main.py --surface reflective",
    )


def _samples(
    counted: CountedTrials, named: Sequence[NamedEstimator], names: Sequence[str], surface: str
) -> list[PickSample]:
    return [
        PickSample(one.text, counted.first_picks(name, surface, one.id)) for one, name in zip(named, names, strict=True)
    ]
