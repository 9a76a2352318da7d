"""Checks on the images: leaks, shortcuts, wrong labels, too few images, and classes that fail."""

import math

from eyebright.system.text import counted, interval, percent
from eyebright.trust.advice import AUDIT, EXPLAIN, another_network, command, train_again
from eyebright.trust.evidence import Accuracies, Evidence
from eyebright.trust.intervals import Share, difference
from eyebright.trust.learning_checks import overfitting, too_short
from eyebright.trust.verdict import Verdict, above_chance, both

LEAKING = 0.01  # of validation and test; CIFAR-10 has 3% of them (Barz and Denzler 2020, "Do we train on test data?")


def leak(evidence: Evidence) -> Verdict | None:
    """Validation or test images are (nearly) in the training set: fix that first."""
    found = evidence.leak
    if found is None or found.leaking < LEAKING * found.of:
        return None
    count = f"{found.leaking:,} of the {found.of:,} validation and test images"
    without = f" Without them, validation accuracy is {found.without}." if found.without.of else ""
    return Verdict(
        kind="leak suspected",
        short=f"{count} have a near-duplicate in the training set",
        text=f"Leak suspected: {count} have a duplicate, a near-duplicate or an image of their group in the training "
        f"set. The accuracy on them is too high.{without}",
        advice="To see the duplicates and to train without them:"
        + command(AUDIT)
        + train_again(evidence.training, {"exclude": "audit.json"}, from_scratch=True),
    )


LEARNED = 0.15  # of the way from chance to 100% on validation: below, most predictions are wrong, whatever the labels


def learned(accuracies: Accuracies) -> bool:
    """Whether a network has surely learned more than which class is the most common one."""
    common = max((one.recall.of for one in accuracies.classes), default=0) / max(accuracies.validation.of, 1)
    chance = max(1 / accuracies.num_classes, common)
    return accuracies.validation.low > chance + LEARNED * (1 - chance)


# Of images of other classes that a region turns into its class: the value, and the lower end of its interval.
SHORTCUT, SURELY_SHORTCUT = 0.75, 0.25  # benchmarks/README.md has those of sound trainings
LOST = 0.25  # of images of the class that are not recognised without it


def shortcut(evidence: Evidence) -> Verdict | None:
    """The border of the images of a class decides, whatever they show; the smallest place is named."""
    found = [
        one
        for one in evidence.shortcuts
        if one.changed.value >= SHORTCUT and one.changed.low > SURELY_SHORTCUT and one.lost.value >= LOST
    ]
    if not found or not learned(evidence.accuracies):
        return None
    worst = min(found, key=lambda one: (one.area, -one.changed.value))  # what decides most in the smallest area
    others = sorted({one.label for one in found} - {worst.label})
    more = f" The same holds for {', '.join(others)}." if others else ""
    return Verdict(
        kind="shortcut suspected",
        short=f"the {worst.region} of {worst.label} images decides",
        text=f"Shortcut suspected: with the {worst.region} of {worst.label} images pasted in, {worst.changed} of the "
        f"images of other classes are predicted as {worst.label}; without it, {percent(worst.lost.value)} of the "
        f"{worst.label} images are not. The network looks at the border or the background there, such as a watermark: "
        f"on images without it, it will be wrong.{more}",
        advice=f"Crop or cover what only the {worst.label} images have there, or add {worst.label} images without it. "
        "To see what the network looks at:" + command(EXPLAIN),
    )


SURELY_WRONG = 0.02  # of the most confident training predictions: with correct labels 0 to 1% of them are wrong
SEPARATES = 0.70  # discrimination: 0.74 to 0.85 on real data sets with correct labels, 0.62 to 0.68 with 30% wrong ones


def noisy_labels(evidence: Evidence) -> Verdict | None:
    """Even the most confident predictions contradict labels: with correct labels they are almost never wrong.

    How many labels an audit reports does not decide. On features of 1,500 flowers its rule (`data/audit/labels.py`)
    reports at most 0.8% of correct labels, but only 0.3% of all where 30% are swapped, since no prediction is confident
    any more; the plain thresholds of confident learning report 10% of correct labels.
    """
    accuracies = evidence.accuracies
    area, low, high = accuracies.discrimination
    best = accuracies.most_confident
    wrong = Share(right=best.of - best.right, of=best.of, low=1 - best.high, high=1 - best.low, groups=best.groups)
    if not learned(accuracies) or not evidence.training.settled or 1 - best.high <= SURELY_WRONG or high >= SEPARATES:
        return None
    return Verdict(
        kind="noisy labels",
        short=f"{percent(wrong.value)} of the most confident predictions contradict the label",
        text=f"Noisy labels: of the most confident predictions on training images, {wrong} contradict the label. "
        f"On validation images, a correct prediction is more confident than a wrong one in only {percent(area)} of all "
        f"pairs ({interval(low, high)}); chance is 50%.",
        advice="To see the images whose labels are probably wrong:" + command(AUDIT),
    )


