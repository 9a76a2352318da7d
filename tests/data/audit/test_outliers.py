import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import median_abs_deviation

from eyebright.data.audit.outliers import (
    Measures,
    blurred,
    bright,
    cropped_share,
    dark,
    empty,
    measure,
    neighbour_deviations,
    odd,
    outliers,
    robust_deviations,
    standardised,
)
from eyebright.data.pictures import PRINT, Preparation


def prints(*thumbnails: np.ndarray) -> np.ndarray:
    """Prints of images with these thumbnails."""
    records = np.zeros(len(thumbnails), PRINT)
    for record, pixels in zip(records, thumbnails, strict=True):
        record["thumbnail"], record["width"], record["height"], record["sharpness"] = pixels, 300, 200, 1
    return records


@pytest.fixture
def usual() -> list[np.ndarray]:
    """Thumbnails of forty well-lit images."""
    stream = np.random.default_rng(1)
    return [stream.integers(0, 256, (32, 32, 3), np.uint8) for _ in range(40)]


def measures(**last: float) -> Measures:
    """Measures of twenty equal images and one that differs by name."""
    same = {"width": 300, "height": 200, "highlights": 0.9, "shadows": 0.1, "sharpness": 1, "one_colour": 0.2}
    return Measures(**{name: np.array([value] * 20 + [last.get(name, value)], float) for name, value in same.items()})


def test_a_flower_on_black_is_not_dark_and_one_on_white_is_not_bright(usual):
    night, studio = np.full((32, 32, 3), 3, np.uint8), np.full((32, 32, 3), 252, np.uint8)
    on_black, on_white = night.copy(), studio.copy()
    on_black[12:18, 12:18, 0] = 220  # a red flower: its luminance is low, but it is visible
    on_white[12:18, 12:18] = 60
    measured = measure(prints(*usual, night, studio, on_black, on_white))
    assert dark(measured).tolist() == [40]
    assert bright(measured).tolist() == [41]


def test_highlights_and_shadows_are_quantiles_of_the_strongest_and_the_weakest_channel(usual):
    measured = measure(prints(usual[0]))
    pixels = usual[0].reshape(-1, 3)
    assert measured.highlights[0] == pytest.approx(np.sort(pixels.max(axis=1))[1003] / 255, abs=0.01)
    assert measured.shadows[0] == pytest.approx(np.sort(pixels.min(axis=1))[20] / 255, abs=0.01)


def test_one_colour_is_the_share_of_the_most_common_colour(usual):
    half = usual[0].copy()
    half[:16] = 90, 120, 30
    half[16:18] = 91, 121, 31  # a difference as small as noise is the same colour
    assert measure(prints(half)).one_colour[0] == pytest.approx(18 / 32, abs=0.01)


