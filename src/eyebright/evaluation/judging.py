"""All that the evidence of a training shows, most important first."""

from collections.abc import Callable

from eyebright.evaluation.evidence import Evidence
from eyebright.evaluation.learning import overfitting, rate_too_high, rate_too_low, underfitting
from eyebright.evaluation.material import class_failing, leak, noisy_labels, too_few
from eyebright.evaluation.verdict import Verdict, both

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
