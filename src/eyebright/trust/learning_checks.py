"""Checks on how a network learned: its learning rate, the length of its training, and what it fits."""

import math

from eyebright.system.text import counted, percent
from eyebright.trust.advice import AUDIT, FINE_TUNE, another_network, command, less_overfitting, longer, train_again
from eyebright.trust.evidence import FEW_EPOCHS, Evidence
from eyebright.trust.intervals import Difference, Share, difference
from eyebright.trust.verdict import Verdict, above_chance, both

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
    if not (blown_up or stuck) or accuracies.train.high >= above_chance(accuracies, KNOWN):
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
    if not short or accuracies.train.high >= above_chance(accuracies, KNOWN):
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


LEARNED_MOST = 0.90  # of the way from chance to 100%: a training set that is learned so far leaves little to gain


def too_short(evidence: Evidence) -> Verdict | None:
    """The training ended after its first epochs, or while both losses fell: nothing else can be said about it yet."""
    accuracies, training = evidence.accuracies, evidence.training
    if training.settled or rate_too_high(evidence) or rate_too_low(evidence):
        return None
    if accuracies.train.high >= above_chance(accuracies, LEARNED_MOST) and _gap(evidence)[0].value <= GAP:
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
        text=f"Training too short: {text}. {both(accuracies).capitalize()}.",
        advice="To train longer:" + train_again(training, remedy),
        remedy=remedy,
    )


def underfitting(evidence: Evidence) -> Verdict | None:
    """The network does not fit even its training images; neither the learning rate nor a short training is why."""
    accuracies, training = evidence.accuracies, evidence.training
    if accuracies.train.high >= above_chance(accuracies, KNOWN):
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
        text=f"Underfitting: the network does not fit even its training images: {both(accuracies)}.",
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
        figures, saved_weights = last, f" With the saved weights: {both(accuracies)}."
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
