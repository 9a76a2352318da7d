"""Diagnosis: all problems that the figures of a training show, the most important first."""

from collections.abc import Callable

from eyebright.trust.evidence import Evidence
from eyebright.trust.image_checks import class_failing, leak, noisy_labels, shortcut, too_few
from eyebright.trust.learning_checks import overfitting, rate_too_high, rate_too_low, too_short, underfitting
from eyebright.trust.verdict import Verdict, both

CHECKS: tuple[Callable[[Evidence], Verdict | None], ...] = (
    leak, shortcut, rate_too_high, rate_too_low, noisy_labels, too_short, underfitting, overfitting, too_few,
    class_failing,
)  # fmt: skip
"""First what makes the other figures worthless, then what keeps a network from learning, then what limits it."""


def diagnose(evidence: Evidence) -> tuple[Verdict, ...]:
    """All problems that the evidence shows, the most important first; "no problem found" alone if it shows none."""
    found = tuple(verdict for check in CHECKS if (verdict := check(evidence)))
    return found or (_no_problem(evidence),)


def _no_problem(evidence: Evidence) -> Verdict:
    return Verdict(
        kind="no problem found",
        short="no problem found",
        text=f"Looks good: no problem found. {both(evidence.accuracies).capitalize()}.",
    )
