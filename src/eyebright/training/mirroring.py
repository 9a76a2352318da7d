"""Does a mirrored image still show the same? A flower does, a digit or an arrow does not.

This is measured: a simple classifier learns small training images, none of them mirrored, and predicts the validation
images as they are and mirrored. If significantly fewer mirrored images are correct, mirroring would teach wrong labels.
Of the classes of a detector only the names are looked at.
"""

import re

import numpy as np
from numpy.typing import NDArray

from eyebright.training.events.fitting import MirroringChecked
from eyebright.training.head import solve
from eyebright.trust.intervals import paired_difference

MAX_TRAIN, MAX_VALIDATION = 2_000, 1_000  # images
_STRENGTH = 0.1
_SIDES = re.compile("left|right|links|rechts|gauche|droite|izquierda|derecha")
_OTHERS = re.compile("(?<![a-z])(?:(?:al|b|birth|copy|f|forth|out|play|ship|up|w)right|cleft|cufflinks|leftover)")
_CAMEL = re.compile("(?<=[a-z])(?=[A-Z])")


def check_mirroring(
    train: NDArray[np.uint8],
    train_labels: NDArray[np.int64],
    validation: NDArray[np.uint8],
    validation_labels: NDArray[np.int64],
    groups: NDArray[np.int64] | None = None,
) -> MirroringChecked:
    """Predict validation images and their mirror images.

    Args:
        train: Small training images, uint8 `(N, H, W, 3)`.
        train_labels: Their classes, `(N,)`; at least two.
        validation: Small validation images, uint8 `(M, H, W, 3)`.
        validation_labels: Their classes, `(M,)`.
        groups: The number of each validation image's group, `(M,)`.
    """
    num_classes = int(max(train_labels.max(), validation_labels.max())) + 1
    weight, bias = solve(_points(train), train_labels, num_classes, _STRENGTH)

    def correct(pictures: NDArray[np.uint8]) -> NDArray[np.bool_]:
        return np.asarray((_points(pictures) @ weight.T + bias).argmax(axis=1) == validation_labels)

    plain, mirrored = correct(validation), correct(validation[:, :, ::-1])
    same = paired_difference(mirrored, plain, groups).high >= 0
    return MirroringChecked(
        same=same, pictures=len(validation), accuracy=float(plain.mean()), mirrored_accuracy=float(mirrored.mean())
    )


def says_side(name: str) -> bool:
    """Whether the name of a class says left or right, in one of some languages, anywhere but in words such as "bright".

    A mirrored image of it would have the other name.

    >>> says_side("turn_left"), says_side("greenleft"), says_side("LightUpRight"), says_side("traffic light, bright")
    (True, True, True, False)
    """
    words = _CAMEL.sub("_", name).lower()
    return bool(_SIDES.search(_OTHERS.sub("_", words)))


def _points(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Images at half their size, as rows of numbers."""
    count, height, width, channels = pictures.shape
    small = pictures.reshape(count, height // 2, 2, width // 2, 2, channels).mean(axis=(2, 4), dtype=np.float32)
    return np.asarray(small.reshape(count, -1) / 255, np.float32)
