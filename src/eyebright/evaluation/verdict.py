"""The course of a training in words: does the network memorise, does it not learn enough, or is all well."""

from collections.abc import Sequence
from typing import Literal

from eyebright.codec import Record
from eyebright.evaluation.intervals import wilson_interval

_GAP = 0.10  # between training and validation accuracy: beyond sampling noise, and worth acting upon
_LOW = 0.60  # share of what lies between chance and perfection


class Verdict(Record, frozen=True, kw_only=True):
    """What the figures say.

    Args:
        kind: "overfitting", "underfitting" or "fine".
        text: One or two sentences with the figures that they rest on.
        advice: What to try next; empty where nothing is wrong.
    """

    kind: Literal["overfitting", "underfitting", "fine"]
    text: str
    advice: str = ""


def judge(
    *,
    train_correct: int,
    train_count: int,
    validation_correct: int,
    validation_count: int,
    validation_loss: Sequence[float],
    num_classes: int,
    augmented: bool,
) -> Verdict:
    """Judge a training by its kept weights, without augmentation or dropout, on both sides.

    Args:
        train_correct: Training pictures told right, of `train_count` that were asked.
        train_count: How many were asked.
        validation_correct: Validation pictures told right, of `validation_count`.
        validation_count: How many were asked.
        validation_loss: The loss on validation after each epoch.
        num_classes: How many classes there are.
        augmented: Whether training pictures were augmented.
    """
    train, validation = train_correct / train_count, validation_correct / validation_count
    low, high = wilson_interval(validation_correct, validation_count)
    figures = (
        f"training accuracy {train:.1%}, validation accuracy {validation:.1%} (95 % interval {low:.1%} to {high:.1%})"
    )
    chance = 1 / num_classes
    if train - validation > _GAP and train > high:
        text = f"Overfitting: the network knows its training pictures better than new ones: {figures}."
        lowest = min(range(len(validation_loss)), key=lambda index: validation_loss[index]) if validation_loss else 0
        if validation_loss and validation_loss[-1] > 1.1 * validation_loss[lowest]:
            text += f" Validation loss was lowest after epoch {lowest + 1} and has risen since."
        remedy = "add dropout or more pictures" if augmented else "augment the pictures, add dropout or more pictures"
        return Verdict(kind="overfitting", text=text, advice=f"To narrow the gap, {remedy}.")
    if (train - chance) / (1 - chance) < _LOW:
        still = len(validation_loss) >= 3 and validation_loss[-1] < 0.98 * validation_loss[-3]
        remedy = (
            "train for more epochs: the validation loss was still falling" if still else "try a larger network or rate"
        )
        text = f"Underfitting: the network does not even know its training pictures well: {figures}."
        return Verdict(kind="underfitting", text=text, advice=f"To learn more, {remedy}.")
    return Verdict(kind="fine", text=f"Training and validation agree: {figures}.")
