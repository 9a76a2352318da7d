import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from eyebright.trust.unknown import (
    distance_of,
    energy_of,
    fit_familiar,
    fit_gaussian,
    kept_limit,
    kept_share,
    unfamiliarity_of,
    unit,
)

RANDOM = np.random.default_rng(0)


def features(count, width=10, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(1, np.linspace(0.1, 2, width), (count, width)).astype(np.float32)


def test_the_gaussian_has_the_covariance_of_the_points_where_all_directions_are_kept():
    points = RANDOM.normal(size=(200, 4)) @ RANDOM.normal(size=(4, 4))
    mean, directions, variances, rest = fit_gaussian(points, rank=4)
    assert len(directions) == 3  # the last variance is that of the rest
    covariance = rest * np.eye(4) + directions.T @ np.diag(variances - rest) @ directions
    np.testing.assert_allclose(covariance, np.cov(points.T), rtol=1e-9)
    np.testing.assert_allclose(mean, points.mean(axis=0))


def test_the_total_variance_is_kept_whatever_the_rank():
    points = RANDOM.normal(size=(50, 9)) * np.arange(1, 10)
    for rank in (1, 3, 8):
        _, _, variances, rest = fit_gaussian(points, rank)
        assert variances.sum() + rest * (9 - rank) == pytest.approx(np.trace(np.cov(points.T)))


def test_the_distance_is_that_of_a_multivariate_normal():
    found = fit_familiar(features(300), features(100, seed=1), RANDOM.normal(size=(100, 3)))
    covariance = (
        float(found.rest) * np.eye(10) + found.directions.T @ np.diag(found.variances - found.rest) @ found.directions
    )
    normal = multivariate_normal(found.mean.astype(float), covariance.astype(float))
    new = features(20, seed=2)
    expected = -2 * (normal.logpdf(unit(new)) - normal.logpdf(normal.mean))
    np.testing.assert_allclose(distance_of(found, new), expected, rtol=1e-3)


def test_the_energy_counts_only_above_that_of_typical_images():
    new, logits = features(100, seed=1), RANDOM.normal(size=(100, 3))
    found = fit_familiar(features(300), new, logits)
    typical = -np.median(logsumexp(logits, axis=1))
    assert float(found.energy_typical) == pytest.approx(typical)
    certain, unsure = (unfamiliarity_of(found, new[:1], np.full((1, 3), value)) for value in (50.0, -50.0))
    assert certain == pytest.approx(distance_of(found, new[:1]) / found.limit)
    more = float(found.energy_weight) * (50 - np.log(3) - typical)
    assert unsure == pytest.approx((distance_of(found, new[:1]) + more) / found.limit)
    assert energy_of(np.array([[1e4, 0.0]])) == pytest.approx(-1e4)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 400), st.floats(0.5, 0.99))
def test_the_limit_keeps_what_was_asked_for(count, kept):
    """Of n + 1 values in any order, the last is at most the limit of the others with at least this probability."""
    values = np.random.default_rng(count).permutation(count + 1).astype(float) + 1
    share = np.mean([values[last] <= kept_limit(np.delete(values, last), kept) for last in range(count + 1)])
    assert share >= kept or (count + 1) * kept > count  # so few that no limit would do: the largest is taken
    assert share == pytest.approx(kept_share(count, kept))


@pytest.mark.parametrize("train", [1, 2, 5, 300])
@pytest.mark.parametrize("width", [1, 3, 2000])
def test_any_number_of_images_and_features_gives_finite_values(train, width):
    new = features(30, width, seed=1)
    found = fit_familiar(features(train, width), new, np.zeros((30, 2)))
    values = unfamiliarity_of(found, np.concatenate([new, np.zeros((1, width))]), np.zeros((31, 2)))
    assert np.isfinite(values).all() and all(np.isfinite(part).all() for part in found)
    assert (values[:30] <= 1).mean() >= 0.95
    assert values[:30].max() < 1 - 5e-5 or values[:30].max() > 1 + 5e-5  # none where rounding decides


def test_constant_features_are_familiar_and_others_are_not():
    same = np.ones((20, 5))
    found = fit_familiar(same, same[:3], np.zeros((3, 2)))
    assert unfamiliarity_of(found, same, np.zeros((20, 2))).max() <= 1
    assert unfamiliarity_of(found, np.eye(5)[:1], np.zeros((1, 2))) > 100


@pytest.mark.parametrize("level", [0.0, 1000.0])
def test_energies_that_differ_only_by_rounding_do_not_count(level):
    logits = np.full((50, 3), level) + np.random.default_rng(0).normal(0, 1e-6, (50, 3))
    found = fit_familiar(features(60), features(50, seed=1), logits)
    assert found.energy_weight == 0


def test_far_images_are_unfamiliar():
    known, far = features(500), features(200, seed=3)[:, ::-1]
    found = fit_familiar(known, features(200, seed=1), np.zeros((200, 2)))
    assert (unfamiliarity_of(found, far, np.zeros((200, 2))) > 1).mean() > 0.9
    refused = (unfamiliarity_of(found, features(400, seed=4), np.zeros((400, 2))) > 1).mean()
    assert refused == pytest.approx(0.05, abs=0.04)
