"""The parts of a classifier's objective, against formulas and scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, log_loss
from sklearn.utils.class_weight import compute_class_weight

from eyebright.training.settings import Settings
from eyebright.training.torch.objective import Classification, class_weights

LABELS = np.array([0] * 50 + [1] * 7 + [2] * 23)


def test_class_weights_are_those_of_scikit_learn_and_one_in_the_mean():
    found = class_weights(LABELS, 3)
    assert found == pytest.approx(compute_class_weight("balanced", classes=np.arange(3), y=LABELS))
    assert found[LABELS].mean() == pytest.approx(1)


def test_a_class_without_images_has_weight_zero():
    found = class_weights(LABELS, 4)
    assert found[3] == 0
    assert found[:3] == pytest.approx(class_weights(LABELS, 3))


def test_a_tally_of_batches_is_the_score_of_all_images():
    logits = np.random.default_rng(0).normal(size=(80, 3)).astype(np.float32)
    tally = Classification(LABELS, 3, Settings()).tally()
    for start in range(0, 80, 13):
        tally.add(logits[start : start + 13], LABELS[start : start + 13])
    chances = np.exp(logits.astype(np.float64))
    expected = log_loss(LABELS, chances / chances.sum(axis=1, keepdims=True))
    assert tally.score.loss == pytest.approx(expected, rel=1e-6)
    assert tally.score.accuracy == accuracy_score(LABELS, logits.argmax(axis=1))


def test_a_mixed_image_is_correct_at_the_class_with_the_largest_share():
    objective = Classification(LABELS, 3, Settings())
    logits = torch.tensor([[3.0, 1.0, 0.0], [0.0, 2.0, 1.0], [0.0, 0.0, 1.0]])
    shares = torch.tensor([[0.6, 0.4, 0.0], [0.7, 0.3, 0.0], [0.1, 0.1, 0.8]])
    assert objective.hits(logits, shares).item() == 2
    assert objective.hits(logits, torch.tensor([0, 0, 2])).item() == 2
