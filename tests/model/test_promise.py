"""Held-back answers of known predictions."""

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.model.making import TablePredictor

import eyebright as eb
from eyebright.data.digests import Digests
from eyebright.model.predictor import BATCH_SIZE
from eyebright.model.promise import held_back_answers, prove_promise
from eyebright.system.errors import DataError, SettingsError
from eyebright.trust.prediction_sets import set_scores
from eyebright.trust.promise import HeldBack

COUNT = 2 * BATCH_SIZE + 3
TABLE = np.random.default_rng(5).dirichlet([1, 1, 1], COUNT).astype(np.float32)
LABELS = np.random.default_rng(6).integers(0, 3, COUNT)
FAR = np.random.default_rng(8).uniform(0, 2, COUNT).astype(np.float32)
DIGESTS = [number.to_bytes(16, "big") for number in np.random.default_rng(9).permutation(COUNT).tolist()]


def held_back(indices: NDArray[np.int64], groups: NDArray[np.int64] | None = None) -> HeldBack | None:
    pack = SimpleNamespace(read=lambda here: here.reshape(-1, 1, 1, 1), digests=Digests.of(DIGESTS))
    prepared = SimpleNamespace(
        pack=pack, labels=LABELS, groups_at=lambda here: None if groups is None else groups[here]
    )  # fmt: skip
    return held_back_answers(TablePredictor(TABLE, FAR), prepared, indices)


def test_the_answers_are_in_the_order_of_content_however_the_images_are_listed() -> None:
    found, other = held_back(np.arange(COUNT)), held_back(np.random.default_rng(0).permutation(COUNT))
    assert all(np.array_equal(one, two) for one, two in zip(found, other, strict=True))
    order = sorted(range(COUNT), key=lambda at: (LABELS[at], DIGESTS[at]))
    assert found.labels.tolist() == LABELS[order].tolist()
    assert found.predicted.tolist() == TABLE[order].argmax(axis=1).tolist()
    assert found.confidence.tolist() == TABLE[order].max(axis=1).tolist()
    assert found.unfamiliarity.tolist() == FAR[order].tolist()
    assert found.set_score == pytest.approx(set_scores(TABLE)[order, LABELS[order]])
    assert len(set(found.groups.tolist())) == COUNT and len(found.independent().labels) == COUNT


def test_images_of_one_group_have_one_number() -> None:
    found = held_back(np.arange(COUNT), np.arange(COUNT) // 4 + 1000)
    assert len(found.independent().labels) == -(-COUNT // 4)


def test_without_held_back_images_a_promise_says_how_to_give_some() -> None:
    assert held_back(np.empty(0, np.int64)) is None
    with pytest.raises(
        DataError, match=r"none were held back: give some, eyebright promise MODEL accuracy=0\.9 --on P"
    ):
        prove_promise("accuracy=0.9", None, ("a", "b", "c"))
    with pytest.raises(SettingsError, match=r"such as accuracy=0\.99, got 'yes'"):
        prove_promise("yes", None, ("a", "b", "c"))


def test_a_promise_is_checked_before_images_are_prepared() -> None:
    classifier = eb.Classifier(eb.zoo.mlp(2, input_size=8), classes=("a", "b"))
    with pytest.raises(SettingsError, match=r"such as accuracy=0\.99, got 'yes'"):
        classifier.promise("yes", "no images")
