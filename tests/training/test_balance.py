from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from eyebright.training.balance import balanced, class_weights, every_picture

LABELS = np.array([0] * 50 + [1] * 7 + [2] * 23)
INDICES = np.arange(100, 180)


def test_class_weights_are_those_of_scikit_learn_and_one_in_the_mean():
    found = class_weights(LABELS, 3)
    assert found == pytest.approx(compute_class_weight("balanced", classes=np.arange(3), y=LABELS))
    assert found[LABELS].mean() == pytest.approx(1)


def test_a_class_with_no_picture_weighs_nothing():
    found = class_weights(LABELS, 4)
    assert found[3] == 0
    assert found[:3] == pytest.approx(class_weights(LABELS, 3))


def test_every_class_is_drawn_equally_often_and_its_pictures_as_evenly_as_they_can():
    order = balanced(INDICES, LABELS, 3, 1)
    labels = LABELS[order.indices - 100]
    assert Counter(labels.tolist()) == {0: 27, 1: 27, 2: 27}  # 80 pictures, 3 classes
    times = Counter(order.indices.tolist())
    assert {times[index] for index in INDICES[:50]} == {0, 1}
    assert {times[index] for index in INDICES[50:57]} == {3, 4}
    assert {times[index] for index in INDICES[57:]} == {1, 2}
    assert max(Counter(zip(order.indices.tolist(), order.copies.tolist(), strict=True)).values()) == 1
    for index, count in times.items():
        assert sorted(order.copies[order.indices == index]) == list(range(count))


def test_the_order_is_a_function_of_seed_and_epoch():
    first, again = balanced(INDICES, LABELS, 3, 1), balanced(INDICES, LABELS, 3, 1)
    assert np.array_equal(first.indices, again.indices) and np.array_equal(first.copies, again.copies)
    for seed, epoch in ((3, 2), (4, 1)):
        other = balanced(INDICES, LABELS, seed, epoch).indices
        assert not np.array_equal(first.indices, other)
        assert set(first.indices) != set(other)  # other pictures of the frequent class


def test_classes_come_mixed():
    labels = LABELS[balanced(INDICES, LABELS, 3, 1).indices - 100]
    assert all(len(set(part)) == 3 for part in np.array_split(labels, 4))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.integers(0, 99), st.integers(1, 99))
def test_classes_are_equal_whatever_there_is(labels, seed, epoch):
    labels = np.array(labels)
    order = balanced(np.arange(len(labels)), labels, seed, epoch)
    counts = Counter(labels[order.indices].tolist())
    assert counts.keys() == set(labels.tolist())
    assert len(set(counts.values())) == 1
    assert abs(sum(counts.values()) - len(labels)) <= len(counts) / 2 or len(order.indices) == len(counts)


def test_without_balance_every_picture_comes_once():
    order = every_picture(INDICES, 3, 1)
    assert sorted(order.indices) == list(INDICES)
    assert not order.copies.any()
