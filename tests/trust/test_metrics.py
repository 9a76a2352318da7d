import math

import msgspec
import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import astuple
from sklearn import metrics

from eyebright.trust.calibration import ErrorByChance, expected_calibration_error
from eyebright.trust.intervals import grouped_interval, wilson_interval
from eyebright.trust.metrics import Outcomes, answered_text, evaluate, evaluate_outcomes, log_softmax, softmax

SEEDS = st.integers(0, 2**32 - 1)


def predictions(seed: int) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Random log-probabilities, labels in which some classes are missing, and class names."""
    stream = np.random.default_rng(seed)
    count, num_classes = int(stream.integers(1, 60)), int(stream.integers(2, 9))
    labels = stream.choice(stream.permutation(num_classes)[: stream.integers(1, num_classes + 1)], count)
    probabilities = stream.dirichlet(np.full(num_classes, 0.7), count)
    return np.log(np.maximum(probabilities, 1e-30)), labels, tuple(f"class {index}" for index in range(num_classes))


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_loss_accuracy_and_confusion_match_scikit_learn(seed: int) -> None:
    logarithms, labels, names = predictions(seed)
    positions = np.arange(len(names))
    result = evaluate(logarithms, labels, names)
    predicted = np.array([max(positions, key=row.__getitem__) for row in logarithms])
    probabilities = scipy.special.softmax(logarithms, axis=1)
    assert result.pictures == len(labels)
    assert result.loss == pytest.approx(metrics.log_loss(labels, probabilities, labels=positions), rel=1e-6)
    assert result.accuracy == metrics.accuracy_score(labels, predicted)
    assert np.array_equal(result.confusion, metrics.confusion_matrix(labels, predicted, labels=positions))
    assert result.calibration_error == pytest.approx(expected_calibration_error(probabilities, labels))
    by_chance = ErrorByChance.of(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)
    assert astuple(result.error_by_chance) == pytest.approx(astuple(by_chance))
    assert result.interval == wilson_interval(round(result.accuracy * len(labels)), len(labels))


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_class_scores_match_scikit_learn(seed: int) -> None:
    logarithms, labels, names = predictions(seed)
    expected = metrics.precision_recall_fscore_support(
        labels, logarithms.argmax(axis=1), labels=np.arange(len(names)), zero_division=np.nan
    )
    result = evaluate(logarithms, labels, names)
    assert tuple(score.name for score in result.classes) == names
    for score, precision, recall, f1, support in zip(result.classes, *expected, strict=True):
        found = [math.nan if share is None else share for share in (score.precision, score.recall, score.f1)]
        assert found == pytest.approx([precision, recall, f1], nan_ok=True)
        assert score.pictures == support


def test_groups_widen_the_interval_and_are_counted() -> None:
    logarithms, labels = np.log([[0.8, 0.2], [0.6, 0.4], [0.3, 0.7], [0.9, 0.1]]), np.array([0, 0, 1, 1])
    found = evaluate(logarithms, labels, ("a", "b"), groups=np.array([5, 5, 5, 8]))
    assert found.groups == 2
    assert found.interval == grouped_interval(np.array([True, True, True, False]), np.array([5, 5, 5, 8]))
    assert evaluate(logarithms, labels, ("a", "b")).groups == 0


def test_a_class_without_images_and_predictions_has_no_scores() -> None:
    score = evaluate(np.log([[0.8, 0.1, 0.1]]), np.array([0]), ("a", "b", "c")).classes[2]
    assert (score.pictures, score.precision, score.recall, score.f1) == (0, None, None, None)


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.sampled_from([1e-3, 1.0, 1e4]))
def test_softmax_matches_scipy_even_for_huge_logits(seed: int, scale: float) -> None:
    logits = (np.random.default_rng(seed).standard_normal((5, 4)) * scale).astype(np.float32)
    assert log_softmax(logits) == pytest.approx(scipy.special.log_softmax(logits.astype(np.float64), axis=1), rel=1e-9)
    assert softmax(logits).sum(axis=1) == pytest.approx(1)


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(1, 20))
def test_batches_give_the_same_evaluation_as_all_images_at_once(seed: int, size: int) -> None:
    logarithms, labels, names = predictions(seed)
    starts = range(0, len(labels), size)
    parts = [Outcomes.of(logarithms[start : start + size], labels[start : start + size]) for start in starts]
    found = evaluate_outcomes(Outcomes.joined(parts), labels, names)
    assert (found.answered, found.answered_correctly) == (len(labels), found.share.right)
    plain = msgspec.structs.replace(found, answered=None, answered_correctly=None)
    assert plain == evaluate(logarithms, labels, names)


def test_an_evaluation_shows_accuracy_and_the_scores_of_each_class() -> None:
    """Three of four correct: Wilson's interval for 3 of 4 is 30.1-95.4%."""
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.7, 0.3]])
    found = evaluate(np.log(probabilities), np.array([0, 0, 1, 1]), ("a", "b"))
    title, quality, calibration, *rows = repr(found).splitlines()
    assert title == "Accuracy 75.0% (95% interval 30.1-95.4%) on 4 images"
    assert quality.startswith("Loss 0.511, ")  # the mean of -ln 0.9, 0.6, 0.8 and 0.3
    assert calibration.startswith("No sign of miscalibration: ")
    assert rows == [
        "class  images  precision  recall     F1",
        "a           2      66.7%  100.0%  80.0%",
        "b           2     100.0%   50.0%  66.7%",
    ]
    assert "66.7%</td>" in found._repr_html_()


@pytest.mark.parametrize(
    ("answered", "correct", "expected"),
    [
        (200, 150, []),
        (None, None, []),
        (190, 152, ["An answer for 95.0% of them, 80.0% of these correct."]),
        (0, 0, ["No answer for any of them."]),
    ],
)
def test_how_many_images_got_an_answer_is_reported_where_not_all_did(answered, correct, expected):
    assert list(answered_text(answered, correct, 200)) == expected
