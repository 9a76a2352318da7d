"""Advice: what to try next after a training, as a command to type and as settings for `heal`.

In commands, PICTURES, NEW and RUN stand for the user's images, a new folder and the folder of the run: whoever shows a
command replaces them.
"""

from typing import Any

from eyebright.trust.evidence import TrainingRecord

_COLUMNS = 78
_MILD = {"rotation": 0.1, "zoom": 0.1, "shift": 0.1}  # no mirroring: it would turn some digits and letters into others
_STRONG = {"cutmix": 1.0}  # Yun et al. 2019, "CutMix", section 4.1: alpha 1, and longer training
_MINUTES = 5  # enough to fine-tune a pretrained network
_MOST_DROPOUT = 0.5  # Srivastava et al. 2014, "Dropout", section 9: close to optimal for hidden layers

AUDIT = "audit PICTURES -o audit.json --page audit.html"
FINE_TUNE = f"train PICTURES -o NEW --minutes {_MINUTES}"


def command(arguments: str) -> str:
    """A command of eyebright on lines of its own, each within 78 columns."""
    line = f"\n  eyebright {arguments}"
    head, option, value = line.rpartition(" --")
    return line if len(line) <= _COLUMNS or not option else f"{head} \\\n    --{value}"


def train_again(training: TrainingRecord, options: str, *, from_scratch: bool = False) -> str:
    """The command that repeats the training with some options changed.

    Args:
        training: The training to repeat.
        options: The options to change, as they are typed.
        from_scratch: Whether the new training must not start from weights that were trained on the same images.
    """
    if not training.head_only and not (from_scratch and training.start_from_same_images):
        return command(f"train --config RUN/config.toml -o NEW {options}")
    time = "" if training.head_only else f"{time_option(training)} "
    return command(f"train PICTURES -o NEW {time}{options}")  # a head is trained in seconds, on features already kept


def time_option(training: TrainingRecord) -> str:
    """The option that gives a new training the same minutes or epochs."""
    return f"--minutes {training.minutes:g}" if training.minutes else f"--epochs {training.epochs}"


def longer(training: TrainingRecord) -> tuple[str, dict[str, Any]]:
    """Options and settings that train twice as long; after a head alone, the whole network for some minutes."""
    if training.minutes:
        return f"--minutes {2 * training.minutes:g}", {"minutes": 2 * training.minutes}
    if training.head_only:
        return f"--minutes {_MINUTES}", {"minutes": _MINUTES}
    return f"--epochs {2 * training.epochs}", {"epochs": 2 * training.epochs}


def less_overfitting(training: TrainingRecord) -> tuple[str, dict[str, Any]]:
    """A command and settings against overfitting: mild augmentation, then stronger, with more dropout.

    Where CutMix is already on, the advice is to fine-tune a pretrained network, which settings cannot do. After a head
    alone, it is to train the whole network: features are computed without augmentation.
    """
    if training.head_only:
        option, settings = longer(training)
        return train_again(training, option), settings
    on = {name: strength for name, strength in training.augmentation.items() if strength}
    if "cutmix" in on:
        return command(FINE_TUNE), {}
    more: dict[str, Any] = dict(_STRONG if on else _MILD)
    dropout = min(max(2 * training.dropout, 0.2), _MOST_DROPOUT)
    named = ",".join(name if strength is True else f"{name}={strength:g}" for name, strength in (on | more).items())
    option, time = longer(training) if on else ("", {})
    repeated = train_again(training, f"{option} --augment {named}".lstrip())
    return repeated, more | time | {"dropout": max(dropout, training.dropout)}
