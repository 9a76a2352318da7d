import numpy as np
import pytest

from eyebright.system.errors import DataError, SettingsError
from eyebright.tasks.detection.geometry.finding import Detections
from eyebright.tasks.detection.trust.matching import Truth, match
from eyebright.tasks.detection.trust.promise import RecallPromise, _surely_below, missed_shares, promise_recall


def test_a_promise_is_read_as_text():
    assert RecallPromise.of(" Recall = 0.9 ") == RecallPromise(0.9) and str(RecallPromise(0.95)) == "recall=0.95"
    with pytest.raises(SettingsError, match=r"expected text such as recall=0\.99, got 'accuracy=0.9'"):
        RecallPromise.of("accuracy=0.9")
    with pytest.raises(SettingsError, match="above 0 and below 1"):
        RecallPromise.of("recall=1")


@pytest.mark.parametrize("least", [0.8, 0.9, 0.95, 0.99])
def test_it_takes_so_many_images_if_all_objects_are_found(least):
    promise = RecallPromise(least)
    number = next(count for count in range(1, 1000) if _surely_below(np.zeros((1, count)), promise.risk)[0])
    assert promise.least_images == number
    with pytest.raises(DataError, match=f"takes at least {number} held-back images"):
        promise.require_enough(number - 1)
    promise.require_enough(number)


@pytest.mark.parametrize("kind", ["all or nothing", "a few of many"])
def test_a_share_that_is_just_too_large_passes_in_at_most_one_case_of_twenty(kind):
    stream, risk = np.random.default_rng(5), 0.1
    losses = stream.random((20_000, 120)) < risk if kind == "all or nothing" else stream.beta(1, 9, (20_000, 120))
    assert _surely_below(losses.astype(float), risk).mean() < 0.055
    assert _surely_below(losses / 3, risk).mean() > 0.95


def images_with(scores: list[list[float]]) -> tuple[list[Detections], list[Truth]]:
    """Images with a detection for each object of the given confidences; an object with confidence 0 is not found."""
    found, truth = [], []
    for one in scores:
        low = 20.0 * np.arange(len(one))
        corners, labels = np.stack([low, low, low + 9, low + 9], axis=1), np.zeros(len(one), np.int64)
        truth.append(Truth.of(corners, labels))
        seen = np.array(one) > 0
        found.append(Detections(corners[seen], labels[seen], np.array(one)[seen]))
    return found, truth


def test_a_promise_takes_the_highest_threshold_that_surely_keeps_it():
    scores = np.random.default_rng(1).uniform(0.2, 1, (200, 8))
    matches = match(*images_with(scores.tolist()))
    promised = promise_recall(RecallPromise(0.9), matches)
    assert promised.images == 200 and promised.found == pytest.approx((scores >= promised.threshold).mean())
    assert 0.91 < promised.found < 0.95
    assert promise_recall(RecallPromise(0.8), matches).threshold > promised.threshold
    assert "Promise recall=0.9, by 200 held-back images" in promised.text


def test_a_promise_is_refused_where_the_objects_are_not_found():
    with pytest.raises(DataError, match=r"with all detections, 75\.0% of the objects in 100 held-back images"):
        promise_recall(RecallPromise(0.9), match(*images_with([[0.9, 0.8, 0.7, 0.0]] * 100)))
    with pytest.raises(DataError, match="takes at least 32 held-back images with objects, all of them found"):
        promise_recall(RecallPromise(0.9), match(*images_with([[0.9]] * 20 + [[]] * 50)))


def test_each_group_counts_once_and_images_without_objects_not_at_all():
    matches = match(*images_with([[0.9, 0.3], [0.8], [], [0.2, 0.0]]))
    assert missed_shares(matches, np.array([0.5])).tolist() == [[0.5, 0, 1]]
    shares = missed_shares(matches, np.array([0.25, 0.5]), np.array([7, 7, 1, 3]))
    assert shares == pytest.approx(np.array([[1, 0], [1, 1 / 3]]))
