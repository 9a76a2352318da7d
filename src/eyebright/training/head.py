"""The head of a frozen network: a multinomial logistic regression on its features.

The features are standardised for the fit; the head that comes out takes them as they are. A feature that hardly varies
among the training images is divided by the typical deviation, not by its own: otherwise it would decide alone about a
new image in which it is large. The strength of the penalty on the weights is chosen by cross-validation on the training
images, and so is whether the head reads only the first features or all of them.
"""

import math
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyebright.data.batches import spread
from eyebright.trust.intervals import above_error
from eyebright.trust.metrics import log_softmax

STRENGTHS = 1.0, 0.3, 0.1, 0.03, 0.01, 0.003
"""Of the penalty: half the sum of squared weights, added to the mean loss."""
USUAL_STRENGTH = 0.1
"""The strength where no image can be predicted by a head that knows its class, since each class is one group."""
FOLDS = 3
_SAMPLE = 4_000  # images by which the strength is chosen
_ITERATIONS = 200


class Head(NamedTuple):
    """A linear layer, and how good it is.

    Args:
        weight: `(num_classes, features)`.
        bias: `(num_classes,)`.
        strength: The strength of the penalty.
        loss: Cross-validated mean cross-entropy.
        accuracy: Cross-validated accuracy, 0 to 1.
        path: For each strength that was tried: the strength, the cross-validated loss and accuracy.
        predicted: Which of the images were predicted by a head that was fitted without their fold, `(n,)`.
        out_of_fold: The logits of these, `(n, num_classes)`, with the strength that was chosen.
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    strength: float
    loss: float
    accuracy: float
    path: tuple[tuple[float, float, float], ...]
    predicted: NDArray[np.int64]
    out_of_fold: NDArray[np.float32]

    @property
    def features(self) -> int:
        """How many features it reads: the first ones."""
        return len(self.weight[0])

    def logits(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """The logits `(N, num_classes)` of features `(N, features)`, or of more of which it reads the first."""
        return np.asarray(features[:, : self.features] @ self.weight.T + self.bias)


def fit_head(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    num_classes: int,
    groups: NDArray[np.int64] | None = None,
    *,
    first: int = 0,
) -> Head:
    """Fit the head.

    Args:
        features: `(N, features)`.
        labels: `(N,)`, counted from 0; at least two classes, and every class has an image.
        num_classes: The number of classes.
        groups: The number of each image's group, `(N,)`: a group is in one fold.
        first: If given, the head reads only so many of the features, unless all of them lower the cross-validated loss
            by more than its standard error.
    """
    sample = spread(np.arange(len(labels)), _SAMPLE)
    known, members = labels[sample], None if groups is None else groups[sample]
    folds = list(_folds(known, members, FOLDS))
    predicted = np.sort(np.concatenate([rest for _, rest in folds])) if folds else np.empty(0, np.int64)
    best = _search(features[sample, : first or None], known, num_classes, folds, predicted)
    if first and len(predicted):
        all_of_them = _search(features[sample], known, num_classes, folds, predicted)
        gains = _losses(best.out_of_fold, known[predicted]) - _losses(all_of_them.out_of_fold, known[predicted])
        if above_error(gains, None if members is None else members[predicted]):
            best = all_of_them
    weight, bias = solve(features[:, : best.features], labels, num_classes, best.strength)
    return Head(weight, bias, *best[1:-1], sample[predicted], best.out_of_fold)


class _Found(NamedTuple):
    """The best strength for so many features; the rest as in `Head`."""

    features: int
    strength: float
    loss: float
    accuracy: float
    path: tuple[tuple[float, float, float], ...]
    out_of_fold: NDArray[np.float32]


def _search(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    num_classes: int,
    folds: "list[_Fold]",
    predicted: NDArray[np.int64],
) -> _Found:
    """Try strengths, the strongest first; `predicted` are the images that are in the rest of a fold."""
    parts = _parts(features, labels, num_classes, folds)
    judged = predicted if len(predicted) else np.arange(len(labels))
    best, path = (USUAL_STRENGTH, math.inf, 0.0), list[tuple[float, float, float]]()
    out_of_fold = np.empty((len(judged), num_classes), np.float32)
    for strength in STRENGTHS if len(predicted) else (USUAL_STRENGTH,):
        logits = _out_of_fold(features, num_classes, strength, parts)[judged]
        loss, accuracy = score(logits, labels[judged])
        path.append((strength, loss, accuracy))
        if loss > best[1]:  # the loss has one minimum along the strengths, and weak penalties take long
            break
        best, out_of_fold = (strength, loss, accuracy), logits
    return _Found(features.shape[1], *best, tuple(path), out_of_fold[: len(predicted)])


def cross_validated(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    num_classes: int,
    strength: float,
    groups: NDArray[np.int64] | None = None,
    *,
    folds: int = FOLDS,
) -> NDArray[np.float32]:
    """Out-of-fold logits `(N, num_classes)`: each image is predicted by a head that was fitted without its fold.

    They are zero if the images are too few, or in too few groups, for two folds, and for an image whose class has no
    image in the other folds: it says nothing about the head that such an image is not recognised.
    """
    parts = _parts(features, labels, num_classes, list(_folds(labels, groups, folds)))
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
    features: NDArray[np.float32], labels: NDArray[np.int64], num_classes: int, folds: "list[_Fold]"
) -> "list[_Part]":
    """For each fold, a regression on its training images, and the positions of its other images."""
    return [(_Regression(features[train], labels[train], num_classes), rest) for train, rest in folds]


def score(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> tuple[float, float]:
    """Mean cross-entropy and accuracy."""
    return float(_losses(logits, labels).mean()), float((logits.argmax(axis=1) == labels).mean())


def _losses(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.floating]:
    """The cross-entropy of each image, `(N,)`."""
    return -log_softmax(logits)[np.arange(len(labels)), labels]


def _folds(labels: NDArray[np.int64], groups: NDArray[np.int64] | None, folds: int) -> "Iterator[_Fold]":
    """Positions of the training images, and of the others that are of a class among these, fold by fold."""
    from sklearn.model_selection import StratifiedGroupKFold

    members = np.arange(len(labels)) if groups is None else groups
    folds = min(folds, len(np.unique(members)), int(np.bincount(labels).max()))
    if folds < 2:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # some classes have fewer images than folds, which is harmless
        for train, rest in StratifiedGroupKFold(folds, shuffle=True, random_state=0).split(labels, labels, members):
            if len(np.unique(labels[train])) > 1:
                yield train, rest[np.isin(labels[rest], labels[train])]


def solve(
    features: NDArray[np.float32], labels: NDArray[np.int64], num_classes: int, strength: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights `(num_classes, features)` and biases `(num_classes,)`.

    A class without images gets a bias so low that it is practically never predicted.
    """
    return _Regression(features, labels, num_classes).solve(strength)


