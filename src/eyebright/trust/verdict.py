"""Verdicts: what the figures of a training show, in words, with what to try next.

Each check below looks for one problem and claims nothing that its 95% intervals do not support. Every threshold stands
with its reason. `diagnose` runs all checks, the most important first.
"""

import math
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import msgspec

from eyebright.system.records import Record
from eyebright.system.text import counted, interval, percent
from eyebright.trust.advice import AUDIT, FINE_TUNE, another_network, command, less_overfitting, longer, train_again
from eyebright.trust.evidence import FEW_EPOCHS, Accuracies, Evidence
from eyebright.trust.intervals import Difference, Share, difference

Kind: TypeAlias = Literal[
    "leak suspected", "learning rate too high", "learning rate too low", "noisy labels", "training too short",
    "underfitting", "overfitting", "too few images", "class failing", "no problem found",
]  # fmt: skip
_OldKind: TypeAlias = Literal["too few pictures", "sound"]  # in events.jsonl of older runs
_RENAMED = {"too few pictures": "too few images", "sound": "no problem found"}


class Verdict(Record, frozen=True, kw_only=True):
    """One thing that the figures of a training show.

    Args:
        kind: The problem, or "no problem found".
        short: The most important figure behind it, in a few words.
        text: One to three sentences with the figures and intervals behind it.
        advice: What to try next, with the command; empty if there is no problem.
        remedy: Options by which `heal` does what the command of the advice does, by name. Empty if the images must
            change.
    """

    kind: Kind | _OldKind
    short: str
    text: str
    advice: str = ""
    remedy: dict[str, Any] = {}  # noqa: RUF012 - msgspec copies it

    def __post_init__(self) -> None:
        if self.kind in _RENAMED:
            msgspec.structs.force_setattr(self, "kind", _RENAMED[self.kind])


def diagnose(evidence: Evidence) -> tuple[Verdict, ...]:
    """All problems that the evidence shows, the most important first; "no problem found" alone if it shows none."""
    found = tuple(verdict for check in CHECKS if (verdict := check(evidence)))
    return found or (_no_problem(evidence),)


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


KNOWN = 0.60  # of the way from chance to 100%: below, a network does not fit even its training images
BLOWN_UP = 1.5  # times the first loss, or the loss of guessing: ordinary steps never lead back so far
FAST, SLOW = 0.03, 5e-4  # learning rates: AdamW's usual ones are 1e-3 to 3e-3; see docs/training.md
TRAVEL = 0.05  # about the size of an initial weight (He et al. 2015): weights that cannot move so far are still random


def rate_too_high(evidence: Evidence) -> Verdict | None:
    """The loss blew up, or nothing was learned at an unusually high learning rate.

    In the first epochs it may rise at an ordinary learning rate too, so there only an unusually high one is to blame.
    """
    training, accuracies = evidence.training, evidence.accuracies
    guessing, first = math.log(accuracies.num_classes), training.first_loss
    losses = training.running_loss
    worst = max(losses if first else losses[1:], default=0.0)  # the first epoch may only have started so
    usual = SLOW if len(losses) > FEW_EPOCHS else FAST
    blown_up = worst > BLOWN_UP * max(guessing, first) and training.peak > usual
    at_chance = accuracies.train.low <= 1 / accuracies.num_classes
    stuck = at_chance and training.peak >= FAST and training.settled and bool(losses)
    if not (blown_up or stuck) or accuracies.train.high >= _above_chance(accuracies, KNOWN):
        return None
    remedy = {"learning_rate": min(training.peak / 10, 2e-3)}
    reason = f"the training loss {f'rose to {worst:.2f}' if blown_up else f'stayed at {losses[-1]:.2f}'}"
    return Verdict(
        kind="learning rate too high",
        short=f"at a learning rate of {training.peak:g}, {reason}",
        text=f"Learning rate too high: at a learning rate of {training.peak:g}, {reason}; random guessing has "
        f"{guessing:.2f}. Training accuracy is {accuracies.train}.",
        advice="To train with a lower learning rate:" + train_again(training, remedy),
        remedy=remedy,
    )


