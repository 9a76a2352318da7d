"""Verdicts on a detector: what its figures show, in words, with what to try next.

As for classifiers, each check looks for one problem and claims nothing that its 95% intervals do not support.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.system.text import counted, percent
from eyebright.tasks.detection.trust.matching import Matches
from eyebright.tasks.detection.trust.metrics import BoxScore, DetectionEvaluation
from eyebright.trust.advice import command
from eyebright.trust.image_checks import LEAKING
from eyebright.trust.intervals import Share, difference, share_of
from eyebright.trust.verdict import Verdict

SMALL = 16
"""Pixels of the prepared image: the side of a square below which an object covers at most two pixels of the output."""
_ASK_AGAIN = "train PICTURES -o NEW"


class DetectionEvidence(NamedTuple):
    """The figures that verdicts on a detector rest on.

    Args:
        train: How good the detector is on a sample of its training images.
        validation: How good it is on the validation images.
        small: Of the validation boxes that are below `SMALL` in the prepared image, the share that is found; None
            where there are none, as below.
        others: The same of the larger ones.
        size: The side of the prepared images, in pixels.
        images: Number of training images.
        minutes: Time budget of the training; 0 if there was none.
        leaking: Validation and test images with a near-duplicate or an image of their group in the training set.
        held_out: Number of validation and test images.
    """

    train: DetectionEvaluation
    validation: DetectionEvaluation
    small: Share | None
    others: Share | None
    size: int
    images: int
    minutes: float = 0.0
    leaking: int = 0
    held_out: int = 0


def recall_by_size(
    matches: Matches,
    thresholds: NDArray[np.floating],
    scales: NDArray[np.float64],
    groups: NDArray[np.int64] | None = None,
) -> tuple[Share | None, Share | None]:
    """Of the boxes that are small for the network, and of the others, the share that is found; None without boxes.

    Args:
        matches: Of validation images.
        thresholds: The confidence that a detection of each class needs, `(classes,)`.
        scales: Pixels of the prepared image for each pixel of the original, of each image, `(N,)`.
        groups: Group number of each image, `(N,)`; None if images are independent.
    """
    members = (np.arange(matches.images) if groups is None else groups)[matches.box_image]
    small = np.sqrt(matches.box_area) * scales[matches.box_image] < SMALL
    found = matches.found_at >= thresholds[matches.box_label]
    both = (matches.counted[0] & small, matches.counted[0] & ~small)
    one, other = (share_of(found[here], members[here]) if here.any() else None for here in both)
    return one, other


def diagnose(evidence: DetectionEvidence) -> tuple[Verdict, ...]:
    """All problems that the evidence shows, the most important first; "no problem found" alone if it shows none."""
    return tuple(verdict for check in CHECKS if (verdict := check(evidence))) or (_no_problem(evidence),)


def leak(evidence: DetectionEvidence) -> Verdict | None:
    """Validation or test images are (nearly) in the training set, so that all figures are too high."""
    if evidence.leaking <= LEAKING * evidence.held_out:
        return None
    count = f"{evidence.leaking:,} of the {counted(evidence.held_out, 'validation and test image')}"
    return Verdict(
        kind="leak suspected",
        short=f"{count} have a near-duplicate in the training set",
        text=f"Leak suspected: {count} have a near-duplicate or an image of their group, such as a frame of the same "
        f"film, in the training set. On images of other places and days expect less than this: {_both(evidence)}.",
        advice="Label images of other places or days, and evaluate on them. To see the near-duplicates:"
        + command("audit PICTURES"),
    )


KNOWN = 0.5  # mAP50 on training images: a detector that has learned its own images is well above


def underfitting(evidence: DetectionEvidence) -> Verdict | None:
    """Not even the objects of the training images are found."""
    train = evidence.train.map50
    if train is None or train.high >= KNOWN:
        return None
    remedy = _longer(evidence)
    return Verdict(
        kind="underfitting",
        short=f"mAP50 on training images is only {percent(train.value)}",
        text=f"Underfitting: the detector does not find even the objects of its training images: {_both(evidence)}.",
        advice=f"To train longer:{_again(remedy)}",
        remedy=remedy,
    )


GAP = 0.20  # between mAP50 on training and on validation images: with less, more images gain little


def overfitting(evidence: DetectionEvidence) -> Verdict | None:
    """Training images are known much better than others."""
    train, validation = evidence.train.map50, evidence.validation.map50
    if train is None or validation is None or train.value - validation.value <= GAP or train.low <= validation.high:
        return None
    return Verdict(
        kind="overfitting",
        short=f"mAP50 is {percent(train.value)} on training images, {percent(validation.value)} on validation images",
        text=f"Overfitting: the detector knows its {counted(evidence.images, 'training image')} much better than "
        f"others: {_both(evidence)}.",
        advice="Label more images: those on which it fails help most.",
    )


VAGUE = 0.20  # width of the interval of mAP50: with a wider one, good and poor detectors look alike


def too_few(evidence: DetectionEvidence) -> Verdict | None:
    """There are too few validation images to measure with."""
    found, images = evidence.validation.map50, evidence.validation.pictures
    if found is None or found.high - found.low <= VAGUE:
        return None
    bounds = f"{percent(found.low)} to {percent(found.high)}"
    return Verdict(
        kind="too few images",
        short=f"with {counted(images, 'validation image')} mAP50 is uncertain: {bounds}",
        text=f"Too few images: with {counted(images, 'validation image')} and "
        f"{counted(evidence.validation.boxes, 'object')} on them, mAP50 is uncertain: {bounds}.",
        advice="Add images: with four times as many, the interval is about half as wide.",
    )


FAILING = 0.25  # between the recall of a class and that of all: more than being the hardest class


def class_failing(evidence: DetectionEvidence) -> Verdict | None:
    """The objects of one class are found far less often than all; the worst is reported in full, three more by name."""
    whole = evidence.validation.recall
    failing = [one for one in evidence.validation.classes if whole is not None and _fails(one, whole)]
    if whole is None or not failing:
        return None
    worst, *rest = sorted(failing, key=lambda one: (one.recall.value if one.recall else 0.0, one.name))
    more = f" Also failing: {', '.join(one.name for one in rest[:3])}." if rest else ""
    return Verdict(
        kind="class failing",
        short=f"only {percent(worst.recall.value if worst.recall else 0.0)} of the {worst.name} objects are found",
        text=f"Class failing: only {worst.recall} of the {counted(worst.boxes, f'{worst.name} object')} are found, "
        f"against {percent(whole.value)} of all.{more}",
        advice=f"Check the boxes of {worst.name} and label more images with it.",
    )


def _fails(one: BoxScore, whole: Share) -> bool:
    if one.recall is None:
        return False
    gap = difference(whole, one.recall)
    return gap.low > 0 and gap.value > FAILING


LOST = 0.20  # between the recall of small objects and that of others
WORTHWHILE = 0.05  # of all objects: for fewer small ones, the time that larger images take is not well spent


def small_missed(evidence: DetectionEvidence) -> Verdict | None:
    """Objects that cover at most two pixels of the output are missed more often than others."""
    small, others = evidence.small, evidence.others
    if small is None or others is None:
        return None
    gap = difference(others, small)
    if gap.low <= 0 or gap.value <= LOST or small.of < WORTHWHILE * (small.of + others.of):
        return None
    remedy = {"size": _larger(evidence.size)}
    return Verdict(
        kind="small objects missed",
        short=f"only {percent(small.value)} of the objects below {SMALL} pixels are found",
        text=f"Small objects missed: of the {counted(small.of, 'object')} that are smaller than {SMALL} x {SMALL} "
        f"pixels once images have {evidence.size} pixels a side, only {small} are found, against "
        f"{percent(others.value)} of the larger ones.",
        advice=f"To train on larger images, which takes more time:{_again(remedy)}",
        remedy=remedy,
    )


CHECKS: tuple[Callable[[DetectionEvidence], Verdict | None], ...] = (
    leak, underfitting, small_missed, class_failing, overfitting, too_few,
)  # fmt: skip
"""First what makes the other figures worthless, then what keeps a detector from learning, then what limits it."""


def _no_problem(evidence: DetectionEvidence) -> Verdict:
    figures = _both(evidence)
    return Verdict(
        kind="no problem found", short="no problem found", text=f"Looks good: no problem found. {figures[0].upper()}"
        f"{figures[1:]}.",
    )  # fmt: skip


def _both(evidence: DetectionEvidence) -> str:
    """The two figures that every verdict is read beside."""
    train = "-" if evidence.train.map50 is None else percent(evidence.train.map50.value)
    return f"training mAP50 {train}, validation mAP50 {evidence.validation.map50 or '-'}"


def _again(remedy: Mapping[str, float]) -> str:
    return command(" ".join([_ASK_AGAIN, *(f"--{name} {value:g}" for name, value in remedy.items())]))


def _longer(evidence: DetectionEvidence) -> dict[str, float]:
    return {"minutes": 2 * evidence.minutes if evidence.minutes else 10}


def _larger(size: int) -> int:
    """About one and a half times the size, a multiple of 32."""
    return round(1.5 * size / 32) * 32
