"""Whether a mirrored picture still shows the same: of a flower it does, of a digit or an arrow it does not.

Measured, not assumed: a plain classifier of small pictures, which has learned none that are mirrored, is asked about
the validation pictures as they are and mirrored. Where it tells surely fewer of the mirrored ones, pictures come one
way round: mirrored they might show something else, and would be learned under a wrong name.
"""

import numpy as np
from numpy.typing import NDArray

from eyebright.training.events import MirroringJudged
from eyebright.training.head import solve
from eyebright.trust.intervals import paired_difference

LEARNED, ASKED = 2_000, 1_000  # pictures at most
_STRENGTH = 0.1


def judge_mirroring(
    known: NDArray[np.uint8],
    known_labels: NDArray[np.int64],
    asked: NDArray[np.uint8],
    asked_labels: NDArray[np.int64],
    groups: NDArray[np.int64] | None = None,
) -> MirroringJudged:
    """Ask about pictures and their mirror images.

    Args:
        known: Small training pictures, `(N, H, W, 3)`, uint8.
        known_labels: Their classes, `(N,)`; two at least.
        asked: Small validation pictures, `(M, H, W, 3)`.
        asked_labels: Their classes, `(M,)`.
        groups: The number of each validation picture's group, `(M,)`.
    """
    num_classes = int(max(known_labels.max(), asked_labels.max())) + 1
    weight, bias = solve(_points(known), known_labels, num_classes, _STRENGTH)

    def right(pictures: NDArray[np.uint8]) -> NDArray[np.bool_]:
        return np.asarray((_points(pictures) @ weight.T + bias).argmax(axis=1) == asked_labels)

    plain, mirrored = right(asked), right(asked[:, :, ::-1])
    same = paired_difference(mirrored, plain, groups).high >= 0
    return MirroringJudged(
        same=same, pictures=len(asked), accuracy=float(plain.mean()), mirrored_accuracy=float(mirrored.mean())
    )


def _points(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pictures at half their size, as rows of numbers."""
    count, height, width, channels = pictures.shape
    small = pictures.reshape(count, height // 2, 2, width // 2, 2, channels).mean(axis=(2, 4), dtype=np.float32)
    return np.asarray(small.reshape(count, -1) / 255, np.float32)
