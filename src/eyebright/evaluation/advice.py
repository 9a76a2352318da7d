"""What to try next, as a command to type and as settings to change."""

from typing import Any

from eyebright.evaluation.evidence import Course

_COLUMNS = 78
_MILD = {"rotation": 0.1, "zoom": 0.1, "shift": 0.1}  # not mirrored: a digit or a letter would become another
_STRONG = {"cutmix": 1.0}  # Yun et al. 2019, "CutMix", section 4.1: alpha 1, and longer training
_MINUTES = 5  # in which a published network is tuned
_MOST_DROPOUT = 0.5  # Srivastava et al. 2014, "Dropout", section 9: close to optimal for hidden layers


def command(text: str) -> str:
    """A command on lines of its own; PICTURES and NEW stand for the user's places."""
    line = f"\n  eyebright {text}"
    head, option, value = line.rpartition(" --")
    return line if len(line) <= _COLUMNS or not option else f"{head} \\\n    --{value}"


def longer(course: Course) -> tuple[str, dict[str, Any]]:
    """Options of `train`, and settings, by which more is learned: twice the time, or some where only a head was."""
    if course.minutes:
        return f"--minutes {2 * course.minutes:g}", {"minutes": 2 * course.minutes}
    if not course.epochs:
        return f"--minutes {_MINUTES}", {}
    return f"--epochs {2 * course.epochs}", {"epochs": 2 * course.epochs}


def less_overfitting(course: Course) -> tuple[str, dict[str, Any]]:
    """Options of `train`, and settings: augmentation where there is none, else stronger; and more dropout.

    With both in use already, a network that has seen other pictures is what is left, and no settings. A head alone is
    not augmented: there the whole network must learn.
    """
    if not (course.epochs or course.minutes):
        return longer(course)
    on = {name: strength for name, strength in course.augmentation.items() if strength}
    if "cutmix" in on:
        return f"--minutes {_MINUTES}", {}
    more: dict[str, Any] = dict(_STRONG if on else _MILD)
    dropout = min(max(2 * course.dropout, 0.2), _MOST_DROPOUT)
    named = ",".join(name if strength is True else f"{name}={strength:g}" for name, strength in (on | more).items())
    option, time = longer(course) if on else ("", {})
    return f"{option} --augment {named}".lstrip(), more | time | {"dropout": max(dropout, course.dropout)}
