"""Judgements on what a network learned from: leaks, wrong labels, too few pictures, one class that fails.

Each claims nothing that its intervals do not support. Thresholds stand above, with their reasons.
"""

from eyebright.evaluation.advice import command, repeat
from eyebright.evaluation.evidence import Evidence
from eyebright.evaluation.learning import overfitting
from eyebright.evaluation.shares import counted, difference
from eyebright.evaluation.verdict import Verdict, both, way

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
