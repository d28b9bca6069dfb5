"""Tests of two rates, against published examples and other people's code."""

from random import Random

import pytest
from scipy.stats import binomtest
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar
from statsmodels.stats.multitest import multipletests

from trials.statistics.comparison import LEAST_DISCORDANT, PairedCounts, barnard, holm, mcnemar
from trials.statistics.proportion import Proportion


def test_mcnemars_exact_p_is_that_of_fays_example() -> None:
    """21, 9, 2, 12: p = 0.06543 (M. P. Fay, Exact McNemar's test and matching confidence intervals, exact2x2, 2010)."""
    assert mcnemar(PairedCounts(21, 9, 2, 12)).p == pytest.approx(0.06543, abs=5e-6)


def test_mcnemars_exact_p_agrees_with_agrestis_approval_ratings() -> None:
    """794, 150, 86, 570: z = 4.17, difference .04 (A. Agresti, Categorical Data Analysis, 2nd edition, 10.1.1)."""
    test = mcnemar(PairedCounts(794, 150, 86, 570))
    assert test.difference == pytest.approx(0.04)
    assert test.interval == pytest.approx((0.02, 0.06), abs=0.005)
    assert test.p == pytest.approx(3.7e-5, rel=0.02)


@pytest.mark.parametrize("table", [(5, 9, 2, 4), (0, 0, 0, 7), (3, 1, 0, 0), (10, 6, 0, 4), (101, 121, 59, 33)])
def test_mcnemar_is_that_of_statsmodels(table: tuple[int, int, int, int]) -> None:
    both, first, second, neither = table
    test = mcnemar(PairedCounts(*table))
    assert test.p == pytest.approx(float(reference_mcnemar([[both, first], [second, neither]], exact=True).pvalue))
    assert test.first == Proportion(both + first, sum(table))
    assert test.second == Proportion(both + second, sum(table))


def test_fewer_than_six_discordant_scenes_never_reach_significance_and_it_is_said() -> None:
    for first in range(LEAST_DISCORDANT):
        test = mcnemar(PairedCounts(40, first, 0, 3))
        assert test.p > 0.05
        assert test.is_hopeless
        assert "fewer than 6" in test.why
    enough = mcnemar(PairedCounts(40, LEAST_DISCORDANT, 0, 3))
    assert enough.p < 0.05
    assert not enough.is_hopeless


def test_barnards_p_is_that_of_published_examples() -> None:
    """Mehta and Senchaudhuri, Conditional versus unconditional exact tests (2003): 7 of 15 against 12 of 15, one-sided
    .0341, two-sided twice that here; and, by the R package Barnard, 2 of 10 / 7 of 9, and 5 of 15 / 1 of 11."""
    assert barnard(Proportion(7, 15), Proportion(12, 15)).p == pytest.approx(2 * 0.03407, abs=2e-4)
    assert barnard(Proportion(2, 10), Proportion(7, 9)).p == pytest.approx(0.019211, abs=1e-5)
    assert barnard(Proportion(5, 15), Proportion(1, 11)).p == pytest.approx(0.156278, abs=1e-5)


def test_of_many_trials_the_score_test_says_what_barnards_says() -> None:
    few, many = barnard(Proportion(150, 300), Proportion(180, 300)), barnard(Proportion(151, 301), Proportion(181, 301))
    assert (few.test, many.test) == ("Barnard", "score test")
    assert many.p == pytest.approx(few.p, rel=0.05)
    assert barnard(Proportion(500_000, 10**6), Proportion(510_000, 10**6)).p < 1e-40


def test_equal_and_empty_samples_tell_nothing_apart() -> None:
    for one, other in ((Proportion(0, 9), Proportion(0, 7)), (Proportion(9, 9), Proportion(7, 7))):
        assert barnard(one, other).p == 1.0
    empty = barnard(Proportion(0, 0), Proportion(3, 4))
    assert (empty.p, empty.difference, empty.interval) == (1.0, None, (-1.0, 1.0))


def test_holms_correction_is_that_of_a_worked_example_and_of_statsmodels(monkeypatch: pytest.MonkeyPatch) -> None:
    """.01, .04, .03, .005 -> .03, .06, .06, .02: the procedure of S. Holm (1979) worked by hand."""
    # Which statsmodels does each time, of all that pytest's process ever loaded: a second.
    monkeypatch.setattr("gc.collect", lambda: 0)
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == ()
    draw = Random(3)
    for count in (1, 5, 12):
        drawn = [draw.random() ** 3 for _ in range(count)]
        assert holm(drawn) == pytest.approx(multipletests(drawn, method="holm")[1].tolist())


def test_mcnemar_does_not_care_for_scenes_that_do_not_part_the_two() -> None:
    assert mcnemar(PairedCounts(0, 9, 2, 0)).p == mcnemar(PairedCounts(400, 9, 2, 70)).p
    assert mcnemar(PairedCounts(0, 9, 2, 0)).p == pytest.approx(binomtest(2, 11).pvalue)
