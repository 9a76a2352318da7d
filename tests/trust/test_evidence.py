import numpy as np
import pytest

from eyebright.training.schedule import learning_rate
from eyebright.trust.calibration import discrimination
from eyebright.trust.evidence import TrainingRecord, accuracies_of, leak_of
from eyebright.trust.intervals import Share, share_of, wilson_interval

NAMES = ("ant", "bee", "cat")


def logits_for(predicted: list[int], confidence: list[float] | None = None) -> np.ndarray:
    return np.eye(3, dtype=np.float32)[predicted] * np.array(confidence or [3.0] * len(predicted))[:, None]


def test_correct_predictions_are_counted_by_split_and_by_class() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1, 1, 2])
    logits = logits_for([0, 0, 2, 1, 1, 1, 1, 2])
    found = accuracies_of((logits_for([0, 1]), np.array([0, 0])), (logits, labels), NAMES)
    assert (found.train.right, found.train.of) == (1, 2)
    assert (found.validation.right, found.validation.of) == (7, 8)
    ant, bee, cat = found.classes
    assert (ant.name, ant.recall.right, ant.recall.of, ant.others.right, ant.others.of) == ("ant", 2, 3, 5, 5)
    assert (ant.confused_with, ant.confused) == ("cat", 1)
    assert (bee.confused_with, bee.confused, cat.recall.of) == ("", 0, 1)
    assert ant.recall == Share.from_counts(2, 3, among=3) and ant.others == Share.from_counts(5, 5, among=3)


def test_a_class_without_validation_images_has_no_accuracy() -> None:
    found = accuracies_of((logits_for([0]), np.array([0])), (logits_for([0, 1]), np.array([0, 1])), NAMES)
    assert [one.name for one in found.classes] == ["ant", "bee"]


def test_the_most_confident_predictions_are_a_quarter() -> None:
    confidence = [9.0, 1, 1, 1, 8, 1, 1, 1, 7, 6, 1, 1]
    labels = np.array([1] + [0] * 11)
    found = accuracies_of((logits_for([0] * 12, confidence), labels), (logits_for([0]), np.array([0])), NAMES)
    assert (found.most_confident.right, found.most_confident.of) == (2, 3)


def test_groups_widen_the_intervals_of_both_splits() -> None:
    labels = np.zeros(40, np.int64)
    logits = logits_for(np.repeat([0, 1, 0, 0], 10).tolist())
    alone = accuracies_of((logits, labels), (logits, labels), NAMES)
    groups = np.repeat(np.arange(4), 10)
    grouped = accuracies_of((logits, labels), (logits, labels), NAMES, (groups, groups))
    assert grouped.train.high - grouped.train.low > alone.train.high - alone.train.low
    right = labels == logits.argmax(axis=1)
    assert grouped.validation == share_of(right, groups)
    assert grouped.discrimination == discrimination(np.full(40, 0.9), right, trials=4)  # all are equally confident
    assert alone.discrimination == discrimination(np.full(40, 0.9), right)


@pytest.mark.parametrize("schedule", ["cosine", "one-cycle", "constant"])
@pytest.mark.parametrize(("epochs", "warmup_epochs"), [(1, 0), (1, 1), (2, 1), (5, 3)])
def test_a_weight_moves_at_most_by_the_sum_of_all_learning_rates(schedule, epochs, warmup_epochs) -> None:
    """This holds for a short training too, where the rate is about 0 at the end of its only epoch."""
    steps = 4  # of 100 pictures, 32 in each
    rates = [
        learning_rate(step, steps=epochs * steps, warmup_steps=warmup_epochs * steps, peak=1e-3, schedule=schedule)
        for step in range(epochs * steps)
    ]
    seen = (100,) * epochs
    training = TrainingRecord(seen=seen, images=100, epochs=epochs, step_size=32, peak=1e-3, augmentation={})
    assert sum(rates) <= training.most_travel * (1 + 1e-9) <= epochs * steps * 1.001e-3


def test_an_epoch_cut_short_by_the_budget_counts_only_its_own_steps() -> None:
    training = TrainingRecord(seen=(100, 33), images=100, epochs=2, step_size=32, peak=1e-3, augmentation={})
    assert training.most_travel == pytest.approx((4 + 2) * 1e-3)


def test_without_leaking_images_there_is_no_leak() -> None:
    right = np.array([True, True, False])
    assert leak_of(0, 10, right, np.ones(3, bool)) is None
    found = leak_of(1, 10, right, np.array([False, True, True]))
    assert found is not None
    assert (found.leaking, found.of, found.without.right, found.without.of) == (1, 10, 1, 2)
    grouped = leak_of(1, 10, np.ones(40, bool), np.arange(40) > 3, np.arange(40) // 4)
    assert grouped is not None and (grouped.without.low, grouped.without.high) == wilson_interval(9, 9)
