"""Verdict: one thing that the figures of a training show, in words, with what to try next.

The checks are in `learning_checks.py` and `image_checks.py`. Each looks for one problem and claims nothing that its 95%
intervals do not support. Every threshold stands with its reason. `diagnosis.py` runs them all.
"""

from typing import Any, Literal, TypeAlias

import msgspec

from eyebright.system.records import Record
from eyebright.system.text import percent
from eyebright.trust.evidence import Accuracies

VerdictKind: TypeAlias = Literal[
    "leak suspected", "shortcut suspected", "learning rate too high", "learning rate too low", "noisy labels",
    "training too short", "underfitting", "overfitting", "too few images", "class failing", "small objects missed",
    "no problem found",
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

    kind: VerdictKind | _OldKind
    short: str
    text: str
    advice: str = ""
    remedy: dict[str, Any] = {}  # noqa: RUF012 - msgspec copies it

    def __post_init__(self) -> None:
        if self.kind in _RENAMED:
            msgspec.structs.force_setattr(self, "kind", _RENAMED[self.kind])


def both(accuracies: Accuracies) -> str:
    """The two accuracies that every verdict is read beside."""
    return f"training accuracy {percent(accuracies.train.value)}, validation accuracy {accuracies.validation}"


def above_chance(accuracies: Accuracies, share: float) -> float:
    """The accuracy that lies this share of the way from chance to 100%."""
    chance = 1 / accuracies.num_classes
    return chance + share * (1 - chance)
