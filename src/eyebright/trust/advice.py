"""Advice: what to try next after a training.

A remedy is a set of options by their names, such as {"epochs": 30}. `train_again` writes it as a command to type, and
`heal` makes a request of it, so that both do the same. In commands, PICTURES, NEW and RUN stand for the user's images,
a new folder and the folder of the run: whoever shows a command replaces them.
"""

from collections.abc import Mapping
from typing import Any

from eyebright.trust.evidence import TrainingRecord

_COLUMNS = 78
_MILD = {"rotation": 0.1, "zoom": 0.1, "shift": 0.1}  # no mirroring: it would turn some digits and letters into others
_STRONG = {"cutmix": 1.0}  # Yun et al. 2019, "CutMix", section 4.1: alpha 1, and longer training
_MINUTES = 5  # enough to fine-tune a pretrained network
_TRYOUT, _ORDINARY = 5, 10  # epochs: a training of fewer is made again with more than twice as many
_MOST_DROPOUT = 0.5  # Srivastava et al. 2014, "Dropout", section 9: close to optimal for hidden layers

AUDIT = "audit PICTURES -o audit.json --page audit.html"
EXPLAIN = "explain RUN PICTURES -o why.png"
FINE_TUNE: dict[str, Any] = {"network": "auto", "minutes": _MINUTES}
"""Another network, which starts from published weights: the command keeps only the images and their split."""


def command(arguments: str) -> str:
    """A command of eyebright on lines of its own, each within 78 columns."""
    line = f"\n  eyebright {arguments}"
    head, option, value = line.rpartition(" --")
    return line if len(line) <= _COLUMNS or not option else f"{head} \\\n    --{value}"


def train_again(training: TrainingRecord, remedy: Mapping[str, Any], *, from_scratch: bool = False) -> str:
    """The command that repeats the training with some options changed.

    Args:
        training: The training to repeat.
        remedy: The options to change, by their names.
        from_scratch: Whether the new training must not start from weights that were trained on the same images.
    """
    on = {name: strength for name, strength in training.augmentation.items() if strength}
    changes = {name: value for name, value in remedy.items() if name in training.augmentation}
    typed = {name: value for name, value in remedy.items() if name not in training.augmentation}
    if changes:
        typed["augment"] = ",".join(
            name if strength is True else f"{name}={strength:g}" for name, strength in (on | changes).items()
        )
    start = "train --config RUN/config.toml -o NEW"
    if "network" in remedy:
        start = "train PICTURES -o NEW --split RUN/split.csv"
    elif from_scratch and (training.head_only or training.start_from_same_images):
        start, typed = "train PICTURES -o NEW", _time(training) | typed
    if training.promise and "RUN/config.toml" not in start:  # which has the promise
        typed["promise"] = training.promise
    return command(" ".join([start, *(f"--{name.replace('_', '-')} {_typed(value)}" for name, value in typed.items())]))


def _typed(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _time(training: TrainingRecord) -> dict[str, Any]:
    """The options that give a new training the same minutes or epochs; a head alone needs none."""
    if training.minutes:
        return {"minutes": training.minutes}
    return {"epochs": training.epochs} if training.epochs else {}


def longer(training: TrainingRecord) -> dict[str, Any]:
    """Twice the time, or an ordinary number of epochs after a few; after a head alone, minutes for all layers."""
    if training.minutes:
        return {"minutes": 2 * training.minutes}
    if training.head_only:
        return {"minutes": _MINUTES}
    return {"epochs": _ORDINARY if training.epochs < _TRYOUT else 2 * training.epochs}


def another_network(training: TrainingRecord) -> dict[str, Any]:
    """A pretrained network; where it is that already, more time for it."""
    return longer(training) if training.head_only or training.start_from_same_images else FINE_TUNE


def less_overfitting(training: TrainingRecord) -> dict[str, Any]:
    """A remedy against overfitting: mild augmentation, then stronger and longer, then a pretrained network.

    With augmentation goes more dropout. After a head alone the whole network is trained: features are computed without
    augmentation. Empty where all of that was tried.
    """
    if training.head_only:
        return longer(training)
    on = [name for name, strength in training.augmentation.items() if strength]
    if "cutmix" in on:
        return {} if training.start_from_same_images else FINE_TUNE
    dropout = min(max(2 * training.dropout, 0.2), _MOST_DROPOUT)
    raised = {"dropout": dropout} if dropout > training.dropout else {}
    return (longer(training) | _STRONG if on else _MILD) | raised
