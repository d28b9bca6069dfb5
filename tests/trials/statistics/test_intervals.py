"""Intervals of rates and of their differences, against published examples and other people's code."""

import pytest
from scipy.stats import binom, binomtest, multinomial
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from trials.statistics.proportion import Proportion, difference_interval, paired_difference_interval


@pytest.mark.parametrize(("hits", "of"), [(0, 1), (1, 1), (16, 20), (0, 20), (20, 20), (37, 200), (400_000, 1_000_000)])
def test_intervals_of_a_rate_are_those_of_scipy_and_statsmodels(hits: int, of: int) -> None:
    share = Proportion(hits, of)
    for method, interval in (("wilson", share.interval), ("exact", share.exact_interval)):
        reference = binomtest(hits, of).proportion_ci(method=method)
        assert interval == pytest.approx((reference.low, reference.high), abs=1e-9)
    assert share.exact_interval == pytest.approx(proportion_confint(hits, of, method="beta"), abs=1e-9)


def test_sixteen_of_twenty_says_what_tables_say() -> None:
    """58-92 % and 56-94 %: Newcombe, Statistics in Medicine 17:857-872 (1998), methods 3 and 5."""
    share = Proportion(16, 20)
    assert [round(100 * end) for end in share.interval] == [58, 92]
    assert [round(100 * end) for end in share.exact_interval] == [56, 94]


def test_the_score_interval_is_that_of_newcombes_table() -> None:
    """81 of 263: .2553 to .3662; 1 of 29: .0061 to .1718 (Newcombe 1998, table I)."""
    assert Proportion(81, 263).interval == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert Proportion(1, 29).interval == pytest.approx((0.0061, 0.1718), abs=5e-5)


def test_nothing_counted_says_nothing() -> None:
    assert Proportion(0, 0).interval == Proportion(0, 0).exact_interval == (0.0, 1.0)
    assert difference_interval(Proportion(0, 0), Proportion(3, 4)) == (-1.0, 1.0)
    assert paired_difference_interval(0, 0, 0, 0) == (-1.0, 1.0)


def test_the_interval_of_a_difference_is_newcombes() -> None:
    """56 of 70 less 48 of 80: .0524 to .3339 (Newcombe, Statistics in Medicine 17:873-890, 1998, table II)."""
    low, high = difference_interval(Proportion(56, 70), Proportion(48, 80))
    assert (low, high) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert (low, high) == pytest.approx(confint_proportions_2indep(56, 70, 48, 80, method="newcomb"), abs=1e-9)


def test_the_interval_of_a_paired_difference_mirrors_and_needs_no_symmetry_of_the_rest() -> None:
    assert paired_difference_interval(5, 9, 2, 4) == pytest.approx(
        tuple(-end for end in reversed(paired_difference_interval(5, 2, 9, 4)))
    )
    narrow, wide = paired_difference_interval(40, 9, 2, 40), paired_difference_interval(5, 45, 38, 3)
    assert narrow[1] - narrow[0] < wide[1] - wide[0]


def test_paired_intervals_hold_what_is_true_as_often_as_they_say() -> None:
    """Summed over every table of 20 scenes there is, for rates of .8 and .6 that hang together."""
    scenes, chances = 20, (0.55, 0.25, 0.05, 0.15)
    held = 0.0
    for both in range(scenes + 1):
        for first in range(scenes + 1 - both):
            for second in range(scenes + 1 - both - first):
                table = (both, first, second, scenes - both - first - second)
                low, high = paired_difference_interval(*table)
                if low <= 0.2 <= high:
                    held += float(multinomial.pmf(table, scenes, chances))
    assert 0.94 < held < 0.98


def test_exact_intervals_hold_what_is_true_at_least_as_often_as_they_say() -> None:
    for rate in (0.05, 0.3, 0.47, 0.8):
        inside = [
            hits
            for hits in range(21)
            if Proportion(hits, 20).exact_interval[0] <= rate <= Proportion(hits, 20).exact_interval[1]
        ]
        assert binom.pmf(inside, 20, rate).sum() >= 0.95
