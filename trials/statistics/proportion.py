"""A share of counted things, with the intervals that say how well so many of them tell it."""

from dataclasses import dataclass
from math import sqrt

#: Confidence of every interval, and what a p value is held against.
CONFIDENCE = 0.95
SIGNIFICANT = 1 - CONFIDENCE
#: The normal quantile that leaves half of the rest on each side.
Z = 1.959963984540054


@dataclass(frozen=True)
class Proportion:
    """`hits` of `of`."""

    hits: int
    of: int

    @property
    def rate(self) -> float | None:
        return self.hits / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % score interval (E. B. Wilson 1927), (0, 1) of nothing."""
        if not self.of:
            return 0.0, 1.0
        n, rate, z2 = self.of, self.hits / self.of, Z * Z
        middle = (rate + z2 / (2 * n)) / (1 + z2 / n)
        half = Z * sqrt(rate * (1 - rate) / n + z2 / (4 * n * n)) / (1 + z2 / n)
        return (0.0 if not self.hits else middle - half), (1.0 if self.hits == n else middle + half)

    @property
    def exact_interval(self) -> tuple[float, float]:
        """Clopper and Pearson's 95 % interval (1934), never too narrow; (0, 1) of nothing."""
        from scipy.special import betaincinv

        tail, missed = SIGNIFICANT / 2, self.of - self.hits
        low = float(betaincinv(self.hits, missed + 1, tail)) if self.hits else 0.0
        return low, float(betaincinv(self.hits + 1, missed, 1 - tail)) if missed else 1.0


def difference_interval(first: Proportion, second: Proportion) -> tuple[float, float]:
    """95 % interval of first - second, independent of each other: Newcombe's hybrid score interval.

    Source: R. G. Newcombe, Statistics in Medicine 17:873-890 (1998), method 10.
    """
    return _hybrid(first, second, 0.0)


def paired_difference_interval(both: int, first: int, second: int, neither: int) -> tuple[float, float]:
    """95 % interval of the difference of two rates over the same scenes.

    Args:
        both, first, second, neither: scenes that both, only the first, only the second, or neither got right.

    Source: R. G. Newcombe, Statistics in Medicine 17:2635-2650 (1998), method 10: the hybrid score interval, with
    the correlation of the pairs, corrected for continuity.
    """
    n = both + first + second + neither
    if not n:
        return -1.0, 1.0
    margins = (both + first) * (second + neither) * (both + second) * (first + neither)
    excess = float(both * neither - first * second)
    if excess > 0:
        excess = max(excess - n / 2, 0.0)
    correlation = excess / sqrt(margins) if margins else 0.0
    return _hybrid(Proportion(both + first, n), Proportion(both + second, n), correlation)


def _hybrid(first: Proportion, second: Proportion, correlation: float) -> tuple[float, float]:
    if first.rate is None or second.rate is None:
        return -1.0, 1.0
    difference = first.rate - second.rate
    below_1, above_1 = first.rate - first.interval[0], first.interval[1] - first.rate
    below_2, above_2 = second.rate - second.interval[0], second.interval[1] - second.rate
    down = sqrt(max(below_1**2 - 2 * correlation * below_1 * above_2 + above_2**2, 0.0))
    up = sqrt(max(above_1**2 - 2 * correlation * above_1 * below_2 + below_2**2, 0.0))
    return max(difference - down, -1.0), min(difference + up, 1.0)
