"""Networks that are known to look at one region: it is found, and no other; the work is bounded."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from eyebright.model.explain.shortcut import CorrectImages, count_tried, find_shortcuts, regions

SIDE, CLASSES = 24, ("a", "b", "c")
RANDOM = np.random.default_rng(3)
LABELS = RANDOM.integers(0, 3, 90)
PLACES = regions(SIDE, SIDE)


def shown(labels: NDArray[np.int64], region: str) -> NDArray[np.uint8]:
    """Noise, with the brightness of its class in a region."""
    pixels = RANDOM.integers(0, 60, (len(labels), SIDE, SIDE, 3), np.uint8)
    where = PLACES[region] if region in PLACES else ~np.any(list(PLACES.values()), axis=0)
    return np.where(where[None, :, :, None], pixels // 4 + (80 * labels)[:, None, None, None], pixels).astype(np.uint8)


def network(region: str) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """Tells the class by the brightness of a region alone."""
    where = PLACES[region] if region in PLACES else ~np.any(list(PLACES.values()), axis=0)

    def predict(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        brightness = images[:, where].mean(axis=(1, 2))
        nearest = np.abs(brightness[:, None] - (80 * np.arange(3) + 7)).argmin(axis=1)
        return np.eye(3, dtype=np.float32)[nearest]

    return predict


@pytest.mark.parametrize("region", PLACES)
def test_the_region_that_decides_is_found(region: str) -> None:
    pictures = shown(LABELS, region)
    found = find_shortcuts(network(region), CorrectImages(pictures.__getitem__, LABELS), CLASSES, (SIDE, SIDE))
    best = {(one.label, one.region) for one in found if one.changed.value == one.lost.value == 1}
    assert {(name, region) for name in CLASSES} <= best
    assert all(one.area == pytest.approx(PLACES[one.region].mean()) for one in found)


def test_images_that_are_in_several_pairs_count_once() -> None:
    labels = np.repeat([0, 1], [2, 40])
    pictures = shown(labels, "top edge")
    found = find_shortcuts(network("top edge"), CorrectImages(pictures.__getitem__, labels), CLASSES, (SIDE, SIDE))
    counts = {one.changed.of for one in found if one.changed.value == 1}
    assert counts == {2} and all(one.changed.low < 0.25 for one in found)
    labels = np.repeat([0, 1], [20, 40])
    pictures = shown(labels, "top edge")
    found = find_shortcuts(network("top edge"), CorrectImages(pictures.__getitem__, labels), CLASSES, (SIDE, SIDE))
    assert {one.changed.of for one in found} == {16} and found[0].changed.low > 0.25


def test_a_region_that_is_enough_but_not_needed_loses_no_image() -> None:
    """The network sees the class in the middle or, where that is dark, at the top: a dark image with the top of class 2
    becomes 2, but an image of 2 keeps its middle without it."""
    labels = np.repeat([0, 2], [40, 20])
    pictures = shown(labels, "top edge")
    pictures[40:, 9:15, 9:15] = 167

    def predict(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        middle, top = images[:, 9:15, 9:15].mean(axis=(1, 2, 3)), images[:, 0, 9:15].mean(axis=(1, 2))
        return np.eye(3, dtype=np.float32)[np.where((middle > 150) | (top > 150), 2, 0)]

    found = {
        one.region: one
        for one in find_shortcuts(predict, CorrectImages(pictures.__getitem__, labels), CLASSES, (SIDE,) * 2)
    }
    assert found["top edge"].changed.value == 1 and found["top edge"].lost.value == 0


def test_images_of_a_group_count_once_and_each_group_is_tried() -> None:
    """Forty images of three films count as three, whatever their order; of twenty films, sixteen pairs have sixteen."""
    labels = np.repeat([0, 1], [40, 60])
    pictures = shown(labels, "top edge")
    for films in (3, 20):
        groups = np.concatenate([RANDOM.permutation(np.resize(np.arange(films), 40)), 100 + np.arange(60)])
        given = CorrectImages(pictures.__getitem__, labels, groups)
        tried = given.shuffled(labels == 0, np.random.default_rng(0))
        assert sorted(tried) == list(range(40)) and len(set(groups[tried[:films]])) == films
        found = find_shortcuts(network("top edge"), given, CLASSES, (SIDE, SIDE))
        assert {one.changed.of for one in found} == {min(films, 16)}


def test_a_network_that_looks_at_the_middle_has_none() -> None:
    pictures = shown(LABELS, "middle")
    assert find_shortcuts(network("middle"), CorrectImages(pictures.__getitem__, LABELS), CLASSES, (SIDE, SIDE)) == ()


def test_regions_are_a_ninth_of_the_image_each_and_leave_the_middle() -> None:
    for height, width in ((24, 24), (28, 28), (31, 47)):
        places = regions(height, width)
        border = places.pop("whole border")
        assert border.mean() == pytest.approx(1 - 0.75**2, abs=0.06)
        assert border[0].all() and border[:, -1].all() and not border[height // 5 : -height // 5, width // 2].any()
        cells = np.array(list(places.values()))
        assert len(cells) == 8 and cells.sum(axis=0).max() == 1
        assert not cells[:, height // 2, width // 2].any()
        np.testing.assert_allclose(cells.mean(axis=(1, 2)), 1 / 9, atol=0.03)
        assert places["top right corner"][0, -1] and places["bottom edge"][-1, width // 2]


@pytest.mark.parametrize("num_classes", [2, 43, 1000])
def test_the_work_is_bounded_whatever_the_number_of_classes(num_classes: int) -> None:
    labels = np.arange(2 * num_classes) // 2
    asked = list[int]()

    def predict(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        asked.append(len(images))
        return np.eye(num_classes, dtype=np.float32)[np.zeros(len(images), int)]

    pictures = CorrectImages(lambda at: np.zeros((len(at), 9, 9, 1), np.uint8), labels)
    find_shortcuts(predict, pictures, tuple(map(str, range(num_classes))), (9, 9))
    assert sum(asked) <= count_tried(len(labels)) + 2 * 6 * 16
    assert max(asked, default=0) <= 32


def test_classes_without_correct_images_are_not_tried() -> None:
    nothing = CorrectImages(lambda at: np.zeros((len(at), 9, 9, 1), np.uint8), np.empty(0, np.int64))
    assert find_shortcuts(network("middle"), nothing, CLASSES, (9, 9)) == ()
    single = CorrectImages(lambda at: np.zeros((len(at), 9, 9, 1), np.uint8), np.array([0, 1, 1]))
    assert find_shortcuts(network("middle"), single, CLASSES, (9, 9)) == ()
