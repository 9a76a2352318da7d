import importlib.util

import numpy as np
import pytest
from scipy.special import softmax

from eyebright.data.audit.labels import doubts, out_of_fold, quality, wrong_labels
from eyebright.system.errors import DataError, MissingExtraError


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


@pytest.fixture
def planted():
    """300 points about three corners, their labels with every 20th swapped to the next class, and where they are."""
    random = np.random.default_rng(0)
    true = np.arange(300) % 3
    features = (4 * np.eye(8)[true] + random.normal(size=(300, 8))).astype(np.float32)
    swapped = np.arange(0, 300, 20)
    labels = true.copy()
    labels[swapped] = (labels[swapped] + 1) % 3
    return features, labels, true, swapped


def test_swapped_labels_are_told_with_what_they_look_like(planted):
    features, labels, true, swapped = planted
    found = wrong_labels(labels, out_of_fold(features, labels))
    told = {suspect.picture: suspect for suspect in found}
    assert set(swapped.tolist()) <= told.keys() and len(told) <= len(swapped) + 5
    assert all(
        told[index].suggested == true[index] and told[index].given == labels[index] for index in swapped.tolist()
    )
    assert [suspect.score for suspect in found] == sorted(suspect.score for suspect in found)


def test_quality_is_the_probability_of_the_given_label():
    labels = np.array([0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.3, 0.7], [0.8, 0.2]])
    np.testing.assert_allclose(quality(labels, probabilities), [0.9, 0.7, 0.2])


def test_probabilities_are_those_of_classifiers_that_have_not_seen_the_group():
    """Copies in groups of two: were one side to vouch for the other, a random label could be told from it."""
    random = np.random.default_rng(1)
    points, kinds = random.normal(size=(100, 400)).astype(np.float32), random.integers(0, 2, 100)
    features, labels = np.repeat(points, 2, axis=0), np.repeat(kinds, 2)
    groups = np.repeat(np.arange(100), 2)
    told = (out_of_fold(features, labels, groups).argmax(axis=1) == labels).mean()
    leaking = (out_of_fold(features, labels).argmax(axis=1) == labels).mean()
    assert told < 0.65 and leaking > 0.7


def test_the_only_picture_of_a_class_is_not_judged(planted):
    features, labels, *_ = planted
    labels = np.where(np.arange(300) == 7, 3, labels)
    probabilities = out_of_fold(features, labels)
    assert probabilities.shape == (300, 4)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    assert probabilities[7].tolist() == [0, 0, 0, 1]
    assert 7 not in [suspect.picture for suspect in wrong_labels(labels, probabilities)]


def test_the_same_seed_gives_the_same(planted):
    features, labels, *_ = planted
    first, second, other = (out_of_fold(features, labels, seed=seed) for seed in (1, 1, 2))
    assert (first == second).all() and (first != other).any()


def test_the_labels_of_one_class_or_one_group_cannot_be_judged():
    features = softmax(np.eye(4, dtype=np.float32), axis=1)
    with pytest.raises(DataError, match="two classes"):
        out_of_fold(features, np.zeros(4, np.int64))
    with pytest.raises(DataError, match="nothing to compare"):
        out_of_fold(features[:0], np.zeros(0, np.int64))
    with pytest.raises(DataError, match="two groups"):
        out_of_fold(features, np.array([0, 1, 0, 1]), np.zeros(4, np.int64))


def test_without_cleanlab_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"eyebright\[audit\]"):
        quality(np.array([0]), np.array([[1.0, 0.0]]))


def test_classes_of_two_pictures_are_judged_in_two_folds():
    features = np.eye(4, dtype=np.float32)[[0, 0, 1, 1]]
    told = out_of_fold(features, np.array([0, 0, 1, 1]))
    assert told.shape == (4, 2) and np.allclose(told.sum(axis=1), 1)
