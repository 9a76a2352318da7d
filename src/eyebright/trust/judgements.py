"""Judgements on how a network learned: its rate, too little, too much.

Each claims nothing that its intervals do not support. Thresholds stand above, with their reasons.

Judgements on what a network learned from: leaks, wrong labels, too few pictures, one class that fails.

Each claims nothing that its intervals do not support. Thresholds stand above, with their reasons.

All that the evidence of a training shows, most important first.
"""

import math
from collections.abc import Callable

from eyebright.trust.evidence import Evidence
from eyebright.trust.intervals import Difference, Share, counted, difference
from eyebright.trust.verdict import Kind, Verdict, both, command, less_overfitting, longer, repeat, way

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


LEARNED = 0.15  # of that way on new pictures: below, nothing follows from mistakes, for there is little but those
FAILING = 0.25  # between a class's recall and that of the others: it is not merely the hardest of them
OTHERS = 0.30  # of the way from chance to perfection: what the other classes reach, or none is the exception
VAGUE = 0.20  # width of the interval of the accuracy: with more, one cannot tell a good model from a middling one
FEW = 100  # training pictures of a class: with more, a gap has better remedies than yet more pictures
LEAKING = 0.01  # of validation and test; CIFAR-10 has 3 % of them (Barz and Denzler 2020, "Do we train on test data?")
SURELY_WRONG = 0.02  # of the training pictures that a network is surest of: of sound sets it knows these, 0 to 1 %
TELLS = 0.70  # discrimination: with sound labels 0.74 to 0.85 was measured on real sets, with 30 % wrong 0.62 to 0.68


def leak(evidence: Evidence) -> Verdict | None:
    """The like of later pictures is learned from: no other figure can be believed before that is mended."""
    found = evidence.leak
    if found is None or found.alike < LEAKING * found.of:
        return None
    share = f"{found.alike:,} of the {found.of:,} validation and test pictures"
    without = f" Without them validation accuracy is {found.apart}." if found.apart.of else ""
    return Verdict(
        kind="leak suspected",
        short=f"{share} have their like in training",
        text=f"Leak suspected: {share} show the same as pictures that are learned from, and flatter.{without}",
        advice="To see them, and to leave copies out:"
        + command("audit PICTURES -o audit.json --page audit.html")
        + repeat(evidence.course, "--exclude audit.json", anew=True),
    )


def noisy_labels(evidence: Evidence) -> Verdict | None:
    """What has been learned contradicts labels, also where it is surest: there a sound set has next to no mistakes.

    How many labels an audit doubts does not decide. On features of 1,500 flowers its rule (`audit/doubts.py`) doubts at
    most 0.8 % of sound labels, but only 0.3 % where 30 % are swapped, since nothing is sure any more; the bare
    thresholds of confident learning doubt 10 % of sound ones.
    """
    answers = evidence.answers
    area, low, high = answers.discrimination
    wrong = counted(answers.surest.of - answers.surest.right, answers.surest.of)
    learned = answers.validation.low > way(answers, LEARNED)
    if not learned or 1 - answers.surest.high <= SURELY_WRONG or high >= TELLS:
        return None
    surest = "of the training pictures that the network is surest of"
    return Verdict(
        kind="noisy labels",
        short=f"{surest}, {wrong.value:.0%} are labelled otherwise",
        text=f"Noisy labels: {surest}, {wrong} are labelled otherwise, and of a right and a wrong answer on validation "
        f"it is surer of the right one in only {area:.0%} of cases (95 % interval {low:.0%} to {high:.0%}), where half "
        "would be chance.",
        advice="To look at suspicious pictures:" + command("audit PICTURES -o audit.json --page audit.html"),
    )


def too_few(evidence: Evidence) -> Verdict | None:
    """The validation pictures do not tell how good it is; or there are too few to learn from, and that shows."""
    validation, course = evidence.answers.validation, evidence.course
    each = course.pictures / evidence.answers.num_classes
    vague, memorised = validation.high - validation.low > VAGUE, each < FEW and overfitting(evidence)
    if not (vague or memorised):
        return None
    said = []
    if memorised:
        said.append(
            f"from {each:.0f} training pictures a class it learned less of what new ones share with them than of "
            f"these alone ({both(evidence.answers)})"
        )
    if vague:
        grouped = f" in {validation.groups:,} groups" if 0 < validation.groups < validation.of else ""
        said.append(
            f"{validation.of:,} validation pictures{grouped} leave the accuracy open from {validation.low:.0%} to "
            f"{validation.high:.0%}"
        )
    return Verdict(
        kind="too few pictures", short=said[-1], text=f"Too few pictures: {'; '.join(said)}.",
        advice="Collect more, or start from a network that has seen others:"
        + command("train PICTURES -o NEW --minutes 5"),
    )  # fmt: skip


def class_failing(evidence: Evidence) -> Verdict | None:
    """One class is told far worse than the others; the worst is named in full, others by name."""
    failing = sorted(
        (one for one in evidence.answers.classes
         if (gap := difference(one.others, one.recall)).low > 0 and gap.value > FAILING
         and one.others.low > way(evidence.answers, OTHERS)),
        key=lambda one: one.recall.value,
    )  # fmt: skip
    if not failing:
        return None
    worst, more = failing[0], ", ".join(one.name for one in failing[1:4])
    mixed = f" It is taken for {worst.taken_for} {worst.taken:,} times." if worst.taken_for else ""
    return Verdict(
        kind="class failing",
        short=f"only {worst.recall.value:.1%} of {worst.name} are told",
        text=f"One class is failing: of {worst.name} only {worst.recall} are told, of the other classes "
        f"{worst.others.value:.1%}.{mixed}" + (f" Failing too: {more}." if more else ""),
        advice=f"Look at what the pictures of {worst.name} have in common with the others, and add more of it:"
        + command("audit PICTURES -o audit.json --page audit.html"),
    )


JUDGEMENTS: tuple[Callable[[Evidence], Verdict | None], ...] = (
    leak, rate_too_high, rate_too_low, noisy_labels, underfitting, overfitting, too_few, class_failing,
)  # fmt: skip
"""First what makes the other figures worthless, then what keeps a network from learning, then what limits it."""


def judge(evidence: Evidence) -> tuple[Verdict, ...]:
    """All that the evidence shows, most important first; "sound" alone where it shows nothing wrong."""
    found = tuple(verdict for judgement in JUDGEMENTS if (verdict := judgement(evidence)))
    return found or (_sound(evidence),)


def _sound(evidence: Evidence) -> Verdict:
    figures = both(evidence.answers)
    return Verdict(
        kind="sound", short="nothing speaks against it", text=f"Sound: nothing speaks against it: {figures}."
    )
