"""How many trials tell two rates apart, and what difference so many trials can tell."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigurationError
from trials.statistics.comparison import LARGEST_BARNARD
from trials.statistics.proportion import SIGNIFICANT

#: Beyond so many scenes power is the normal approximation's.
LARGEST_MATCHED = 5_000
#: Exact power saws up and down with the number of trials: it has to hold for as many numbers in a row.
_IN_A_ROW = 10
_LARGEST = 10_000_000


@dataclass(frozen=True)
class Design:
    """What is to be told apart, and how.

    rates: of the two estimators. matched: whether both attempt the same scenes. discordance: the share of the scenes
    that only one of them gets right; None: that of estimators that fail independently of each other.
    """

    rates: tuple[float, float]
    matched: bool = False
    discordance: float | None = None

    @property
    def parted(self) -> float:
        """The discordance that is reckoned with."""
        first, second = self.rates
        return self.discordance if self.discordance is not None else first * (1 - second) + second * (1 - first)

    def demand_possible(self) -> None:
        """Raises a ConfigurationError where no two estimators can be like this."""
        first, second = self.rates
        if not (0 <= first <= 1 and 0 <= second <= 1) or first == second:
            raise ConfigurationError(
                f"{first:g} and {second:g} are no two rates that could be told apart.",
                "Give two different shares between 0 and 1, as 0.60 0.80.",
            )
        least, most = abs(first - second), min(first + second, 2 - first - second)
        if self.matched and not least - 1e-9 <= self.parted <= most + 1e-9:
            raise ConfigurationError(
                f"Of estimators with {first:.2f} and {second:.2f} success, {self.parted:g} cannot be the share of the "
                "scenes that part them.",
                f"Give --discordance between {least:.2f} and {most:.2f}.",
            )

    def power(self, trials: int) -> float:
        """The probability of p < 0.05 with so many trials of each."""
        if self.matched:
            return _matched_power(self.rates, self.parted, trials)
        return _independent_power(self.rates, trials)

    def is_exact(self, trials: int) -> bool:
        return trials <= (LARGEST_MATCHED if self.matched else LARGEST_BARNARD)


def trials_needed(design: Design, power: float) -> int:
    """Of each estimator, so that two such rates are told apart at 0.05 with this probability, and with more too.

    Raises:
        ConfigurationError: no two estimators can be like this, or no number that could be run would do.
    """
    design.demand_possible()
    rough = _rough_number(design, power)
    if rough > _LARGEST:
        raise ConfigurationError(
            f"{design.rates[0]:g} and {design.rates[1]:g} take more than {_LARGEST:,} trials to tell apart.",
            "Give rates that are further apart.",
        )
    if not design.is_exact(rough):
        return rough
    trials, held = max(2, int(0.7 * rough) - _IN_A_ROW), 0
    while held < _IN_A_ROW and (not held or design.is_exact(trials)):
        held = held + 1 if design.power(trials) >= power else 0
        trials += 1
    return trials - held


def rates_told_apart(
    rate: float, trials: int, power: float, matched: bool = False, discordance: float | None = None
) -> tuple[float | None, float | None]:
    """The nearest rate below and the nearest above `rate` that so many trials of each tell from it with this power.

    None where none is that far away. Halved to 0.0005.
    """
    return tuple(  # type: ignore[return-value]
        _nearest(rate, end, lambda other: _power_or_none((rate, other), trials, matched, discordance), power)
        for end in (0.0, 1.0)
    )


def _power_or_none(rates: tuple[float, float], trials: int, matched: bool, discordance: float | None) -> float | None:
    design = Design(rates, matched, discordance)
    try:
        design.demand_possible()
    except ConfigurationError:
        return None
    return design.power(trials)


def _nearest(rate: float, end: float, power_at: Callable[[float], float | None], power: float) -> float | None:
    """By halving between `rate` and the furthest one towards `end` that is possible."""
    possible = [other for other in np.linspace(end, rate, 201)[:-1] if power_at(float(other)) is not None]
    if not possible or (power_at(float(possible[0])) or 0.0) < power:
        return None
    far, near = float(possible[0]), rate
    while abs(far - near) > 0.0005:
        middle = (far + near) / 2
        far, near = (middle, near) if (power_at(middle) or 0.0) >= power else (far, middle)
    return far


def _rough_number(design: Design, power: float) -> int:
    """By the normal approximation: J. L. Fleiss, Statistical Methods for Rates and Proportions (1981), eq. 3.14;
    matched: R. J. Connor, Biometrics 43:207-211 (1987)."""
    from scipy.special import ndtri

    (first, second), z_error, z_power = design.rates, ndtri(1 - SIGNIFICANT / 2), ndtri(power)
    if design.matched:
        spread = z_error * sqrt(design.parted) + z_power * sqrt(max(design.parted - (first - second) ** 2, 0.0))
    else:
        mean = (first + second) / 2
        apart = first * (1 - first) + second * (1 - second)
        spread = z_error * sqrt(2 * mean * (1 - mean)) + z_power * sqrt(apart)
    return max(2, ceil((spread / (first - second)) ** 2))


def _independent_power(rates: tuple[float, float], trials: int) -> float:
    """Of Barnard's test with `trials` a side, summed over every table that it rejects."""
    if trials > LARGEST_BARNARD:
        return _normal_power(rates, trials)
    numbers = np.arange(trials + 1)
    first, second = (_binomial(numbers, trials, rate) for rate in rates)
    return float(first @ _rejected(trials) @ second)