def test_where_all_images_are_dark_none_stands_out(usual):
    assert not len(dark(measure(prints(*(thumbnail // 10 for thumbnail in usual)))))


@pytest.mark.parametrize(
    ("check", "inside", "outside"),
    [
        (dark, {"highlights": 0.21}, {"highlights": 0.19}),
        (bright, {"shadows": 0.79}, {"shadows": 0.81}),
        (empty, {"one_colour": 0.96}, {"one_colour": 0.98}),
        (blurred, {"sharpness": 0.26}, {"sharpness": 0.24}),
        (odd, {"width": 300 * 1.9, "height": 200}, {"width": 300 * 2.1, "height": 200}),  # proportions
        (odd, {"width": 300, "height": 200 * 1.9}, {"width": 300, "height": 200 * 2.1}),
        (odd, {"width": 300 * 2.75, "height": 200 * 2.75}, {"width": 300 * 2.9, "height": 200 * 2.9}),  # 7.6, 8.4 times
    ],
)
def test_an_image_stands_out_from_a_fixed_bound_on(check, inside, outside):
    assert not len(check(measures(**inside)))
    assert check(measures(**outside)).tolist() == [20]


def test_an_empty_image_is_not_reported_as_blurred_too():
    assert not len(blurred(measures(sharpness=0.1, one_colour=0.98)))


def test_an_image_stands_out_only_from_a_data_set_that_varies_less():
    """Sharpness from 0.1 to 10: 0.15 is below a quarter of the median, but not far from it in robust deviations."""
    varied = Measures(**measures()._asdict() | {"sharpness": np.append(np.geomspace(0.1, 10, 20), 0.15)})
    assert not len(blurred(varied))


def test_cropping_a_wide_image_to_a_square_loses_the_rest():
    measured = measures(width=800, height=200)
    assert cropped_share(measured, Preparation(width=32, height=32))[[0, 20]] == pytest.approx([1 / 3, 3 / 4])
    assert cropped_share(measured, Preparation(width=64, height=32))[[0, 20]] == pytest.approx([1 / 4, 1 / 2])
    assert not cropped_share(measured, Preparation(width=32, height=32, fit="pad")).any()


def test_robust_deviations_match_scipy_down_to_the_least_deviation():
    values = np.random.default_rng(3).normal(size=50)
    expected = (values - np.median(values)) / median_abs_deviation(values, scale="normal")
    np.testing.assert_allclose(robust_deviations(values, least=0.1), expected, rtol=1e-3)
    np.testing.assert_allclose(robust_deviations(np.array([1, 1, 1, 2.0]), least=0.5), [0, 0, 0, 2])


@pytest.fixture
def cloud() -> np.ndarray:
    """Two classes of 100 points: the first has eight features, the second eight others."""
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1], 100)
    return (5 * np.repeat(np.eye(2), 8, axis=1)[labels] + random.normal(scale=0.5, size=(200, 16))).astype(np.float32)


def test_almost_nothing_of_an_even_cloud_is_an_outlier(cloud):
    assert len(outliers(cloud)) <= 4  # 2 of 100: 0.6 of 100 normal values lie above 2.5 deviations


def test_a_point_of_neither_class_is_the_first_outlier(cloud):
    cloud[30] = 0
    cloud[30, 9] = 8
    found = outliers(cloud)[0]
    assert found.image == 30 and found.deviations > 5


@pytest.mark.parametrize(("more", "found"), [(5, False), (6, True)])
def test_an_outlier_has_neighbours_more_than_two_and_a_half_deviations_farther_than_usual(more, found):
    """Thirty images with ten features each that no other has; the first has 5 or 6 more.

    All distances are sqrt(20), those of the first sqrt(20 + more): by logarithm, in units of the least deviation of
    0.05, it is 10 ln(1 + more / 20) deviations farther.
    """
    features = np.kron(np.eye(30), np.ones(10))
    features = np.concatenate([features, np.zeros((30, more))], axis=1).astype(np.float32)
    features[0, -more:] = 1
    reported = outliers(features)
    assert [outlier.image for outlier in reported] == [0] * found
    if found:
        assert reported[0].deviations == pytest.approx(10 * np.log(1.3), rel=1e-3)


def test_neighbour_deviations_match_their_formula():
    points = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    far = np.log(np.sort(cdist(points, points), axis=1)[:, 1:11].mean(axis=1) + 1e-6)
    expected = (far - np.median(far)) / median_abs_deviation(far, scale="normal")
    np.testing.assert_allclose(neighbour_deviations(points), expected, rtol=1e-3, atol=1e-3)


def test_features_are_standardised_at_length_one():
    given = standardised(np.array([[3, 4], [4, 3], [30, 40], [40, 30]], np.float32))
    np.testing.assert_allclose(given, [[-1, 1], [1, -1], [-1, 1], [1, -1]], rtol=1e-4)


@pytest.mark.parametrize("count", [0, 1, 7])
def test_among_fewer_than_eight_images_there_are_no_outliers(count):
    features = np.random.default_rng(0).normal(size=(count, 4)).astype(np.float32) * 1000
    assert outliers(features) == []


def test_equal_images_are_not_outliers():
    assert outliers(np.ones((50, 4), np.float32)) == []
