"""Every expected value comes from scipy or a formula; false alarms are counted where nothing differs."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from eyebright.trust.significance import LARGE, MEDIUM, Contrast, Deals, holm, mcnemar, shift_of


def both(right_right: int, better: int, worse: int, wrong_wrong: int) -> tuple[np.ndarray, np.ndarray]:
    """Images right after and before a change, by how many are so in both, only after, only before, in none."""
    counts = [right_right, better, worse, wrong_wrong]
    return np.repeat([True, True, False, False], counts), np.repeat([True, False, True, False], counts)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 50), st.integers(0, 60), st.integers(0, 60), st.integers(0, 50))
def test_mcnemar_is_the_exact_binomial_test_of_scipy(same: int, better: int, worse: int, none: int) -> None:
    expected = scipy.stats.binomtest(better, better + worse).pvalue if better + worse else 1.0
    assert mcnemar(*both(same, better, worse, none)) == pytest.approx(expected, rel=1e-9)


def test_mcnemar_of_groups_matches_the_permutation_test_of_scipy() -> None:
    stream = np.random.default_rng(4)
    groups = np.repeat(np.arange(10), stream.integers(1, 8, 10))
    after, before = stream.random((2, 10))[:, groups] < [[0.8], [0.4]]
    surplus = np.bincount(groups, weights=after.astype(int) - before.astype(int))
    exact = scipy.stats.permutation_test((surplus,), np.sum, permutation_type="samples", n_resamples=np.inf)
    assert mcnemar(after, before, groups) == pytest.approx(exact.pvalue)
    assert mcnemar(after, before, groups) > mcnemar(after, before)


def test_mcnemar_of_one_group_or_no_change_proves_nothing() -> None:
    assert mcnemar(*both(3, 40, 0, 2), groups=np.zeros(45, np.int64)) == 1
    assert mcnemar(*both(5, 0, 0, 5)) == 1


def test_holm_matches_the_published_example_and_keeps_the_order() -> None:
    """Source: Wright 1992, "Adjusted P-values for simultaneous inference", the procedure of Holm."""
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.5, 0.9])).tolist() == [1, 1]
    assert not len(holm(np.array([])))


def alone(reference: np.ndarray, new: np.ndarray) -> Deals:
    """Two samples of independent images."""
    return Deals(np.arange(len(reference)), np.arange(len(new)))


def samples(shift: float, seed: int, sizes: tuple[int, int] = (80, 60)) -> tuple[np.ndarray, np.ndarray]:
    stream = np.random.default_rng(seed)
    return stream.normal(size=sizes[0]), stream.normal(shift, size=sizes[1])


@pytest.mark.parametrize("shift", [0.1, 0.3, 0.5])
def test_the_p_value_of_distributions_is_that_of_kolmogorov_and_smirnov(shift: float) -> None:
    reference, new = samples(shift, seed=2)
    expected = scipy.stats.ks_2samp(reference, new, method="exact").pvalue
    assert alone(reference, new).distributions(reference, new).p_value == pytest.approx(expected, abs=0.04)


def test_values_that_tie_are_compared_as_scipy_does() -> None:
    stream = np.random.default_rng(0)
    reference, new = stream.integers(0, 3, 70), stream.integers(0, 4, 50)
    found = alone(reference, new).distributions(reference, new)

    def gap(one: np.ndarray, other: np.ndarray) -> float:
        return float(scipy.stats.ks_2samp(one, other).statistic)

    exact = scipy.stats.permutation_test((reference, new), gap, n_resamples=2000, alternative="greater", rng=3)
    assert found.p_value == pytest.approx(exact.pvalue, abs=0.03)


def test_shares_are_compared_by_chi_squared() -> None:
    stream = np.random.default_rng(6)
    reference, new = stream.choice(3, 300, p=[0.4, 0.3, 0.3]), stream.choice(3, 200, p=[0.46, 0.3, 0.24])
    table = [np.bincount(each, minlength=3) for each in (reference, new)]
    expected = scipy.stats.chi2_contingency(table).pvalue
    assert alone(reference, new).shares(reference, new).p_value == pytest.approx(expected, abs=0.03)


def test_the_effect_on_shares_is_cohens_w_for_what_he_calls_medium() -> None:
    """Source: Cohen 1988, chapter 7. Shares of 0.5 that become 0.35 and 0.65 have w = 0.3."""
    reference, new = np.repeat([0, 1], 1000), np.repeat([0, 1], [700, 1300])
    found = alone(reference, new).shares(reference, new)
    assert found.effect == pytest.approx(MEDIUM, abs=0.02)


def test_the_p_value_of_rates_is_near_that_of_fishers_exact_test() -> None:
    reference, new = np.arange(200) < 10, np.arange(100) < 13
    expected = scipy.stats.fisher_exact([[10, 190], [13, 87]]).pvalue
    found = alone(reference, new).rates(reference, new)
    assert found.p_value == pytest.approx(expected, abs=0.02)
    h = 2 * np.arcsin(np.sqrt(0.13)) - 2 * np.arcsin(np.sqrt(0.05))
    assert h - 0.1 < found.effect < h  # without what chance alone gives


def test_the_energy_distance_is_that_of_scipy_on_a_line() -> None:
    reference, new = samples(0.6, seed=5)
    found = alone(reference, new).points(reference[:, None], new[:, None])

    def energy(one: np.ndarray, other: np.ndarray) -> float:
        return float(scipy.stats.energy_distance(one, other))

    exact = scipy.stats.permutation_test((reference, new), energy, n_resamples=999, alternative="greater", rng=1)
    assert found.p_value == pytest.approx(exact.pvalue, abs=0.01)


@pytest.mark.parametrize("shift", [0.3, 0.5, 1.0])
def test_the_effect_is_the_shift_of_a_normal_distribution(shift: float) -> None:
    """Of 3,000 values the estimate is within 0.1, also in several directions at once."""
    stream = np.random.default_rng(int(10 * shift))
    reference, new = stream.normal(size=(2, 1500, 8))
    deals = alone(reference, new)
    assert deals.distributions(reference[:, 0], new[:, 0] + shift).effect == pytest.approx(shift, abs=0.1)
    assert deals.points(reference, new + shift / np.sqrt(8)).effect == pytest.approx(shift, abs=0.1)
    assert shift_of(2 * scipy.stats.norm.cdf(shift / 2) - 1) == pytest.approx(shift)


def every(deals: Deals, reference: np.ndarray, new: np.ndarray) -> list[Contrast]:
    """All tests of values `(n, 4)`."""
    return [
        deals.distributions(reference[:, 0], new[:, 0]),
        deals.shares((reference[:, 1] > 0).astype(int), (new[:, 1] > 0).astype(int)),
        deals.rates(reference[:, 2] > 1.6, new[:, 2] > 1.6),
        deals.points(reference, new),
    ]


def test_of_samples_that_do_not_differ_one_in_twenty_is_significant() -> None:
    """Of 200 draws, at most 17 in 95 of 100 cases: the binomial quantile of 5%. Effects are near 0."""
    stream, found = np.random.default_rng(8), []
    for _ in range(200):
        reference, new = stream.normal(size=(40, 4)), stream.normal(size=(30, 4))
        found.append(every(alone(reference, new), reference, new))
    false = np.array([[test.p_value <= 0.05 for test in tests] for tests in found]).sum(axis=0)
    assert (false <= scipy.stats.binom.ppf(0.999, 200, 0.05)).all()
    assert np.mean([[test.effect for test in tests] for tests in found]) < MEDIUM / 2


def test_images_in_groups_raise_no_false_alarm_where_independent_ones_would() -> None:
    stream, alarms = np.random.default_rng(9), np.zeros(2)
    for _ in range(60):
        values, groups = stream.normal(size=24).repeat(10), np.arange(24).repeat(10)
        reference, new = values[:120], values[120:]
        alarms[0] += Deals(groups[:120], groups[120:]).distributions(reference, new).p_value <= 0.05
        alarms[1] += alone(reference, new).distributions(reference, new).p_value <= 0.05
    assert alarms[0] <= scipy.stats.binom.ppf(0.999, 60, 0.05) and alarms[1] > 30


@pytest.mark.parametrize("reference_size", [1, 10])
def test_frames_of_films_compared_with_single_images_raise_no_false_alarm(reference_size: int) -> None:
    """Frames of a film are similar, not equal; the other sample has one image of each film, or ten."""
    stream, alarms = np.random.default_rng(10), 0
    sizes = np.repeat([reference_size, 11 - reference_size], [30, 20])
    groups = np.repeat(np.arange(50), sizes)
    for _ in range(100):
        values = stream.normal(size=50)[groups] + stream.normal(size=len(groups))
        is_new = groups >= 30
        deals = Deals(groups[~is_new], groups[is_new])
        alarms += deals.distributions(values[~is_new], values[is_new]).p_value <= 0.05
    assert alarms <= scipy.stats.binom.ppf(0.999, 100, 0.05)


def test_of_groups_of_the_same_size_all_images_count() -> None:
    """A difference within the groups, ten images of each, is found in few groups."""
    stream, groups = np.random.default_rng(3), np.repeat(np.arange(8), 10)
    reference, new = stream.normal(size=80), stream.normal(1.5, size=80)
    assert Deals(groups, groups).distributions(reference, new).p_value <= 0.01


def test_values_that_are_all_the_same_do_not_differ() -> None:
    reference, new = np.full((170, 4), 0.1), np.full((130, 4), 0.1)
    for found in every(alone(reference, new), reference, new):
        assert found.p_value == 1 and found.effect == pytest.approx(0, abs=1e-3)


def test_one_group_of_images_can_prove_nothing() -> None:
    deals = Deals(np.arange(9), np.zeros(50, np.int64))
    assert deals.distributions(np.zeros(9), np.ones(50)).p_value > 0.05


def test_what_so_many_images_can_find_is_found_in_four_of_five_cases() -> None:
    deals = alone(np.zeros(200), np.zeros(25))
    shift = deals.findable(tests=1)
    pairs = [samples(shift, seed, (200, 25)) for seed in range(100)]
    found = [alone(*pair).distributions(*pair).p_value <= 0.05 for pair in pairs]
    assert 0.8 <= np.mean(found) <= 0.95
    assert alone(np.zeros(200), np.zeros(200)).findable(1) < LARGE and deals.findable(9) > shift


@pytest.mark.parametrize("reference", [12, 40, 500])
@pytest.mark.parametrize("effect", [LARGE, 2.0])
def test_the_number_of_images_that_is_enough_is_the_least_that_finds_the_effect(reference: int, effect: float) -> None:
    def findable(count: int) -> float:
        return Deals(np.arange(reference), np.arange(count)).findable(tests=9)

    enough = Deals(np.arange(reference), np.arange(1)).enough(9, effect)
    assert enough == next((count for count in range(1, 300) if findable(count) <= effect), 0)
