"""Evaluations of known predictions."""

from types import SimpleNamespace

import numpy as np
import pytest
from tests.model.making import NumberedPack, TablePredictor

from eyebright.model import evaluate
from eyebright.model.evaluate import correct, evaluate_new, outcomes_on
from eyebright.model.predictor import BATCH_SIZE
from eyebright.trust.metrics import evaluate_outcomes
from eyebright.trust.prediction_sets import set_scores
from eyebright.trust.promise import Promised

TABLE = np.random.default_rng(5).dirichlet([1, 1, 1], 2 * BATCH_SIZE + 7).astype(np.float32)
LABELS = np.random.default_rng(6).integers(0, 3, len(TABLE))
FAR = np.random.default_rng(8).uniform(0, 1.2, len(TABLE)).astype(np.float32)
SHUFFLED = np.random.default_rng(7).permutation(len(TABLE))
PREDICTOR = TablePredictor(TABLE, FAR)


def test_an_evaluation_counts_every_image_once() -> None:
    names, groups = ("a", "b", "c"), SHUFFLED // 3
    found = evaluate_outcomes(
        outcomes_on(PREDICTOR, NumberedPack(), LABELS, SHUFFLED), LABELS[SHUFFLED], names, groups=groups
    )
    right = TABLE.argmax(axis=1) == LABELS
    assert (found.pictures, found.accuracy) == (len(TABLE), pytest.approx(right.mean()))
    assert found.loss == pytest.approx(-np.log(TABLE[np.arange(len(TABLE)), LABELS].astype(float)).mean())
    assert found.groups == len(np.unique(groups))
    pairs = list(zip(LABELS.tolist(), TABLE.argmax(axis=1).tolist(), strict=True))
    assert found.confusion == tuple(tuple(pairs.count((true, shown)) for shown in range(3)) for true in range(3))
    alone = evaluate_outcomes(outcomes_on(PREDICTOR, NumberedPack(), LABELS, SHUFFLED[:9]), LABELS[SHUFFLED[:9]], names)
    assert (alone.pictures, alone.groups) == (9, 0)


def test_a_probability_of_zero_for_the_true_class_costs_much_but_not_infinitely() -> None:
    certain = np.eye(3, dtype=np.float32)[(LABELS + 1) % 3]
    found = evaluate_outcomes(
        outcomes_on(TablePredictor(certain, FAR), NumberedPack(), LABELS, SHUFFLED), LABELS[SHUFFLED], ("a", "b", "c")
    )
    assert found.accuracy == 0 and found.loss == pytest.approx(30 * np.log(10))


def test_correct_predictions_are_found_in_the_order_asked_for() -> None:
    found = correct(PREDICTOR, NumberedPack(), LABELS, SHUFFLED)
    assert found.tolist() == [TABLE[index].argmax() == LABELS[index] for index in SHUFFLED]


def measured() -> evaluate.Tested:
    """What is measured on all but 7 images of the table, which the model was trained on."""
    pack = SimpleNamespace(
        read=NumberedPack().read, left_out=["one"], digests=SimpleNamespace(at=lambda indices: indices)
    )
    prepared = SimpleNamespace(pack=pack, labels=LABELS, groups_at=lambda indices: None)
    predictor = SimpleNamespace(answers=PREDICTOR.answers, classes=("a", "b", "c"), promise=None)
    seen = SimpleNamespace(contains=lambda digests: np.isin(digests, SHUFFLED[:7]))
    return evaluate_new(predictor, prepared, SHUFFLED, seen)


def test_the_share_of_images_with_an_answer_is_counted_beside_the_accuracy_of_all() -> None:
    found, new = measured(), SHUFFLED[7:]
    answered, right = FAR[new] <= 1, TABLE[new].argmax(axis=1) == LABELS[new]
    assert 0 < found.evaluation.answered == answered.sum() < len(new)
    assert found.evaluation.answered_correctly == (answered & right).sum()
    assert found.evaluation.accuracy == right.mean()
    assert np.array_equal(found.unfamiliarity, FAR[new])


def test_what_was_predicted_for_each_image_comes_with_the_evaluation() -> None:
    found, new = measured(), SHUFFLED[7:]
    assert (found.evaluation.pictures, found.evaluation.seen, found.evaluation.left_out) == (len(new), 7, 1)
    assert found.positions.tolist() == new.tolist()
    assert found.labels.tolist() == LABELS[new].tolist()
    assert found.predicted.tolist() == TABLE[new].argmax(axis=1).tolist()
    assert found.confidence == pytest.approx(TABLE[new].max(axis=1), rel=1e-6)
    assert found.correct.mean() == pytest.approx(found.evaluation.accuracy)
    assert found.unfamiliarity.shape == new.shape


def test_the_images_of_each_cell_of_the_confusion_matrix_are_found_the_most_confident_first() -> None:
    found, seen, mistakes = measured(), [], []
    for true in range(3):
        for predicted in range(3):
            cell = found.cell(true, predicted).tolist()
            assert len(cell) == found.evaluation.confusion[true][predicted]
            assert all((LABELS[index], TABLE[index].argmax()) == (true, predicted) for index in cell)
            assert cell == sorted(cell, key=lambda index: -TABLE[index].max())
            seen += cell
            mistakes += cell if true != predicted else []
    assert sorted(seen) == sorted(SHUFFLED[7:].tolist())
    assert found.mistakes.tolist() == sorted(mistakes, key=lambda index: -TABLE[index].max())


def test_a_promise_of_coverage_is_checked_by_the_sets_of_the_answered_images() -> None:
    promised = Promised(promise="coverage=0.9", limits=(0.6,), images=100, answered=1.0)
    outcomes = outcomes_on(TablePredictor(TABLE, FAR, promised), NumberedPack(), LABELS, SHUFFLED)
    found = evaluate_outcomes(outcomes, LABELS[SHUFFLED], ("a", "b", "c"), promised=promised).promise
    sets, answered = set_scores(TABLE) <= 0.6, FAR <= 1
    assert found.answered.right == answered.sum() and found.covered.of == answered.sum()
    assert found.covered.right == sets[np.arange(len(TABLE)), LABELS][answered].sum()
    assert found.labels == pytest.approx(sets[answered].sum(axis=1).mean()) and found.correct is None
