import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from eyebright.training.head import STRENGTHS, USUAL_STRENGTH, cross_validated, fit_head, score
from eyebright.trust.metrics import softmax


def clouds(classes: int, count: int = 240, spread: float = 1.5, seed: int = 0):
    """Points about a centre for each class, of features with means and widths of their own."""
    stream = np.random.default_rng(seed)
    labels = stream.permutation(np.arange(count) % classes)
    points = 2 * np.eye(8)[labels] + stream.normal(0, spread, (count, 8))
    return (points * np.geomspace(0.1, 10, 8) + 5).astype(np.float32), labels


@pytest.mark.parametrize("classes", [2, 5])
def test_probabilities_are_those_of_a_regression_on_standardised_features(classes):
    features, labels = clouds(classes)
    head = fit_head(features, labels, classes)
    deviations = [np.std(column) for column in features.T]
    widths = [(deviation**2 + np.median(deviations) ** 2) ** 0.5 for deviation in deviations]
    scaler = FunctionTransformer(lambda values: (values - features.mean(axis=0)) / widths)
    plain = make_pipeline(scaler, LogisticRegression(C=1 / (head.strength * len(labels)), max_iter=1000))
    expected = plain.fit(features, labels).predict_proba(features)
    assert head.weight.shape == (classes, 8) and head.weight.dtype == np.float32
    assert np.abs(softmax(head.logits(features)) - expected).max() < 0.02  # each search ends near its optimum


def test_the_strength_with_the_lowest_loss_on_unseen_pictures_is_taken():
    features, labels = clouds(3, spread=3.0)
    head = fit_head(features, labels, 3)
    losses = [score(cross_validated(features, labels, 3, strength), labels)[0] for strength in STRENGTHS]
    assert head.loss == pytest.approx(min(losses), rel=1e-3)  # each search ends near its optimum
    assert head.strength == STRENGTHS[int(np.argmin(losses))]


def test_a_group_is_predicted_by_heads_fitted_without_it():
    """Five copies of each picture, labels of chance: whoever has seen a copy knows, whoever has not must guess."""
    stream = np.random.default_rng(1)
    features = np.repeat(stream.normal(size=(60, 40)).astype(np.float32), 5, axis=0)
    labels, groups = np.repeat(stream.integers(0, 2, 60), 5), np.repeat(np.arange(60), 5)
    seen = score(cross_validated(features, labels, 2, 0.003), labels)[1]
    unseen = score(cross_validated(features, labels, 2, 0.003, groups), labels)[1]
    assert seen > 0.9 and unseen < 0.7


def test_a_class_that_is_missing_in_a_fold_is_not_predicted_there():
    features, labels = clouds(3, count=60)
    labels[labels == 2] = 0
    labels[7] = 2
    logits = cross_validated(features, labels, 3, 0.1)
    assert np.isfinite(logits).all() and not logits[7].any()


def test_images_that_no_head_could_recognise_do_not_choose_the_strength():
    """Half of the classes are one group each: their images would ask for the strongest penalty."""
    features, labels = clouds(8, count=160, spread=0.5)
    groups = np.where(labels < 4, 1000 + labels, np.arange(160))
    head, other = fit_head(features, labels, 8, groups), labels >= 4
    logits = cross_validated(features, labels, 8, head.strength, groups)
    assert not logits[~other].any() and logits[other].any(axis=1).all()
    assert head.loss == pytest.approx(score(logits[other], labels[other])[0], rel=1e-2)
    assert head.strength < STRENGTHS[0]
    assert head.predicted.tolist() == np.flatnonzero(other).tolist()
    assert softmax(head.out_of_fold) == pytest.approx(softmax(logits[other]), abs=0.02)


@pytest.mark.parametrize("groups", [np.arange(60) % 3, np.zeros(60, np.int64)])
def test_classes_of_one_group_get_the_usual_strength(groups):
    features, _ = clouds(3, count=60)
    head = fit_head(features, np.arange(60) % 3, 3, groups)
    assert (head.strength, [strength for strength, _, _ in head.path]) == (USUAL_STRENGTH, [USUAL_STRENGTH])
    assert head.predicted.shape == (0,) and head.out_of_fold.shape == (0, 3)


def test_a_feature_that_hardly_varies_in_training_does_not_decide_alone():
    features, labels = clouds(3, spread=0.5)
    rare = np.zeros((len(labels), 1), np.float32)
    rare[5] = 0.001
    head = fit_head(np.hstack([features, rare]), labels, 3)
    seen, moved = np.hstack([features, rare]), np.hstack([features, rare + 1])  # a thousand times the largest seen
    assert np.abs(head.logits(moved) - head.logits(seen)).max() < 0.1


def test_without_two_folds_all_logits_are_zero():
    features, labels = clouds(2, count=10)
    assert not cross_validated(features, labels, 2, 0.1, np.zeros(10, np.int64)).any()


def test_small_classes_get_as_many_folds_as_they_allow():
    features, labels = clouds(3, count=9)
    logits = cross_validated(features, labels, 3, 0.1, folds=10)
    assert logits.any(axis=1).all()
    assert np.isfinite(fit_head(features, labels, 3).weight).all()


@pytest.mark.parametrize(("spread", "read"), [(0.5, 16), (100.0, 8)], ids=["they help", "they are noise"])
def test_more_features_are_read_only_where_they_lower_the_cross_validated_loss(spread, read):
    features, labels = clouds(4, spread=2.0)
    more = 2 * np.eye(8)[labels] + np.random.default_rng(9).normal(0, spread, (len(labels), 8))
    both = np.hstack([features, more.astype(np.float32)])
    head = fit_head(both, labels, 4, first=8)
    expected = fit_head(both[:, :read], labels, 4)
    assert head.features == read and head.weight.shape == (4, read)
    assert head.path == expected.path and (head.weight == expected.weight).all()
    assert (head.logits(both) == expected.logits(both[:, :read])).all()


def test_where_nothing_can_be_predicted_the_first_features_are_read():
    features, _ = clouds(3, count=60)
    assert fit_head(features, np.arange(60) % 3, 3, np.arange(60) % 3, first=5).features == 5
