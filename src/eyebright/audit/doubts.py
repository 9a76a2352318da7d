"""What the features of a frozen network make one doubt: labels that are probably wrong, pictures unlike the rest."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.audit.findings import Kind
from eyebright.audit.labels import out_of_fold, wrong_labels
from eyebright.audit.outliers import outliers
from eyebright.evaluation import fit_temperature, softmax

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