def rate_too_low(evidence: Evidence) -> Verdict | None:
    """All steps together were so small that the weights are still about what they were initialised with.

    That follows from the settings alone, whether the training has settled or not.
    """
    training, accuracies = evidence.training, evidence.accuracies
    short = training.adaptive and 0 < training.most_travel < TRAVEL and training.peak < SLOW
    if not short or accuracies.train.high >= _above_chance(accuracies, KNOWN):
        return None
    remedy = {"learning_rate": max(10 * training.peak, 2e-3)}
    reason = f"at a learning rate of {training.peak:g}, no weight could move by more than {training.most_travel:.2g}"
    return Verdict(
        kind="learning rate too low",
        short=reason,
        text=f"Learning rate too low: {reason} in the whole training. Training accuracy is {accuracies.train}.",
        advice="To train with a higher learning rate:" + train_again(training, remedy),
        remedy=remedy,
    )


LEARNED = 0.15  # of the way from chance to 100% on validation: below, most predictions are wrong, whatever the labels
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
    wrong = Share.from_counts(best.of - best.right, best.of)
    learned = accuracies.validation.low > _above_chance(accuracies, LEARNED)
    if not learned or not evidence.training.settled or 1 - best.high <= SURELY_WRONG or high >= SEPARATES:
        return None
    return Verdict(
        kind="noisy labels",
        short=f"{percent(wrong.value)} of the most confident predictions contradict the label",
        text=f"Noisy labels: of the most confident predictions on training images, {wrong} contradict the label. "
        f"On validation images, a correct prediction is more confident than a wrong one in only {percent(area)} of all "
        f"pairs ({interval(low, high)}); chance is 50%.",
        advice="To see the images whose labels are probably wrong:" + command(AUDIT),
    )


LEARNED_MOST = 0.90  # of the way from chance to 100%: a training set that is learned so far leaves little to gain


def too_short(evidence: Evidence) -> Verdict | None:
    """The training ended after its first epochs, or while both losses fell: nothing else can be said about it yet."""
    accuracies, training = evidence.accuracies, evidence.training
    if training.settled or rate_too_high(evidence) or rate_too_low(evidence):
        return None
    if accuracies.train.high >= _above_chance(accuracies, LEARNED_MOST) and _gap(evidence)[0].value <= GAP:
        return None
    losses = training.validation_loss
    short = text = f"after {counted(len(losses), 'epoch')} it is too early to say more"
    if training.still_falling:
        falling = f"still falling in the last of {len(losses)} epochs"
        short = f"the validation loss was {falling}"
        text = f"training and validation loss were {falling}, the latter to {losses[-1]:.2f}"
    remedy = longer(training)
    return Verdict(
        kind="training too short",
        short=short,
        text=f"Training too short: {text}. {_both(accuracies).capitalize()}.",
        advice="To train longer:" + train_again(training, remedy),
        remedy=remedy,
    )


def underfitting(evidence: Evidence) -> Verdict | None:
    """The network does not fit even its training images; neither the learning rate nor a short training is why."""
    accuracies, training = evidence.accuracies, evidence.training
    if accuracies.train.high >= _above_chance(accuracies, KNOWN):
        return None
    if not training.settled or rate_too_high(evidence) or rate_too_low(evidence):
        return None
    remedy = another_network(training)
    aim = "To fine-tune a pretrained network:"
    if remedy is not FINE_TUNE:
        aim = "To train the whole network:" if training.head_only else "To train longer:"
    return Verdict(
        kind="underfitting",
        short=f"training accuracy is only {percent(accuracies.train.value)}",
        text=f"Underfitting: the network does not fit even its training images: {_both(accuracies)}.",
        advice=aim + train_again(training, remedy),
        remedy=remedy,
    )


GAP = 0.10  # between training and validation accuracy: there is little to gain from closing a smaller one


def overfitting(evidence: Evidence) -> Verdict | None:
    """Training accuracy is far above validation accuracy, with the saved weights or in the last epoch.

    Before a training has settled, the gap is that of a training that is too short.
    """
    accuracies = evidence.accuracies
    train, validation = percent(accuracies.train.value), percent(accuracies.validation.value)
    figures, saved_weights = f"training accuracy {train}, validation accuracy {validation}", ""
    gap, last = _gap(evidence)
    if gap.low <= 0 or gap.value <= GAP or not evidence.training.settled:
        return None
    if last:
        figures, saved_weights = last, f" With the saved weights: {_both(accuracies)}."
    remedy = less_overfitting(evidence.training)
    advice = "To reduce the gap, add images or try:" + train_again(evidence.training, remedy)
    return Verdict(
        kind="overfitting",
        short=f"a gap of {gap} between training and validation accuracy",
        text=f"Overfitting: {figures}: a gap of {gap}.{saved_weights}{_rising(evidence.training.validation_loss)}",
        advice=advice if remedy else "Only more images reduce the gap. To see which are worth little:" + command(AUDIT),
        remedy=remedy,
    )


