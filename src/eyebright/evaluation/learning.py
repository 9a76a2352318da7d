"""Judgements on how a network learned: its rate, too little, too much.

Each claims nothing that its intervals do not support. Thresholds stand above, with their reasons.
"""

import math

from eyebright.evaluation.advice import command, less_overfitting, longer, repeat
from eyebright.evaluation.evidence import Evidence
from eyebright.evaluation.shares import Difference, Share, counted, difference
from eyebright.evaluation.verdict import Kind, Verdict, both, way

KNOWN = 0.60  # of the way from chance to perfection: below, a network does not know even what it learned from
GAP = 0.10  # between training and validation accuracy: with less there is little to be gained by narrowing it
BLOWN_UP = 1.5  # times the first loss, or that of one who knows nothing: ordinary steps never lead so far back
FAST, SLOW = 0.03, 5e-4  # learning rates: AdamW's usual ones are 1e-3 to 3e-3; see docs/training.md
TRAVEL = 0.05  # about a first weight's size (He et al. 2015): the weights that could not move so far are still random


def rate_too_high(evidence: Evidence) -> Verdict | None:
    """The loss blew up, or nothing at all was learned at a rate out of the ordinary."""
    course, train = evidence.course, evidence.answers.train
    nothing, began = math.log(evidence.answers.num_classes), course.first_loss
    worst = max(course.loss if began else course.loss[1:], default=0.0)  # the first epoch may only have begun so high
    blown_up = worst > BLOWN_UP * max(nothing, began) and course.peak > SLOW
    stuck = bool(course.loss) and course.peak >= FAST and train.low <= 1 / evidence.answers.num_classes
    if not (blown_up or stuck) or train.high >= way(evidence.answers, KNOWN):
        return None
    why = f"the training loss {f'went up to {worst:.2f}' if blown_up else f'stayed at {course.loss[-1]:.2f}'}"
    nothing_known = f", where knowing nothing costs {nothing:.2f}"
    rate = min(course.peak / 10, 2e-3)
    return _wrong_rate(evidence, "learning rate too high", why, nothing_known, take="smaller", rate=rate)


def rate_too_low(evidence: Evidence) -> Verdict | None:
    """The steps were so small, all together, that the weights are still about what they were drawn as."""
    course, train = evidence.course, evidence.answers.train
    short_way = course.adaptive and 0 < course.travel < TRAVEL and course.peak < SLOW
    if not short_way or train.high >= way(evidence.answers, KNOWN):
        return None
    why = f"no weight could move by more than {course.travel:.2g}"
    rate = max(10 * course.peak, 2e-3)
    return _wrong_rate(evidence, "learning rate too low", why, " in all steps together", take="larger", rate=rate)


def _wrong_rate(evidence: Evidence, kind: Kind, why: str, further: str, *, take: str, rate: float) -> Verdict:
    """The verdict on a rate; `further` stands only in its long form."""
    told, train = f"at {evidence.course.peak:g} {why}", evidence.answers.train
    return Verdict(
        kind=kind,
        short=told,
        text=f"{kind.capitalize()}: {told}{further}. Of the training pictures {train} are told.",
        advice=f"To take {take} steps:" + repeat(evidence.course, f"--learning-rate {rate:g}"),
        remedy={"learning_rate": rate},
    )


def underfitting(evidence: Evidence) -> Verdict | None:
    """Not even the training pictures are known; unless the learning rate tells why."""
    train, losses = evidence.answers.train, evidence.course.validation_loss
    if train.high >= way(evidence.answers, KNOWN) or rate_too_high(evidence) or rate_too_low(evidence):
        return None
    falling = len(losses) >= 3 and losses[-1] < 0.98 * losses[-3]
    (option, remedy), course = longer(evidence.course), evidence.course
    falling |= not (course.epochs or course.minutes)
    time = f"--minutes {course.minutes:g}" if course.minutes else f"--epochs {course.epochs}"
    return Verdict(
        kind="underfitting",
        short=f"of the training pictures only {train.value:.1%} are told",
        text=f"Underfitting: the network does not even know its training pictures: {both(evidence.answers)}.",
        advice="To let more of it learn, and for longer:" + repeat(course, option) if falling
        else "To learn more, try a larger network:" + command(f"train PICTURES -o NEW --network resnet18 {time}"),
        remedy=remedy if falling else {},
    )  # fmt: skip


def overfitting(evidence: Evidence) -> Verdict | None:
    """Training pictures are known far better than new ones, by the kept weights or by those of the last epoch."""
    kept = difference(evidence.answers.train, evidence.answers.validation)
    gap, last = max((kept, ""), _last_gap(evidence), key=lambda found: found[0].value)
    if gap.low <= 0 or gap.value <= GAP:
        return None
    better = f"the network knows its training pictures better than new ones, by {gap}"
    figures = f"{last}; of the kept weights {both(evidence.answers)}" if last else both(evidence.answers)
    advised, remedy = less_overfitting(evidence.course)
    return Verdict(
        kind="overfitting",
        short=f"training pictures are known better than new ones by {gap}",
        text=f"Overfitting: {better}: {figures}.{_rising(evidence)}",
        advice="To narrow the gap, collect more pictures, or:" + advised,
        remedy=remedy,
    )


def _last_gap(evidence: Evidence) -> tuple[Difference, str]:
    """The gap in the last epoch; training pictures were harder there, augmented and with dropout, so it is no less."""
    course, kept = evidence.course, evidence.answers.validation
    if not course.accuracy:
        return Difference(value=-1.0, low=-1.0, high=-1.0), ""
    now = course.validation_accuracy[-1]
    seen = course.seen[-1] if course.seen else course.pictures
    train = counted(round(course.accuracy[-1] * seen), seen)
    moved = Share(right=round(now * kept.of), of=kept.of, low=max(now - kept.value + kept.low, 0.0),
                  high=min(now - kept.value + kept.high, 1.0))  # fmt: skip
    told = f"in the last epoch training accuracy {train.value:.1%}, validation accuracy {now:.1%}"
    return difference(train, moved), told


def _rising(evidence: Evidence) -> str:
    losses = evidence.course.validation_loss
    lowest = min(range(len(losses)), key=lambda index: losses[index], default=0)
    risen = bool(losses) and losses[-1] > 1.1 * losses[lowest]
    return f" Validation loss was lowest after epoch {lowest + 1} and has risen since." if risen else ""
