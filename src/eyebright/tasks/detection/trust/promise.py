"""A promise of recall, such as `recall=0.95`: of the objects in an image at least this share is found, on average.

Boxes of one image are not independent, so that each image (or group of images) counts once, by the share of its objects
that is missed. The threshold is the highest that keeps the promise with a confidence of 95%, on images that picked
nothing else.

Source: Bates et al. 2021, "Distribution-Free, Risk-Controlling Prediction Sets", for the threshold: recall only falls
as it rises, so that it may be raised until a test fails. Waudby-Smith and Ramdas 2024, "Estimating means of bounded
random variables by betting", section 5 and its appendix on approximate Kelly bets, for the test.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.system.errors import DataError
from eyebright.system.records import Record
from eyebright.system.text import counted, percent
from eyebright.tasks.detection.trust.matching import Matches
from eyebright.trust.promise import asked
from eyebright.trust.selective import CHANCE

MEASURES = ("recall",)
_STAKE = 0.9  # the largest share of the capital that one image can lose: such an image does not end the bets


class RecallPromise(NamedTuple):
    """A promise that of the objects in an image at least this share is found, on average.

    Args:
        least: The share, above 0 and below 1.
    """

    least: float

    @classmethod
    def of(cls, text: str) -> "RecallPromise":
        """The promise that a text such as "recall=0.95" asks for.

        Raises:
            SettingsError: When it asks for something else, or the share is not between 0 and 1.
        """
        return cls(asked(text, MEASURES)[1])

    @property
    def risk(self) -> float:
        """The share of missed objects that the promise allows."""
        return round(1 - self.least, 12)

    @property
    def least_images(self) -> int:
        """How many images it takes, if all objects in them are found."""
        return math.ceil(math.log(1 / CHANCE) / math.log1p(_STAKE / (1 - self.risk) * self.risk) - 1e-9)

    def __str__(self) -> str:
        return f"recall={self.least:g}"

    def require_enough(self, images: int) -> None:
        """Refuse a promise that so many images could not prove, even if all objects were found.

        Raises:
            DataError: With the number of images that it takes.
        """
        if images < self.least_images:
            raise DataError(
                f"{self} takes at least {counted(self.least_images, 'held-back image')} with objects, all of them "
                f"found, and there {'is' if images == 1 else 'are'} {images:,}: promise less, or add images"
            )


class RecallPromised(Record, frozen=True, kw_only=True):
    """A promise that is made.

    Args:
        promise: What is promised, such as "recall=0.95".
        threshold: The confidence from which on detections are shown to keep it, 0 to 1.
        images: On how many independent images, or groups of images, it rests.
        found: The share of their objects that is found with it, the mean over images.
    """

    promise: str
    threshold: float
    images: int
    found: float

    @property
    def text(self) -> str:
        """A sentence for people."""
        return (
            f"Promise {self.promise}, by {counted(self.images, 'held-back image')}: boxes of a confidence of at least "
            f"{percent(self.threshold)} are drawn; {percent(self.found)} of the objects in them are found."
        )


def promise_recall(promise: RecallPromise, matches: Matches, groups: NDArray[np.int64] | None = None) -> RecallPromised:
    """Make a promise by images that were used for no choice.

    Args:
        promise: What is promised.
        matches: Of these images, with calibrated confidences.
        groups: Group number of each image, `(N,)`; None if images are independent.

    Raises:
        DataError: When it takes more images than there are, or too many objects are not found at all.
    """
    candidates = np.unique(matches.found_at[matches.counted[0] & np.isfinite(matches.found_at)])
    missed = missed_shares(matches, candidates, groups)
    promise.require_enough(missed.shape[1])
    kept = _surely_below(missed, promise.risk)
    count = len(kept) if kept.all() else int(kept.argmin())
    if not count:
        share = percent(1 - missed[0].mean()) if len(missed) else "none"
        raise DataError(
            f"{promise} cannot be kept: with all detections, {share} of the objects in {missed.shape[1]:,} held-back "
            "images are found, which does not prove it. Promise less, train longer, or add images"
        )
    at = count - 1
    return RecallPromised(
        promise=str(promise),
        threshold=float(candidates[at]),
        images=missed.shape[1],
        found=1 - float(missed[at].mean()),
    )


def missed_shares(
    matches: Matches, thresholds: NDArray[np.float64], groups: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """The share of the objects in each image, or group, that is missed at each threshold, `(thresholds, groups)`.

    Images without objects are left out.
    """
    members = np.arange(matches.images) if groups is None else groups
    counted_boxes = matches.counted[0]
    _, group = np.unique(members[matches.box_image[counted_boxes]], return_inverse=True)
    scores = matches.found_at[counted_boxes]
    number = int(group.max()) + 1 if len(group) else 0
    missed = np.zeros((len(thresholds), number))
    for row, threshold in enumerate(thresholds):
        missed[row] = np.bincount(group, scores < threshold, number)
    result: NDArray[np.float64] = missed / np.maximum(np.bincount(group, minlength=number), 1)
    return result


def _surely_below(losses: NDArray[np.float64], risk: float) -> NDArray[np.bool_]:
    """Whether the mean of each row of losses, 0 to 1, `(rows, n)`, is surely below the risk, `(rows,)`.

    A gambler bets against a mean above the risk: if it were above, a capital of 1 would reach 20 with a probability of
    at most 5%. Each bet only depends on the images before.
    """
    shuffled = losses[:, np.random.default_rng(0).permutation(losses.shape[1])]
    capital, best = np.ones(len(losses)), np.ones(len(losses))
    total, squares = np.zeros(len(losses)), np.full(len(losses), risk**2 / 4)
    for number, loss in enumerate(shuffled.T, 1):
        edge = np.maximum(risk - total / number, 0)
        bet = np.minimum(edge / (squares / number + edge**2), _STAKE / (1 - risk))
        capital *= 1 - bet * (loss - risk)
        best = np.maximum(best, capital)
        squares += (loss - total / number) ** 2
        total += loss
    return best >= (1 / CHANCE) * (1 - 1e-9)