VAGUE = 0.10  # width of the interval of an accuracy: with a wider one, an error of 2% may be one of 10%
FEW = 100  # training images per class: with more, other remedies against overfitting help more than more images
MORE = {"validation": 0.25, "test": 0.25}  # shares of the images
WORTHWHILE = 1.3  # times as many images: the interval is narrower by an eighth


def too_few(evidence: Evidence) -> Verdict | None:
    """There are too few training images, which shows as overfitting, or too few others to measure with."""
    accuracies, training = evidence.accuracies, evidence.training
    each = training.images / accuracies.num_classes
    reasons = []
    if few := each < FEW and overfitting(evidence):
        reasons.append(f"with {each:.0f} training images per class the network overfits: {both(accuracies)}")
    uncertain, now, larger = _uncertain(evidence)
    reasons += [uncertain] if uncertain else []
    if not reasons:
        return None
    advice = "Add images: with four times as many validation and test images, the interval is about half as wide."
    if larger >= WORTHWHILE * now:
        advice = "Add images, or measure on a larger share of these:" + train_again(training, MORE, from_scratch=True)
    if few:
        remedy = another_network(training)
        advice = "Add images, or fine-tune a pretrained network:" + train_again(training, remedy)
    return Verdict(
        kind="too few images",
        short=reasons[-1],
        text=f"Too few images: {'; '.join(reasons)}.",
        advice=advice,
        remedy=remedy if few else {},
    )


def _uncertain(evidence: Evidence) -> tuple[str, int, int]:
    """Why the accuracy is uncertain: too few validation images, or so few test images that theirs will be; else "".

    Also how many images that set has, and would have with larger shares.
    """
    validation = evidence.accuracies.validation
    width = validation.high - validation.low
    if width > VAGUE:
        grouped = f" in {validation.groups:,} groups" if 0 < validation.groups < validation.of else ""
        bounds = f"{percent(validation.low)} to {percent(validation.high)}"
        text = f"with {validation.of:,} validation images{grouped} the accuracy is uncertain: {bounds}"
        return text, validation.of, evidence.larger[0]
    expected = width * math.sqrt(validation.of / evidence.test) if evidence.test else 0.0
    if expected > VAGUE:
        points = f"{100 * expected:.0f} percentage points"
        text = f"with {evidence.test:,} test images the 95% interval of the accuracy is about {points} wide"
        return text, evidence.test, evidence.larger[1]
    return "", 0, 0


FAILING = 0.25  # between a class's recall and that of the others: more than being the hardest class
OTHERS = 0.30  # of the way from chance to 100%: what the other classes reach; if they do not, no class is an exception


def class_failing(evidence: Evidence) -> Verdict | None:
    """One class is predicted far worse than the others; the worst is reported in full, the next three by name."""
    accuracies = evidence.accuracies
    failing = []
    for one in () if too_short(evidence) else accuracies.classes:
        gap = difference(one.others, one.recall)
        if gap.low > 0 and gap.value > FAILING and one.others.low > above_chance(accuracies, OTHERS):
            failing.append(one)
    if not failing:
        return None
    worst, *rest = sorted(failing, key=lambda one: one.recall.value)
    mistake = (
        f" Most common mistake: {worst.confused_with} ({counted(worst.confused, 'time')})."
        if worst.confused_with
        else ""
    )
    more = f" Also failing: {', '.join(one.name for one in rest[:3])}." if rest else ""
    return Verdict(
        kind="class failing",
        short=f"only {percent(worst.recall.value)} of the {worst.name} images are predicted correctly",
        text=f"Class failing: only {worst.recall} of the {worst.name} images are predicted correctly, against "
        f"{percent(worst.others.value)} of the other images.{mistake}{more}",
        advice=f"Check the labels of {worst.name} and add images of it. To see suspicious images:" + command(AUDIT),
    )