class _Regression:
    """A regression that is solved for several strengths; each search starts at the solution before."""

    def __init__(self, features: NDArray[np.float32], labels: NDArray[np.int64], num_classes: int) -> None:
        from sklearn.linear_model import LogisticRegression

        deviation = features.std(axis=0)
        self._mean, self._deviation = features.mean(axis=0), np.hypot(deviation, np.median(deviation)) + 1e-6
        self._points, self._labels, self._num_classes = (features - self._mean) / self._deviation, labels, num_classes
        self._model: Any = LogisticRegression(max_iter=_ITERATIONS, tol=1e-3, warm_start=True)

    def solve(self, strength: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """As the function `solve`."""
        from threadpoolctl import threadpool_limits

        model = self._model.set_params(C=1 / (strength * len(self._labels)))
        with (
            threadpool_limits(1),
            warnings.catch_warnings(),
        ):  # for such thin matrices threads would wait more than compute
            warnings.simplefilter("ignore")  # nearly reaching the optimum is enough
            model.fit(self._points, self._labels)
        known, bias_known = model.coef_, model.intercept_
        if len(known) == 1:  # for two classes the model has only the difference of the logits
            known, bias_known = (np.concatenate([-lead / 2, lead / 2]) for lead in (known, bias_known))
        known = known / self._deviation
        weight = np.zeros((self._num_classes, len(self._mean)))
        weight[model.classes_] = known
        bias_known = bias_known - known @ self._mean
        bias = np.full(self._num_classes, bias_known.min() - 10)
        bias[model.classes_] = bias_known
        return weight.astype(np.float32), bias.astype(np.float32)


_Fold: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]
_Part: TypeAlias = tuple[_Regression, NDArray[np.int64]]
