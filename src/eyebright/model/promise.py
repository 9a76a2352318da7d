"""What a model answers for images that were used for no choice, and the promise that these answers prove."""

import shlex
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eyebright.data.batches import content_order
from eyebright.data.prepare import Prepared
from eyebright.model.predictor import BATCH_SIZE, Predictor
from eyebright.system.errors import DataError
from eyebright.system.progress import Report, quiet
from eyebright.system.text import all_of, counted
from eyebright.trust.promise import Given, HeldBack, Promise, Promised, make_promise
from eyebright.trust.sets import set_scores


def held_back_answers(
    predictor: Predictor, prepared: Prepared, indices: NDArray[np.int64], report: Report = quiet
) -> HeldBack | None:
    """The answers for held-back images; None if there are none.

    Args:
        predictor: What predicts.
        prepared: The images.
        indices: The positions of those that are held back.
        report: Receives the progress.

    Returns:
        In the order of their content, so that the same image of a group counts wherever the images come from.
    """
    order, parts = content_order(prepared.pack, prepared.labels, indices), []
    for at in range(0, len(order), BATCH_SIZE):
        here = order[at : at + BATCH_SIZE]
        answers, labels = predictor.answers(prepared.pack.read(here)), prepared.labels[here]
        known, own = answers.probabilities, np.arange(len(here))
        unlike = np.zeros(len(here), np.float32) if answers.unfamiliarity is None else answers.unfamiliarity
        score = set_scores(known)[own, labels].astype(np.float32)
        parts.append((known.argmax(axis=1), known.max(axis=1), score, unlike))
        report("evaluating", at + len(here), len(order))
    if not parts:
        return None
    groups = prepared.groups_at(order)
    numbers = np.arange(len(order)) if groups is None else np.unique(groups, return_inverse=True)[1]
    predicted, confidence, score, unfamiliarity = map(np.concatenate, zip(*parts, strict=True))
    return HeldBack(prepared.labels[order], predicted, confidence, score, unfamiliarity, numbers)


def require_new_images(new: int, given: int, held_back: HeldBack | None) -> None:
    """Refuse images of which the model knows each one.

    Args:
        new: How many of the images it was neither trained on, selected by, nor held back before.
        given: How many there are.
        held_back: The answers for those that were held back before.

    Raises:
        DataError: When none is new.
    """
    if not new:
        before = ""
        if held_back is not None:
            known = counted(len(held_back.labels), "image")
            before = f", or none, so that the promise rests on what was held back before ({known})"
        raise DataError(
            f"this model has used {all_of(given, 'image')} that can be opened before, in training or for a promise: "
            f"give other images{before}"
        )


def given_for_promise(prepared: Prepared, indices: NDArray[np.int64], new: NDArray[np.int64]) -> Given:
    """What is known of images that were given for a promise.

    Args:
        prepared: The images.
        indices: The positions of those that can be opened.
        new: Of these, the positions of those that were not used for the model before.
    """
    left_out, groups = len(prepared.pack.left_out), prepared.groups_at(new)
    return Given(
        images=len(indices) + left_out, seen=len(indices) - len(new), left_out=left_out,
        groups=0 if groups is None else len(np.unique(groups)),
    )  # fmt: skip


def require_held_back(text: str, held_back: HeldBack | None, model: str | Path = "MODEL") -> HeldBack:
    """The held-back answers of a model.

    Args:
        text: The promise that shall rest on them.
        held_back: The answers, if there are any.
        model: The folder of the model or of its run, for the message.

    Raises:
        SettingsError: When the text is not a promise.
        DataError: When there are none.
    """
    promise = Promise.of(text)
    if held_back is None:
        raise DataError(
            f"{promise} needs images that the model was not trained on or selected by, and none were held back: give "
            f"some, eyebright promise {shlex.quote(str(model))} {promise} --on PICTURES"
        )
    return held_back


def prove_promise(
    text: str, held_back: HeldBack | None, classes: Sequence[str], given: Given | None = None
) -> Promised:
    """Make a promise, such as "accuracy=0.99", by a model's held-back answers.

    Args:
        text: The promise.
        held_back: The answers.
        classes: The classes of the model.
        given: The images, where they were given for the promise instead of held back in the training.

    Raises:
        SettingsError: When the text is not a promise.
        DataError: When there are none, or they do not prove it.
    """
    return make_promise(Promise.of(text), require_held_back(text, held_back), classes, given)
