"""Probable wrong labels: what a plain classifier, asked about pictures that it has not seen, would call otherwise.

The classifier is a multinomial logistic regression on standardised features of a frozen network; the probabilities that
it gives out of fold are judged by cleanlab.

Source: Northcutt, Jiang and Chuang 2021, "Confident learning: estimating uncertainty in dataset labels".

What the features of a frozen network make one doubt: labels that are probably wrong, pictures unlike the rest.
"""

import importlib.util
import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.data.audit.findings import Kind
from eyebright.data.audit.outliers import outliers
from eyebright.system.errors import DataError, MissingExtraError
from eyebright.trust.calibration import fit_temperature
from eyebright.trust.metrics import softmax

FOLDS = 5
_STRENGTH = 0.001  # C of scikit-learn: the more it smooths, the better it doubts; see benchmarks/swapped_labels.py


class Suspect(NamedTuple):
    """A label that is probably wrong.

    Args:
        picture: Position of the picture.
        given: The class that it is labelled with.
        suggested: The class that it looks like.
        score: Quality of the label, 0 to 1; the lower, the more probably it is wrong.
    """

    picture: int
    given: int
    suggested: int
    score: float


def out_of_fold(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    groups: NDArray[np.int64] | None = None,
    *,
    folds: int = FOLDS,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Probabilities of the classes, each picture's from a classifier that has seen neither it nor one of its group.

    Args:
        features: `(N, D)`.
        labels: `(N,)`, from 0 to K - 1.
        groups: The number of each picture's group, `(N,)`, such as its set of copies.
        folds: In how many parts the pictures are divided; fewer where there are not so many groups.
        seed: Decides the parts.

    Returns:
        `(N, K)`, rows add up to 1. Where no other group has a picture's class, its label cannot be judged: its row
        says that the label is right.

    Raises:
        DataError: When there are fewer than two classes, or all pictures are of one group.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    members = np.arange(len(labels)) if groups is None else groups
    sizes = np.bincount(labels, minlength=1)
    folds = min(folds, len(np.unique(members)), int(sizes.max()))
    if np.count_nonzero(sizes) < 2 or folds < 2:
        raise DataError("labels are judged from two classes and two groups of pictures on: there is nothing to compare")
    probabilities = np.zeros((len(labels), int(labels.max()) + 1))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    with threadpool_limits(1), warnings.catch_warnings():  # of so thin products threads wait more than they share
        warnings.simplefilter("ignore", UserWarning)  # of classes with fewer pictures than folds, which is no harm
        for train, rest in splitter.split(labels, labels, members):
            classes = np.unique(labels[train])
            test = rest[np.isin(labels[rest], classes)]
            if len(classes) == 1:
                probabilities[test, classes[0]] = 1
            elif len(test):
                model = make_pipeline(StandardScaler(), LogisticRegression(C=_STRENGTH, max_iter=300))
                model.fit(features[train], labels[train])
                probabilities[np.ix_(test, classes)] = model.predict_proba(features[test])
    unjudged = np.flatnonzero(~probabilities.any(axis=1))
    probabilities[unjudged, labels[unjudged]] = 1
    return probabilities


def quality(labels: NDArray[np.int64], probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quality of each label, `(N,)`, 0 to 1: the lower, the more probably it is wrong.

    Raises:
        MissingExtraError: When cleanlab is not installed.
    """
    _require_cleanlab()
    from cleanlab.rank import get_label_quality_scores

    return np.asarray(get_label_quality_scores(labels, probabilities, method="self_confidence"), np.float64)


def wrong_labels(labels: NDArray[np.int64], probabilities: NDArray[np.float64]) -> list[Suspect]:
    """Labels that are probably wrong, the worst first.

    Args:
        labels: `(N,)`, from 0 to K - 1.
        probabilities: `(N, K)`, as of `out_of_fold`.

    Raises:
        MissingExtraError: When cleanlab is not installed.
    """
    scores = quality(labels, probabilities)
    from cleanlab.filter import find_label_issues

    suggested = probabilities.argmax(axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of classes with a single picture, whose label stands
        issues = find_label_issues(labels, probabilities, n_jobs=1)
    doubted = np.flatnonzero(issues & (suggested != labels))
    order = doubted[np.argsort(scores[doubted], kind="stable")]
    return [Suspect(int(i), int(labels[i]), int(suggested[i]), float(scores[i])) for i in order]


def _require_cleanlab() -> None:
    if importlib.util.find_spec("cleanlab") is None:
        raise MissingExtraError("wrong labels are found with cleanlab: pip install 'eyebright[audit]'")


# A label is doubted aloud where another class is more probable than all the rest, and its own next to excluded. Of what
# cleanlab doubts among 4,317 flowers with 3 % swapped labels, this keeps a tenth, of which two in three are swapped.
LIKELY, UNLIKELY = 0.5, 0.02


class Doubt(NamedTuple):
    """Something about one picture.

    Args:
        kind: What.
        picture: Its position.
        figure: The probability of its label, or how many deviations it is unlike the rest.
        sentence: The same for people; `{}` stands for the name of the class `suggested`.
        suggested: The class that it looks like; -1 for none.
    """

    kind: Kind
    picture: int
    figure: float
    sentence: str
    suggested: int = -1


def doubts(
    features: NDArray[np.float32], labels: NDArray[np.int64], groups: NDArray[np.int64] | None = None
) -> list[Doubt]:
    """Probable wrong labels, then pictures unlike all others, each the worst first.

    Args:
        features: `(N, D)`.
        labels: `(N,)`, from 0 on.
        groups: The number of each picture's group, `(N,)`: none vouches for another of its group.

    Raises:
        DataError: When there is nothing to compare.
        MissingExtraError: When cleanlab is not installed.
    """
    present, dense = np.unique(labels, return_inverse=True)
    probabilities = _believable(out_of_fold(features, dense, groups), dense)
    found = []
    for suspect in wrong_labels(dense, probabilities):
        own, other = (float(probabilities[suspect.picture, label]) for label in (suspect.given, suspect.suggested))
        if own < UNLIKELY and other > LIKELY:
            sentence = f"looks like {{}} ({other:.0%}), hardly like its label ({own:.1%})"
            found.append(Doubt("probably mislabelled", suspect.picture, own, sentence, int(present[suspect.suggested])))
    for one in outliers(features):
        sentence = f"{one.deviations:.1f} robust deviations from its nearest"
        found.append(Doubt("unlike the rest", one.picture, one.deviations, sentence))
    return found


def _believable(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """The same with a temperature: a classifier that can tell little is sure of nothing, and nothing is doubted."""
    logits = np.log(np.maximum(probabilities, 1e-12))
    return np.asarray(softmax(logits / fit_temperature(logits, labels)), np.float64)
