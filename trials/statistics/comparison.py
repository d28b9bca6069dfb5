"""Whether two rates differ: exact tests, and their correction where many are made."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import erfc, sqrt

from core.report.words import counted
from trials.statistics.proportion import SIGNIFICANT, Proportion, difference_interval, paired_difference_interval

#: Fewer scenes than this on which two estimators part cannot reach p < 0.05: 2 · 0.5⁵ = 0.0625.
LEAST_DISCORDANT = 6
#: From here on Barnard's exact test takes minutes, and the score test gives the same p to three digits.
LARGEST_BARNARD = 300


@dataclass(frozen=True)
class PairedCounts:
    """Scenes that both, only the first, only the second, or neither of two estimators got right."""

    both: int = 0
    first: int = 0
    second: int = 0
    neither: int = 0

    @property
    def scenes(self) -> int:
        return self.both + self.first + self.second + self.neither

    @property
    def discordant(self) -> int:
        return self.first + self.second


@dataclass(frozen=True)
class RateTest:
    """Two rates compared.

    difference: first - second. interval: its 95 % interval. test: its name. why: why this test, in words for people.
    p: two-sided. paired: the scenes by pairs, None where the samples are independent.
    """

    first: Proportion
    second: Proportion
    difference: float | None
    interval: tuple[float, float]
    test: str
    why: str
    p: float
    paired: PairedCounts | None = None

    @property
    def is_hopeless(self) -> bool:
        """Whether too few scenes part the two for any p below 0.05."""
        return self.paired is not None and self.paired.discordant < LEAST_DISCORDANT


def mcnemar(counts: PairedCounts) -> RateTest:
    """McNemar's test of matched scenes (1947), exact: under equal rates a discordant scene goes either way alike."""
    from scipy.special import bdtr

    n, rarer = counts.discordant, min(counts.first, counts.second)
    p = min(2 * float(bdtr(rarer, n, 0.5)), 1.0) if n else 1.0
    first = Proportion(counts.both + counts.first, counts.scenes)
    second = Proportion(counts.both + counts.second, counts.scenes)
    interval = paired_difference_interval(counts.both, counts.first, counts.second, counts.neither)
    why = f"{counted(counts.scenes, 'scene')} laid alike for both, {n} of which part them"
    if n < LEAST_DISCORDANT:
        why += f"; fewer than {LEAST_DISCORDANT} can never reach p < {SIGNIFICANT:.2f}"
    return RateTest(first, second, _difference(first, second), interval, "exact McNemar", why, p, counts)


def barnard(first: Proportion, second: Proportion) -> RateTest:
    """Barnard's unconditional exact test of independent scenes (1945, pooled score statistic).

    Of more than `LARGEST_BARNARD` a side, the score test, whose statistic it has (K. Pearson 1900).
    """
    difference, interval = _difference(first, second), difference_interval(first, second)
    exact = max(first.of, second.of) <= LARGEST_BARNARD
    why = "the scenes of one were not laid for the other: independent samples"
    if not exact:
        why += f"; more than {LARGEST_BARNARD} a side, where it agrees with Barnard's exact test"
    name = "Barnard" if exact else "score test"
    pooled = (first.hits + second.hits) / max(first.of + second.of, 1)
    if difference is None or pooled in (0.0, 1.0):
        return RateTest(first, second, difference, interval, name, why, 1.0)
    p = _barnard_p(first, second) if exact else _score_p(first, second, pooled)
    return RateTest(first, second, difference, interval, name, why, p)


def _barnard_p(first: Proportion, second: Proportion) -> float:
    from scipy.stats import barnard_exact

    table = [[first.hits, second.hits], [first.of - first.hits, second.of - second.hits]]
    return min(float(barnard_exact(table).pvalue), 1.0)


def _score_p(first: Proportion, second: Proportion, pooled: float) -> float:
    spread = sqrt(pooled * (1 - pooled) * (1 / first.of + 1 / second.of))
    return erfc(abs(first.hits / first.of - second.hits / second.of) / spread / sqrt(2))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """p values corrected for how many there are, in their order.

    Source: S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics
    6:65-70 (1979).
    """
    corrected, largest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        largest = max(largest, min(p_values[place] * (len(p_values) - rank), 1.0))
        corrected[place] = largest
    return tuple(corrected)


def _difference(first: Proportion, second: Proportion) -> float | None:
    return None if first.rate is None or second.rate is None else first.rate - second.rate
