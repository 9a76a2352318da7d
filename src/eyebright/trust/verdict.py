"""A verdict: one thing that the figures of a training say, in words, with what to try next.

What to try next, as a command to type and as settings to change.
"""

from typing import Any, Literal

from eyebright.system.records import Record
from eyebright.trust.evidence import Answers, Course

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


_COLUMNS = 78
_MILD = {"rotation": 0.1, "zoom": 0.1, "shift": 0.1}  # not mirrored: a digit or a letter would become another
_STRONG = {"cutmix": 1.0}  # Yun et al. 2019, "CutMix", section 4.1: alpha 1, and longer training
_MINUTES = 5  # in which a published network is tuned
_MOST_DROPOUT = 0.5  # Srivastava et al. 2014, "Dropout", section 9: close to optimal for hidden layers


def command(text: str) -> str:
    """A command on lines of its own; PICTURES, NEW, and RUN for the run that is judged, stand for the user's places."""
    line = f"\n  eyebright {text}"
    head, option, value = line.rpartition(" --")
    return line if len(line) <= _COLUMNS or not option else f"{head} \\\n    --{value}"


def repeat(course: Course, options: str, *, anew: bool = False) -> str:
    """The command that trains again as before, but for these options.

    Args:
        course: How it was trained.
        options: What is to change.
        anew: Whether weights that were found on these pictures must not be started from.
    """
    only_a_head = not (course.epochs or course.minutes)
    if not only_a_head and not (anew and course.found):
        return command(f"train --config RUN/config.toml -o NEW {options}")
    time = f"--minutes {course.minutes:g} " if course.minutes else f"--epochs {course.epochs} " if course.epochs else ""
    return command(f"train PICTURES -o NEW {time}{options}")  # features are kept: a head is found again in seconds


def longer(course: Course) -> tuple[str, dict[str, Any]]:
    """Options of `train`, and settings, by which more is learned: twice the time, or some where only a head was."""
    if course.minutes:
        return f"--minutes {2 * course.minutes:g}", {"minutes": 2 * course.minutes}
    if not course.epochs:
        return f"--minutes {_MINUTES}", {"minutes": _MINUTES}
    return f"--epochs {2 * course.epochs}", {"epochs": 2 * course.epochs}


def less_overfitting(course: Course) -> tuple[str, dict[str, Any]]:
    """A command, and settings: augmentation where there is none, else stronger; and more dropout.

    With both in use already, a network that has seen other pictures is what is left, and no settings. A head alone is
    not augmented: there the whole network must learn.
    """
    if not (course.epochs or course.minutes):
        option, remedy = longer(course)
        return repeat(course, option), remedy
    on = {name: strength for name, strength in course.augmentation.items() if strength}
    if "cutmix" in on:
        return command(f"train PICTURES -o NEW --minutes {_MINUTES}"), {}
    more: dict[str, Any] = dict(_STRONG if on else _MILD)
    dropout = min(max(2 * course.dropout, 0.2), _MOST_DROPOUT)
    named = ",".join(name if strength is True else f"{name}={strength:g}" for name, strength in (on | more).items())
    option, time = longer(course) if on else ("", {})
    advised = repeat(course, f"{option} --augment {named}".lstrip())
    return advised, more | time | {"dropout": max(dropout, course.dropout)}