def _gap(evidence: Evidence) -> tuple[Difference, str]:
    """The gap between training and validation accuracy; the one in the last epoch, with its figures, if larger."""
    saved = difference(evidence.accuracies.train, evidence.accuracies.validation)
    return max((saved, ""), _last_gap(evidence), key=lambda found: found[0].value)


def _last_gap(evidence: Evidence) -> tuple[Difference, str]:
    """The gap in the last epoch, and its figures."""
    training, saved = evidence.training, evidence.accuracies.validation
    if not training.accuracy:
        return Difference(value=-1.0, low=-1.0, high=-1.0), ""
    sample = training.sample or training.images
    train, now = Share.from_counts(round(training.accuracy[-1] * sample), sample), training.validation_accuracy[-1]
    moved = Share(
        right=round(now * saved.of),
        of=saved.of,
        low=max(now - saved.value + saved.low, 0.0),
        high=min(now - saved.value + saved.high, 1.0),
    )
    figures = f"in the last epoch training accuracy {percent(train.value)}, validation accuracy {percent(now)}"
    return difference(train, moved), figures


def _rising(losses: tuple[float, ...]) -> str:
    lowest = min(range(len(losses)), key=lambda index: losses[index], default=0)
    risen = bool(losses) and losses[-1] > 1.1 * losses[lowest]
    return f" Validation loss was lowest after epoch {lowest + 1} and has risen since." if risen else ""


VAGUE = 0.10  # width of the interval of an accuracy: with a wider one, an error of 2% cannot be told from one of 10%
FEW = 100  # training images per class: with more, other remedies against overfitting help more than more images
MORE = {"validation": 0.25, "test": 0.25}  # shares of the images
WORTHWHILE = 1.3  # times as many images: the interval is narrower by an eighth


def too_few(evidence: Evidence) -> Verdict | None:
    """There are too few training images, which shows as overfitting, or too few others to measure with."""
    accuracies, training = evidence.accuracies, evidence.training
    each = training.images / accuracies.num_classes
    reasons = []
    if few := each < FEW and overfitting(evidence):
        reasons.append(f"with {each:.0f} training images per class the network overfits: {_both(accuracies)}")
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
        if gap.low > 0 and gap.value > FAILING and one.others.low > _above_chance(accuracies, OTHERS):
            failing.append(one)
    if not failing:
        return None
    worst, *rest = sorted(failing, key=lambda one: one.recall.value)
    mistake = f" Most common mistake: {worst.confused_with} ({worst.confused:,} times)." if worst.confused_with else ""
    more = f" Also failing: {', '.join(one.name for one in rest[:3])}." if rest else ""
    return Verdict(
        kind="class failing",
        short=f"only {percent(worst.recall.value)} of the {worst.name} images are predicted correctly",
        text=f"Class failing: only {worst.recall} of the {worst.name} images are predicted correctly, against "
        f"{percent(worst.others.value)} of the other images.{mistake}{more}",
        advice=f"Check the labels of {worst.name} and add images of it. To see suspicious images:" + command(AUDIT),
    )


CHECKS: tuple[Callable[[Evidence], Verdict | None], ...] = (
    leak, rate_too_high, rate_too_low, noisy_labels, too_short, underfitting, overfitting, too_few, class_failing,
)  # fmt: skip
"""First what makes the other figures worthless, then what keeps a network from learning, then what limits it."""


def _no_problem(evidence: Evidence) -> Verdict:
    return Verdict(
        kind="no problem found",
        short="no problem found",
        text=f"Looks good: no problem found. {_both(evidence.accuracies).capitalize()}.",
    )


def _both(accuracies: Accuracies) -> str:
    """The two accuracies that every verdict is read beside."""
    return f"training accuracy {percent(accuracies.train.value)}, validation accuracy {accuracies.validation}"


def _above_chance(accuracies: Accuracies, share: float) -> float:
    """The accuracy that lies this share of the way from chance to 100%."""
    chance = 1 / accuracies.num_classes
    return chance + share * (1 - chance)
