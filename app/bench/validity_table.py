"""What `bench validity` found, by surface and estimator."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from grasping.validity import Cause
from trials.summary import Proportion

_FAILURES = tuple(cause for cause in Cause if cause is not Cause.VALID)


@dataclass(frozen=True)
class SceneResult:
    """One estimator in one scene. causes: of its best grasps, best first, or the one reason why there is none."""

    surface: str
    seed: int
    objects: int
    estimator: str
    causes: tuple[Cause, ...]
    note: str = ""

    @property
    def key(self) -> tuple[str, int, int, str]:
        return self.surface, self.seed, self.objects, self.estimator

    @property
    def cause(self) -> Cause:
        """What came of the best grasp."""
        return self.causes[0]

    @property
    def has_grasp(self) -> bool:
        return self.cause not in (Cause.MISSED, Cause.REFUSED, Cause.REACH)

    @property
    def picture(self) -> str:
        return f"{self.surface}-{self.seed}-{self.objects}-{self.estimator.replace('%', 'pc')}.jpg"


@dataclass(frozen=True)
class ValiditySummary:
    """top_1: scenes whose best grasp is valid; top_10: valid ones of the best ten; no_grasp: scenes without any that
    an arm reaches; causes: of the best grasps' failures, counted."""

    surface: str
    estimator: str
    top_1: Proportion
    top_10: Proportion
    no_grasp: Proportion
    causes: Mapping[str, int]


def summarise_validity(results: Iterable[SceneResult]) -> tuple[ValiditySummary, ...]:
    """One summary for each surface and estimator, in the order in which they were first met."""
    groups: dict[tuple[str, str], list[SceneResult]] = {}
    for result in results:
        groups.setdefault((result.surface, result.estimator), []).append(result)
    summaries = []
    for key, group in groups.items():
        proposed = [cause for result in group if result.has_grasp for cause in result.causes]
        failures = Counter(str(result.cause) for result in group if result.cause is not Cause.VALID)
        summaries.append(
            ValiditySummary(
                *key,
                Proportion(sum(result.cause is Cause.VALID for result in group), len(group)),
                Proportion(proposed.count(Cause.VALID), len(proposed)),
                Proportion(sum(not result.has_grasp for result in group), len(group)),
                failures,
            )
        )
    return tuple(summaries)


def validity_rows(summaries: Iterable[ValiditySummary]) -> tuple[tuple[str, ...], list[list[str]]]:
    """Columns and rows for people."""
    columns = ("surface", "estimator", "top 1 (95 %)", "of", "top 10 (95 %)", "of", "no grasp", *_FAILURES)
    rows = [
        [
            one.surface,
            one.estimator,
            _with_interval(one.top_1),
            str(one.top_1.of),
            _with_interval(one.top_10),
            str(one.top_10.of),
            _with_interval(one.no_grasp),
            *(str(one.causes.get(cause, "–")) for cause in _FAILURES),
        ]
        for one in summaries
    ]
    return columns, rows


def _with_interval(value: Proportion) -> str:
    low, high = value.interval
    return "–" if value.rate is None else f"{value.rate:.2f} ({low:.2f}–{high:.2f})"
