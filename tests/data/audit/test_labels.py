import numpy as np
import pytest

from eyebright.data.audit.labels import wrong_labels


@pytest.fixture
def predictions():
    """Labels of three classes, 20 images each, and probabilities of which 0.9 is for the label."""
    labels = np.repeat(np.arange(3), 20)
    probabilities = np.full((60, 3), 0.05)
    probabilities[np.arange(60), labels] = 0.9
    return labels, probabilities


def test_correct_labels_are_not_reported(predictions):
    assert wrong_labels(*predictions) == []


def test_wrong_labels_are_reported_with_the_predicted_class_the_least_probable_label_first(predictions):
    labels, probabilities = predictions
    probabilities[3] = 0.015, 0.025, 0.96
    probabilities[47] = 0.985, 0.01, 0.005
    found = wrong_labels(labels, probabilities)
    assert [tuple(wrong) for wrong in found] == [(47, 0, 0.985, 0.005), (3, 2, 0.96, 0.015)]


@pytest.mark.parametrize(
    ("row", "reported"),
    [
        ((0.019, 0.001, 0.98), True),
        ((0.021, 0.0, 0.979), False),  # the label is not excluded
        ((0.01, 0.48, 0.51), True),
        ((0.01, 0.495, 0.495), False),  # no other class is more probable than all the rest
    ],
)
def test_a_label_is_wrong_where_it_is_below_2_percent_and_another_class_above_half(predictions, row, reported):
    labels, probabilities = predictions
    probabilities[labels == 2] = 0.275, 0.275, 0.45  # a hard class: 0.495 for it is more than usual
    probabilities[3] = row
    assert [wrong.image for wrong in wrong_labels(labels, probabilities)] == [3] * reported


def test_classes_without_images_do_not_matter(predictions):
    labels, probabilities = predictions
    probabilities[3] = 0.015, 0.025, 0.96
    wide = np.zeros((60, 8))
    wide[:, [1, 4, 7]] = probabilities
    (found,) = wrong_labels(np.array([1, 4, 7])[labels], wide)
    assert (found.image, found.suggested) == (3, 7)
