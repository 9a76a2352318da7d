import numpy as np
import pytest
import sklearn.metrics

from eyebright.training.schedule import learning_rate
from eyebright.trust.calibration import discrimination
from eyebright.trust.evidence import Course, answers_of, leak_of
from eyebright.trust.intervals import share_of

NAMES = ("ant", "bee", "cat")


def logits_for(predicted: list[int], sure: list[float] | None = None) -> np.ndarray:
    return np.eye(3, dtype=np.float32)[predicted] * np.array(sure or [3.0] * len(predicted))[:, None]


def test_answers_are_counted_by_side_and_by_class() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1, 1, 2])
    said = logits_for([0, 0, 2, 1, 1, 1, 1, 2])
    found = answers_of((logits_for([0, 1]), np.array([0, 0])), (said, labels), NAMES)
    assert (found.train.right, found.train.of) == (1, 2)
    assert (found.validation.right, found.validation.of) == (7, 8)
    ant, bee, cat = found.classes
    assert (ant.name, ant.recall.right, ant.recall.of, ant.others.right, ant.others.of) == ("ant", 2, 3, 5, 5)
    assert (ant.taken_for, ant.taken) == ("cat", 1)
    assert (bee.taken_for, bee.taken, cat.recall.of) == ("", 0, 1)


def test_a_class_without_validation_pictures_is_not_judged() -> None:
    found = answers_of((logits_for([0]), np.array([0])), (logits_for([0, 1]), np.array([0, 1])), NAMES)
    assert [one.name for one in found.classes] == ["ant", "bee"]


def test_the_surest_are_a_quarter_by_confidence() -> None:
    sure = [9.0, 1, 1, 1, 8, 1, 1, 1]
    found = answers_of(
        (logits_for([0] * 8, sure), np.array([1, 0, 0, 0, 0, 0, 0, 0])), (logits_for([0]), np.array([0])), NAMES
    )
    assert (found.surest.right, found.surest.of) == (1, 2)


def test_groups_widen_the_intervals_of_both_sides() -> None:
    labels = np.zeros(40, np.int64)
    said = logits_for(np.repeat([0, 1, 0, 0], 10).tolist())
    alone = answers_of((said, labels), (said, labels), NAMES)
    groups = np.repeat(np.arange(4), 10)
    grouped = answers_of((said, labels), (said, labels), NAMES, (groups, groups))
    assert grouped.train.high - grouped.train.low > alone.train.high - alone.train.low
    assert grouped.validation == share_of(labels == said.argmax(axis=1), groups)


def test_discrimination_is_the_area_under_the_curve_and_widens_with_fewer_trials() -> None:
    stream = np.random.default_rng(0)
    right = stream.random(300) < 0.7
    sure = np.round(stream.random(300) + 0.3 * right, 2)  # with ties
    area, low, high = discrimination(sure, right)
    assert area == pytest.approx(sklearn.metrics.roc_auc_score(right, sure))
    assert low < area < high
    _, fewer, more = discrimination(sure, right, 30)
    assert fewer < low < high < more
    assert discrimination(sure, np.ones(300, bool)) == (0.5, 0, 1)


def test_the_interval_of_discrimination_holds_the_truth_19_times_of_20() -> None:
    stream, held = np.random.default_rng(5), 0
    truth = 0.7602  # of two normals one standard deviation apart: Phi(1 / sqrt(2))
    for _ in range(200):
        right = stream.random(150) < 0.6
        _, low, high = discrimination(stream.normal(right, 1), right)
        held += low <= truth <= high
    assert held >= 180


@pytest.mark.parametrize("schedule", ["cosine", "one-cycle", "constant"])
@pytest.mark.parametrize(("epochs", "warmup_epochs"), [(1, 0), (1, 1), (2, 1), (5, 3)])
def test_a_weight_travels_no_farther_than_all_rates_together(schedule, epochs, warmup_epochs) -> None:
    """In a short training too, whose rate is about 0 at the end of its only epoch."""
    steps = 4  # of 100 pictures, 32 in each
    rates = [
        learning_rate(step, steps=epochs * steps, warmup_steps=warmup_epochs * steps, peak=1e-3, schedule=schedule)
        for step in range(epochs * steps)
    ]
    seen = (100,) * epochs
    course = Course(seen=seen, pictures=100, epochs=epochs, step_size=32, peak=1e-3, augmentation={})
    assert sum(rates) <= course.travel * (1 + 1e-9) <= epochs * steps * 1.001e-3


def test_steps_that_a_budget_left_out_move_no_weight() -> None:
    course = Course(seen=(100, 33), pictures=100, epochs=2, step_size=32, peak=1e-3, augmentation={})
    assert course.travel == pytest.approx((4 + 2) * 1e-3)


def test_without_pictures_alike_there_is_no_leak() -> None:
    right = np.array([True, True, False])
    assert leak_of(0, 10, right, np.ones(3, bool)) is None
    found = leak_of(1, 10, right, np.array([False, True, True]))
    assert found is not None
    assert (found.alike, found.of, found.apart.right, found.apart.of) == (1, 10, 1, 2)
