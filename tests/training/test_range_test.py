import numpy as np
import pytest

from eyebright.system.errors import SettingsError
from eyebright.training.range_test import HIGHEST, LOWEST, rate_at, smoothed, suggestion


def test_rates_grow_by_the_same_factor_from_the_lowest_to_the_highest():
    assert [rate_at(step, 200) for step in range(200)] == pytest.approx(np.geomspace(LOWEST, HIGHEST, 200))


def test_the_smoothed_loss_is_the_weighted_mean_so_far():
    losses = np.random.default_rng(0).uniform(size=50)
    for step, found in enumerate(smoothed(losses)):
        assert found == pytest.approx(np.average(losses[: step + 1], weights=0.95 ** np.arange(step, -1, -1)))


def test_a_tenth_of_the_rate_with_the_lowest_loss_is_suggested():
    rates = np.geomspace(LOWEST, HIGHEST, 200).tolist()
    assert suggestion(rates, ((np.log10(rates) + 2) ** 2).tolist()) == pytest.approx(1e-3, rel=0.1)


@pytest.mark.parametrize("losses", [[], [1.0], list(np.linspace(1, 2, 100))])
def test_a_loss_that_never_falls_suggests_nothing(losses):
    with pytest.raises(SettingsError, match="the loss does not fall at any learning rate from 1e-06 to"):
        suggestion(np.geomspace(LOWEST, HIGHEST, 200).tolist()[: len(losses)], losses)