def _normal_power(rates: tuple[float, float], trials: int) -> float:
    from scipy.special import ndtr, ndtri

    mean, difference = sum(rates) / 2, abs(rates[0] - rates[1])
    apart = sqrt(sum(rate * (1 - rate) for rate in rates) / trials)
    critical = ndtri(1 - SIGNIFICANT / 2) * sqrt(2 * mean * (1 - mean) / trials)
    return float(ndtr((difference - critical) / apart)) if apart else 1.0


@cache
def _rejected(trials: int) -> NDArray[np.bool_]:
    """(N + 1, N + 1): the tables of hits that Barnard's test with N a side rejects at 0.05.

    They are taken by falling score statistic for as long as, whatever rate both have, they come up too seldom.
    """
    hits = np.arange(trials + 1)
    pooled = (hits[:, None] + hits) / (2 * trials)
    spread = np.sqrt(2 * pooled * (1 - pooled) / trials)
    apart = np.abs(hits[:, None] - hits) / trials
    score = np.divide(apart, spread, out=np.zeros_like(apart), where=spread > 0).round(9).ravel()
    order = np.argsort(-score, kind="stable")
    worst = np.zeros(len(order))
    for rate in np.linspace(0, 0.5, 52)[1:]:  # the tables mirror each other about one half
        either = _binomial(hits, trials, rate)
        np.maximum(worst, np.outer(either, either).ravel()[order].cumsum(), out=worst)
    ends = np.r_[score[order][1:] != score[order][:-1], True]  # equal scores are rejected together
    below = np.flatnonzero(ends & (worst <= SIGNIFICANT))
    least = score[order][below[-1]] if len(below) else np.inf
    return (score >= least).reshape(trials + 1, trials + 1)


def _matched_power(rates: tuple[float, float], parted: float, scenes: int) -> float:
    """Of the exact McNemar test, summed over how many scenes part the two, and which way."""
    from scipy.special import bdtr, bdtrik, ndtr, ndtri

    difference = abs(rates[0] - rates[1])
    if scenes > LARGEST_MATCHED:
        critical = ndtri(1 - SIGNIFICANT / 2) * sqrt(parted)
        spread = sqrt(max(parted - difference**2, 1e-12))
        return float(ndtr((difference * sqrt(scenes) - critical) / spread))
    towards = min((parted + difference) / (2 * parted), 1.0)
    discordant = np.arange(scenes + 1)
    # The most of the rarer kind at which two-sided p stays within 0.05: -1 where there is none.
    rarest = np.floor(bdtrik(SIGNIFICANT / 2, discordant, 0.5) + 1e-9)
    rarest = np.where(2 * bdtr(np.maximum(rarest, 0), discordant, 0.5) <= SIGNIFICANT, rarest, rarest - 1)
    rarest = np.where((rarest >= 0) & (2 * 0.5**discordant <= SIGNIFICANT), rarest, -1)
    seen = np.maximum(rarest, 0)
    rejected = bdtr(seen, discordant, 1 - towards) + bdtr(seen, discordant, towards)
    return float(_binomial(discordant, scenes, parted) @ np.where(rarest >= 0, rejected, 0.0))


def _binomial(hits: NDArray[np.int_], of: int, rate: float) -> NDArray[np.float64]:
    """Probabilities of `hits` of `of`."""
    from scipy.special import gammaln, xlog1py, xlogy

    ways = gammaln(of + 1) - gammaln(hits + 1) - gammaln(of - hits + 1)
    return np.asarray(np.exp(ways + xlogy(hits, rate) + xlog1py(of - hits, -rate)))
