"""A verdict: one thing that the figures of a training say, in words, with what to try next."""

from typing import Any, Literal

from eyebright.codec import Record
from eyebright.evaluation.evidence import Answers

Kind = Literal[
    "leak suspected", "learning rate too high", "learning rate too low", "noisy labels", "underfitting", "overfitting",
    "too few pictures", "class failing", "sound",
]  # fmt: skip


class Verdict(Record, frozen=True, kw_only=True):
    """One thing that the figures say.

    Args:
        kind: What it is.
        short: The same with its most telling figure, in a few words.
        text: One to three sentences with the figures and intervals that they rest on.
        advice: What to try next, with the command; empty where nothing is wrong.
        remedy: The settings by which `heal` tries the advice, by name; also "dropout", which belongs to the network.
            Empty where settings do not help.
    """

    kind: Kind
    short: str
    text: str
    advice: str = ""
    remedy: dict[str, Any] = {}  # noqa: RUF012 - msgspec copies it


def both(answers: Answers) -> str:
    """The two accuracies that every verdict is read beside."""
    return f"training accuracy {answers.train.value:.1%}, validation accuracy {answers.validation}"


def way(answers: Answers, share: float) -> float:
    """The accuracy that lies so far on the way from chance to perfection."""
    chance = 1 / answers.num_classes
    return chance + share * (1 - chance)
