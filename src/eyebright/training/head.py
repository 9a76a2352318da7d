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

from eyebright.trust.metrics import log_softmax

STRENGTHS = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003)  # of the penalty: half the squared weights, beside the mean loss
FOLDS = 3
_SAMPLE = 4_000  # pictures by which the strength is chosen
_ITERATIONS = 200


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
    parts = _parts(features[sample], labels[sample], num_classes, members, FOLDS)
    best = (math.inf, 0.0, STRENGTHS[0])
    for strength in STRENGTHS:
        logits = _out_of_fold(features[sample], num_classes, strength, parts)
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
    parts = _parts(features, labels, num_classes, groups, folds)
    return _out_of_fold(features, num_classes, strength, parts)


def _out_of_fold(
    features: NDArray[np.float32], num_classes: int, strength: float, parts: "list[_Part]"
) -> NDArray[np.float32]:
    logits = np.zeros((len(features), num_classes), np.float32)
    for regression, rest in parts:
        weight, bias = regression.solve(strength)
        logits[rest] = features[rest] @ weight.T + bias
    return logits


def _parts(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    num_classes: int,
    groups: NDArray[np.int64] | None,
    folds: int,
) -> "list[_Part]":
    """What learns from each fold's training pictures, and the pictures that it has not seen."""
    return [
        (_Regression(features[train], labels[train], num_classes), rest)
        for train, rest in _folds(labels, groups, folds)
    ]


def score(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> tuple[float, float]:
    """Mean cross-entropy and accuracy."""
    loss = -float(log_softmax(logits)[np.arange(len(labels)), labels].mean())
    return loss, float((logits.argmax(axis=1) == labels).mean())


def _folds(
    labels: NDArray[np.int64], groups: NDArray[np.int64] | None, folds: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
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
    return _Regression(features, labels, num_classes).solve(strength)


class _Regression:
    """A regression on pictures; each strength's search begins at the solution of the one before."""

    def __init__(self, features: NDArray[np.float32], labels: NDArray[np.int64], num_classes: int) -> None:
        from sklearn.linear_model import LogisticRegression

        self._mean, self._deviation = features.mean(axis=0), features.std(axis=0) + 1e-6
        self._points, self._labels, self._num_classes = (features - self._mean) / self._deviation, labels, num_classes
        self._model: Any = LogisticRegression(max_iter=_ITERATIONS, tol=1e-3, warm_start=True)

    def solve(self, strength: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Weights and biases as in `solve`."""
        from threadpoolctl import threadpool_limits

        model = self._model.set_params(C=1 / (strength * len(self._labels)))
        with threadpool_limits(1), warnings.catch_warnings():  # of so thin products threads wait more than they share
            warnings.simplefilter("ignore")  # an optimum that is only nearly reached serves as well
            model.fit(self._points, self._labels)
        known, bias_known = model.coef_, model.intercept_
        if len(known) == 1:  # of two classes the model tells the second one's lead
            known, bias_known = (np.concatenate([-lead / 2, lead / 2]) for lead in (known, bias_known))
        known = known / self._deviation
        weight = np.zeros((self._num_classes, len(self._mean)))
        weight[model.classes_] = known
        bias_known = bias_known - known @ self._mean
        bias = np.full(self._num_classes, bias_known.min() - 10)
        bias[model.classes_] = bias_known
        return weight.astype(np.float32), bias.astype(np.float32)


_Part: TypeAlias = tuple[_Regression, NDArray[np.int64]]
