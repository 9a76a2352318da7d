"""What a model answers for images that were used for no choice, and the promise that these answers prove."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.data.batches import content_order
from eyebright.data.prepare import Prepared
from eyebright.model.card import Seen
from eyebright.model.predictor import BATCH_SIZE, Predictor
from eyebright.system.errors import DataError
from eyebright.system.progress import Report, quiet
from eyebright.system.text import all_of, counted
from eyebright.trust.prediction_sets import set_scores
from eyebright.trust.promise import Given, HeldBack, Promise, Promised, make_promise


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


class NewAnswers(NamedTuple):
    """What a model answers for images that were given for a promise.

    Args:
        held_back: The answers for those that are new to the model.
        given: What is known of the images.
        seen: The images that the model has used now.
    """

    held_back: HeldBack | None
    given: Given
    seen: Seen


def new_answers(
    predictor: Predictor,
    prepared: Prepared,
    indices: NDArray[np.int64],
    seen: Seen,
    before: HeldBack | None,
    report: Report = quiet,
) -> NewAnswers:
    """The answers for images that a model was neither trained on, selected by, nor given for a promise before.

    Args:
        predictor: What predicts.
        prepared: The images.
        indices: The positions of those that can be opened.
        seen: The images that the model has used.
        before: The answers that its promises rest on until now.
        report: Receives the progress.

    Raises:
        DataError: When no image is new.
    """
    digests, left_out = prepared.pack.digests.at(indices), len(prepared.pack.left_out)
    new = indices[~seen.contains(digests)]
    _require_new(len(new), len(indices), before)
    groups = prepared.groups_at(new)
    given = Given(
        images=len(indices) + left_out, seen=len(indices) - len(new), left_out=left_out,
        groups=0 if groups is None else len(np.unique(groups)),
    )  # fmt: skip
    return NewAnswers(held_back_answers(predictor, prepared, new, report), given, seen.union(digests))


def _require_new(new: int, given: int, before: HeldBack | None) -> None:
    """Refuse images that the model has all seen."""
    if not new:
        others = ""
        if before is not None:
            known = counted(len(before.labels), "image")
            others = f", or none, so that the promise rests on what was held back before ({known})"
        raise DataError(
            f"this model has used {all_of(given, 'image')} that can be opened before, in training or for a promise: "
            f"give other images{others}"
        )


def require_held_back(text: str, held_back: HeldBack | None, model: str | Path = "MODEL") -> HeldBack:
    """The held-back answers of a model.

    Args:
        text: The promise that is to rest on them.
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
