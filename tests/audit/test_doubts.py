import numpy as np
import pytest

from eyebright.audit.doubts import doubts
from eyebright.errors import DataError


@pytest.fixture
def clouds():
    """Three far clouds of 120 points, labelled 1, 4 and 7; classes between them have no pictures."""
    stream = np.random.default_rng(0)
    labels = np.repeat([1, 4, 7], 120)
    return (8 * np.eye(8)[labels] + stream.normal(0, 0.4, (360, 8))).astype(np.float32), labels


def test_a_swapped_label_is_doubted_with_the_class_it_looks_like(clouds):
    features, labels = clouds
    given = labels.copy()
    given[[3, 130]] = 7, 1
    found = [doubt for doubt in doubts(features, given) if doubt.kind == "probably mislabelled"]
    assert {(doubt.picture, doubt.suggested) for doubt in found} == {(3, 1), (130, 4)}
    assert all(doubt.figure < 0.02 and "{}" in doubt.sentence for doubt in found)


def test_right_labels_are_not_doubted(clouds):
    assert not [doubt for doubt in doubts(*clouds) if doubt.kind == "probably mislabelled"]


def test_labels_of_chance_are_not_doubted():
    """Whoever knows nothing of the classes is sure of nothing."""
    stream = np.random.default_rng(2)
    assert not [
        doubt
        for doubt in doubts(stream.normal(size=(200, 64)).astype(np.float32), stream.integers(0, 4, 200))
        if doubt.kind == "probably mislabelled"
    ]


def test_a_stranger_is_unlike_the_rest(clouds):
    features, labels = clouds
    features[5] = -9 * np.eye(8, dtype=np.float32)[2]
    assert [doubt.picture for doubt in doubts(features, labels) if doubt.kind == "unlike the rest"][:1] == [5]


def test_one_class_cannot_be_judged(clouds):
    with pytest.raises(DataError, match="two classes"):
        doubts(clouds[0], np.zeros(360, np.int64))
