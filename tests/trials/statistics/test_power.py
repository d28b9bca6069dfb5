"""How many trials a difference takes, against sums over every outcome there is."""

from itertools import product

import pytest
from scipy.stats import barnard_exact, binom, binomtest, multinomial

from core.errors import ConfigurationError
from trials.statistics.power import Design, rates_told_apart, trials_needed


def test_power_of_independent_samples_is_the_chance_of_what_barnards_test_rejects() -> None:
    trials, rates = 9, (0.2, 0.8)
    summed = 0.0
    for hits in product(range(trials + 1), repeat=2):
        table = [list(hits), [trials - hit for hit in hits]]
        if hits[0] != hits[1] and barnard_exact(table).pvalue <= 0.05:
            summed += binom.pmf(hits[0], trials, rates[0]) * binom.pmf(hits[1], trials, rates[1])
    assert Design(rates).power(trials) == pytest.approx(summed, abs=1e-9)


def test_power_of_matched_scenes_is_the_chance_of_what_mcnemars_test_rejects() -> None:
    scenes, towards, against = 15, 0.45, 0.05
    summed = sum(
        multinomial.pmf([first, second, scenes - first - second], scenes, [towards, against, 0.5])
        for first in range(scenes + 1)
        for second in range(scenes + 1 - first)
        if first + second and binomtest(first, first + second).pvalue <= 0.05
    )
    assert Design((0.5, 0.9), matched=True, discordance=0.5).power(scenes) == pytest.approx(summed)


def test_how_many_trials_tell_sixty_from_eighty_in_a_hundred() -> None:
    """Fleiss (1981) gives 82 a group without and 91 with his correction for 80 % power: the exact number is between."""
    assert 82 <= trials_needed(Design((0.6, 0.8)), 0.8) <= 91
    assert trials_needed(Design((0.6, 0.8)), 0.9) > trials_needed(Design((0.6, 0.8)), 0.8)


@pytest.mark.parametrize("design", [Design((0.47, 0.8)), Design((0.6, 0.8), True), Design((0.6, 0.8), True, 0.25)])
def test_the_number_needed_is_enough_and_one_fewer_is_not(design: Design) -> None:
    needed = trials_needed(design, 0.8)
    assert min(design.power(needed + more) for more in range(10)) >= 0.8
    assert design.power(needed - 1) < 0.8


def test_scenes_on_which_estimators_hang_together_take_fewer_trials() -> None:
    numbers = [trials_needed(Design((0.6, 0.8), True, discordance), 0.8) for discordance in (0.2, 0.3, 0.44)]
    assert numbers == sorted(numbers)
    assert numbers[0] < trials_needed(Design((0.6, 0.8)), 0.8) / 1.5


def test_small_differences_are_reckoned_with_the_normal_approximation() -> None:
    """power.prop.test(p1 = .60, p2 = .65, power = .8) of R: n = 1470.2."""
    assert trials_needed(Design((0.60, 0.65)), 0.8) == 1471


@pytest.mark.parametrize(("matched", "trials"), [(False, 20), (True, 60), (False, 400)])
def test_what_so_many_trials_tell_is_the_inverse(matched: bool, trials: int) -> None:
    below, above = rates_told_apart(0.5, trials, 0.8, matched)
    assert below is not None
    assert above is not None
    assert below < 0.5 < above
    for other, nearer in ((below, below + 0.02), (above, above - 0.02)):
        assert Design((0.5, other), matched).power(trials) >= 0.8
        assert Design((0.5, nearer), matched).power(trials) < 0.8


def test_what_no_rate_is_far_enough_from_is_told() -> None:
    assert rates_told_apart(0.9, 10, 0.8)[1] is None
    assert rates_told_apart(0.5, 2, 0.9) == (None, None)


@pytest.mark.parametrize(
    "design", [Design((0.6, 0.6)), Design((0.6, 1.2)), Design((0.6, 0.8), True, 0.1), Design((0.6, 0.8), True, 0.9)]
)
def test_what_cannot_be_is_refused(design: Design) -> None:
    with pytest.raises(ConfigurationError):
        trials_needed(design, 0.8)
