"""Finding objects: from the maps of scores and boxes to the boxes of one image. Pure NumPy, and quick.

An object is a peak: a pixel whose score is at least that of its eight neighbours (Zhou et al. 2019, "Objects as
Points"). Of the best peaks, one is left out that overlaps a better one of the same class (Neubeck and Van Gool 2006,
"Efficient Non-Maximum Suppression").
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eyebright.tasks.detection.geometry.boxes import iou

LEAST = 0.01
"""Lower scores are not looked at: those that the network gives, before they are calibrated."""
MOST_PEAKS = 100
"""How many peaks of an image are looked at, of all classes together; COCO's measure counts as many of one class."""
OVERLAP = 0.6
"""The intersection over union above which two boxes of a class are the same object."""


@dataclass(frozen=True, eq=False)
class Detections:
    """What was found in one image, best first.

    Args:
        corners: x1, y1, x2, y2 of each, `(n, 4)`, float64, in pixels; x to the right, y down.
        labels: For each the position of its class, `(n,)`, int64.
        scores: How sure it is, 0 to 1, `(n,)`, float64.
    """

    corners: NDArray[np.float64]
    labels: NDArray[np.int64]
    scores: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.labels)

    def at(self, chosen: NDArray[np.int64] | NDArray[np.bool_]) -> "Detections":
        """Some of them."""
        return Detections(self.corners[chosen], self.labels[chosen], self.scores[chosen])

    def above(self, threshold: float) -> "Detections":
        """Those with at least this score."""
        return self.at(self.scores >= threshold)


def find(
    scores: NDArray[np.float32],
    boxes: NDArray[np.float32],
    *,
    least: float = 0.0,
    most: int = MOST_PEAKS,
    overlap: float = OVERLAP,
) -> Detections:
    """The objects of one image, best first; among equal scores the first class, then the upper row, comes first.

    Args:
        scores: `(classes, h, w)`, 0 to 1.
        boxes: x1, y1, x2, y2 for each pixel, `(4, h, w)`.
        least: Only scores from this on are looked at.
        most: How many peaks are looked at, of all classes together.
        overlap: Above this intersection over union with a better box of its class, a box is left out.
    """
    peaks = np.flatnonzero((scores >= least) & (scores >= _neighbours(scores)))
    values = scores.ravel()[peaks]
    order = np.argsort(-values, kind="stable")[:most]
    labels, pixels = np.divmod(peaks[order], scores[0].size)
    corners = boxes.reshape(4, -1)[:, pixels].T.astype(np.float64)
    found = Detections(corners, labels.astype(np.int64), values[order].astype(np.float64))
    return found.at(_distinct(found, overlap))


def _neighbours(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """For each pixel the greatest score in the 3x3 pixels around it."""
    greatest = scores.copy()
    np.maximum(greatest[:, 1:], scores[:, :-1], out=greatest[:, 1:])
    np.maximum(greatest[:, :-1], scores[:, 1:], out=greatest[:, :-1])
    rows = greatest.copy()
    np.maximum(greatest[:, :, 1:], rows[:, :, :-1], out=greatest[:, :, 1:])
    np.maximum(greatest[:, :, :-1], rows[:, :, 1:], out=greatest[:, :, :-1])
    return greatest


def _distinct(found: Detections, overlap: float) -> NDArray[np.bool_]:
    """Which are left: none that overlaps a better one of its class that is left."""
    same = (iou(found.corners, found.corners) > overlap) & (found.labels[:, None] == found.labels)
    same = np.triu(same, 1)
    left = np.ones(len(found), bool)
    for better in np.flatnonzero(same.any(axis=1)):
        if left[better]:
            left &= ~same[better]
    return left
