import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import median_abs_deviation

from eyebright.data.audit.outliers import deviations, outliers, standardised


@pytest.fixture
def cloud():
    """Two classes of 100 points: the first has eight features, the second eight others."""
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1], 100)
    return (5 * np.repeat(np.eye(2), 8, axis=1)[labels] + random.normal(scale=0.5, size=(200, 16))).astype(np.float32)


def test_hardly_anything_of_an_even_cloud_is_told(cloud):
    assert len(outliers(cloud)) <= 4  # 2 of 100: 0.6 of 100 normal values lie above 2.5 deviations


def test_a_point_of_neither_class_is_unlike_all(cloud):
    cloud[30] = 0
    cloud[30, 9] = 8
    found = outliers(cloud)[0]
    assert found.picture == 30 and found.deviations > 5


def test_deviations_are_those_of_the_formula():
    points = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    far = np.log(np.sort(cdist(points, points), axis=1)[:, 1:11].mean(axis=1) + 1e-6)
    wanted = (far - np.median(far)) / median_abs_deviation(far, scale="normal")
    np.testing.assert_allclose(deviations(points), wanted, rtol=1e-3, atol=1e-3)


def test_features_are_standardised_at_length_one():
    given = standardised(np.array([[3, 4], [4, 3], [30, 40], [40, 30]], np.float32))
    np.testing.assert_allclose(given, [[-1, 1], [1, -1], [-1, 1], [1, -1]], rtol=1e-4)


@pytest.mark.parametrize("count", [0, 1, 7])
def test_among_a_handful_there_is_no_rest_to_be_unlike(count):
    features = np.random.default_rng(0).normal(size=(count, 4)).astype(np.float32) * 1000
    assert outliers(features) == []


def test_copies_of_one_picture_are_not_unlike_each_other():
    assert outliers(np.ones((50, 4), np.float32)) == []
