import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from mapie.conformity_scores import APSConformityScore

from eyebright.trust.prediction_sets import PENALTY, set_scores
from eyebright.trust.promise import HeldBack, Promise, make_promise
from eyebright.trust.selective import CHANCE


def drawn(count: int, num_classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities without ties, and true classes that are drawn by them."""
    stream = np.random.default_rng(seed)
    probabilities = stream.dirichlet(np.full(num_classes, 0.3), count)
    labels = (stream.random((count, 1)) > probabilities.cumsum(axis=1)).sum(axis=1).clip(max=num_classes - 1)
    return probabilities, labels


def held_back(probabilities: np.ndarray, labels: np.ndarray) -> HeldBack:
    count = np.arange(len(labels))
    return HeldBack(
        labels, probabilities.argmax(axis=1), probabilities.max(axis=1).astype(np.float32),
        set_scores(probabilities)[count, labels].astype(np.float32), np.zeros(len(labels), np.float32), count,
    )  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.integers(2, 30), st.integers(0, 10**6))
def test_the_score_is_that_of_mapie_without_the_class_itself_and_with_a_penalty_for_each_before_it(
    count, num_classes, seed
):
    probabilities, labels = drawn(count, num_classes, seed)
    classes = list(range(num_classes)) if num_classes > 2 else [0, 1, 2]  # MAPIE knows two classes as one column
    padded = np.pad(probabilities, ((0, 0), (0, len(classes) - num_classes)))
    with_own, rank = APSConformityScore.get_true_label_cumsum_proba(labels, padded, classes)
    rows = np.arange(count), labels
    expected = with_own[:, 0] - probabilities[rows] + PENALTY * (rank - 1)
    assert set_scores(probabilities)[rows] == pytest.approx(expected, abs=1e-12)


def test_the_sets_of_two_images_by_hand_where_classes_tie() -> None:
    scores = set_scores(np.array([[0.1, 0.6, 0.3], [0.4, 0.4, 0.2]], np.float32))
    one, two = PENALTY, 2 * PENALTY
    assert scores == pytest.approx(np.array([[0.9 + two, 0, 0.6 + one], [0, 0.4 + one, 0.8 + two]]), abs=1e-6)


def test_the_most_probable_class_is_in_every_set_and_sets_grow_with_the_limit() -> None:
    probabilities, _ = drawn(200, 7, 0)
    small, large = (set_scores(probabilities) <= limit for limit in (0.0, 0.9))
    assert small[np.arange(200), probabilities.argmax(axis=1)].all() and (small.sum(axis=1) == 1).all()
    assert (large >= small).all() and (large.sum(axis=1) > 1).any()


def test_a_label_whose_score_is_the_limit_is_in_the_set() -> None:
    """The third class of a network that is certain has the score 1.002, which float32 rounds down."""
    certain = np.eye(1, 5, dtype=np.float32).repeat(100, axis=0)
    promised = make_promise(Promise("coverage", 0.95), held_back(certain, np.full(100, 2)), "abcde")
    assert promised.label_sets(certain).tolist() == [[True, True, True, False, False]] * 100


def test_a_promised_coverage_is_missed_in_at_most_5_percent_of_draws() -> None:
    missed = 0
    for seed in range(200):
        probabilities, labels = drawn(4300, 6, seed)
        promised = make_promise(Promise("coverage", 0.9), held_back(probabilities[:300], labels[:300]), "abcdef")
        sets = promised.label_sets(probabilities[300:])
        missed += sets[np.arange(4000), labels[300:]].mean() < 0.9
    assert 0 < missed <= scipy.stats.binom.ppf(0.999, 200, CHANCE) + 2  # 4,000 images do not show the coverage exactly
