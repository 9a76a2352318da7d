"""The head of a frozen network: a multinomial logistic regression on its features, which has one best solution.

Features are standardised for the fit, and that is folded into the head afterwards. How much weights are held small is
chosen by cross-validation on the training pictures.
"""

import math
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyebright.evaluation import log_softmax

STRENGTHS = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003)  # of the penalty: half the squared weights, beside the mean loss
FOLDS = 3
_SAMPLE = 4_000  # pictures by which the strength is chosen
_ITERATIONS = 200


_Fold: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]


class Head(NamedTuple):
    """A linear layer and how it was chosen.

    Args:
        weight: `(K, D)`.
        bias: `(K,)`.
        strength: Of the penalty.
        loss: Mean cross-entropy, cross-validated.
        accuracy: Share told right, cross-validated; 0 to 1.
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    strength: float
    loss: float
    accuracy: float

    def logits(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """`(N, D)` to `(N, K)`."""
        return np.asarray(features @ self.weight.T + self.bias)


def fit_head(
    features: NDArray[np.float32], labels: NDArray[np.int64], num_classes: int, groups: NDArray[np.int64] | None = None
) -> Head:
    """Learn the head.

    Args:
        features: `(N, D)`.
        labels: `(N,)`, from 0 on; every class is there, and there are two at least.
        num_classes: K.
        groups: The number of each picture's group, `(N,)`: a group is in one fold.
    """
    sample = np.arange(len(labels))[:: -(-len(labels) // _SAMPLE)]
    members = None if groups is None else groups[sample]
    parts = list(_folds(labels[sample], members, FOLDS))
    best = (math.inf, 0.0, STRENGTHS[0])
    for strength in STRENGTHS:
        logits = _out_of_fold(features[sample], labels[sample], num_classes, strength, parts)
        loss, accuracy = score(logits, labels[sample])
        if loss > best[0]:  # the loss has one lowest place along the strengths, and the weaker ones take long
            break
        best = (loss, accuracy, strength)
    weight, bias = solve(features, labels, num_classes, best[2])
    return Head(weight, bias, best[2], *best[:2])


def cross_validated(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    num_classes: int,
    strength: float,
    groups: NDArray[np.int64] | None = None,
    *,
    folds: int = FOLDS,
) -> NDArray[np.float32]:
    """What heads say of pictures that they have not seen, `(N, K)`: logits; zeros where no fold can be made."""
    return _out_of_fold(features, labels, num_classes, strength, list(_folds(labels, groups, folds)))


def _out_of_fold(
    features: NDArray[np.float32], labels: NDArray[np.int64], num_classes: int, strength: float, parts: list[_Fold]
) -> NDArray[np.float32]:
    logits = np.zeros((len(labels), num_classes), np.float32)
    for train, rest in parts:
        weight, bias = solve(features[train], labels[train], num_classes, strength)
        logits[rest] = features[rest] @ weight.T + bias
    return logits


def score(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> tuple[float, float]:
    """Mean cross-entropy and accuracy."""
    loss = -float(log_softmax(logits)[np.arange(len(labels)), labels].mean())
    return loss, float((logits.argmax(axis=1) == labels).mean())


def _folds(labels: NDArray[np.int64], groups: NDArray[np.int64] | None, folds: int) -> Iterator[_Fold]:
    """The pictures to learn from and those to judge, fold by fold."""
    from sklearn.model_selection import StratifiedGroupKFold

    members = np.arange(len(labels)) if groups is None else groups
    folds = min(folds, len(np.unique(members)), int(np.bincount(labels).max()))
    if folds < 2:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of classes with fewer pictures than folds, which is no harm
        for train, rest in StratifiedGroupKFold(folds, shuffle=True, random_state=0).split(labels, labels, members):
            if len(np.unique(labels[train])) > 1:
                yield train, rest


def solve(
    features: NDArray[np.float32], labels: NDArray[np.int64], num_classes: int, strength: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights `(K, D)` and biases `(K,)`; a class that is not there is as good as excluded."""
    from sklearn.linear_model import LogisticRegression

    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-6
    model: Any = LogisticRegression(C=1 / (strength * len(labels)), max_iter=_ITERATIONS, tol=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an optimum that is only nearly reached serves as well
        model.fit((features - mean) / deviation, labels)
    known, bias_known = model.coef_, model.intercept_
    if len(known) == 1:  # of two classes the model tells the second one's lead
        known, bias_known = np.concatenate([-known / 2, known / 2]), np.concatenate([-bias_known / 2, bias_known / 2])
    weight, bias = np.zeros((num_classes, features.shape[1])), np.full(num_classes, bias_known.min() - 10)
    weight[model.classes_] = known / deviation
    bias[model.classes_] = bias_known - (known / deviation) @ mean
    bias[np.setdiff1d(np.arange(num_classes), model.classes_)] = bias[model.classes_].min() - 10
    return weight.astype(np.float32), bias.astype(np.float32)
