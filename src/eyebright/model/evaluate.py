"""How good a predictor is on prepared images, and on which; those that it was trained on can be left out."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from eyebright.data.dataset import Dataset, Part
from eyebright.data.pack import Pack
from eyebright.data.pictures import Preparation
from eyebright.data.prepare import Prepared, labels_among, prepare
from eyebright.model.card import Seen
from eyebright.model.predictor import BATCH_SIZE, Predictor
from eyebright.network.answering import NO_ANSWER
from eyebright.system.errors import DataError
from eyebright.system.progress import Report, quiet
from eyebright.system.text import all_of
from eyebright.trust.answers import Answers
from eyebright.trust.metrics import Evaluation, Outcomes, evaluate_outcomes

_LEAST = 1e-30  # stands for a probability of 0 where its logarithm is needed


def prepared_for(
    pictures: Dataset | Part | Prepared, preparation: Preparation, classes: Sequence[str], report: Report
) -> tuple[Prepared, NDArray[np.int64]]:
    """Prepared images, and the positions of those to evaluate on.

    Args:
        pictures: One set of a data set, all of a data set, or prepared images: their test set.
        preparation: The preparation of the model.
        classes: Its classes.
        report: Receives the progress.

    Raises:
        DataError: When the images have a class that the model does not know, or cannot be trained on.
    """
    if isinstance(pictures, Prepared):
        return pictures, pictures.indices("test")
    if isinstance(pictures, Part):
        prepared = prepare(pictures.dataset, preparation, classes=classes, report=report)
        return prepared, prepared.indices(pictures.side)
    labels = labels_among(pictures, classes)
    pack = pictures.pack(preparation, report)
    return Prepared.whole(pictures, pack, labels, report), np.flatnonzero(pack.rows >= 0)


class Tested(NamedTuple):
    """An evaluation, and what was predicted for each of its images: a few numbers per image, however many classes.

    Args:
        evaluation: The metrics.
        positions: Which of the prepared images were evaluated, `(N,)`.
        labels: Their true classes, `(N,)`.
        predicted: Their most probable classes, `(N,)`.
        confidence: The probabilities of these, 0 to 1, `(N,)`.
        answered: Whether each gets an answer, `(N,)`.
        unfamiliarity: How unlike the training images each is, `(N,)`; None if the model does not compute it.
    """

    evaluation: Evaluation
    positions: NDArray[np.int64]
    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    confidence: NDArray[np.float64]
    answered: NDArray[np.bool_]
    unfamiliarity: NDArray[np.float32] | None = None

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether each image is predicted correctly, `(N,)`."""
        return np.equal(self.predicted, self.labels)

    @property
    def mistakes(self) -> NDArray[np.int64]:
        """The positions of the images that are predicted wrongly, the most confident first."""
        return self._most_confident(~self.correct)

    def cell(self, true: int, predicted: int) -> NDArray[np.int64]:
        """The positions of the images in one cell of the confusion matrix, the most confident first."""
        return self._most_confident((self.labels == true) & (self.predicted == predicted))

    def _most_confident(self, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        here = np.flatnonzero(chosen)
        return self.positions[here[np.argsort(-self.confidence[here], kind="stable")]]


def evaluate_new(
    predictor: Predictor,
    prepared: Prepared,
    indices: NDArray[np.int64],
    seen: Seen,
    *,
    report: Report = quiet,
) -> Tested:
    """Evaluate on prepared images, without those that the model was trained on.

    Args:
        predictor: What predicts.
        prepared: The images, labelled with its classes.
        indices: The positions of those to evaluate on.
        seen: The images that the model was trained on.
        report: Receives the progress.

    Raises:
        DataError: When no image is left.
    """
    new = indices[~seen.contains(prepared.pack.digests.at(indices))]
    if not len(new):
        raise DataError(
            f"the model was trained on {all_of(len(indices), 'image')} that can be opened, or selected by them: "
            "evaluate it on other images"
        )
    labels = prepared.labels[new]
    outcomes = outcomes_on(predictor, prepared.pack, prepared.labels, new, report)
    found = evaluate_outcomes(
        outcomes, labels, predictor.classes, groups=prepared.groups_at(new), promised=predictor.promise
    )  # fmt: skip
    found = msgspec.structs.replace(found, seen=len(indices) - len(new), left_out=len(prepared.pack.left_out))
    unfamiliarity = None if np.isnan(outcomes.unfamiliarity).all() else outcomes.unfamiliarity
    confidence = np.exp(outcomes.log_confidence)
    return Tested(found, new, labels, outcomes.predicted, confidence, outcomes.answered, unfamiliarity)


def outcomes_on(
    predictor: Predictor, pack: Pack, labels: NDArray[np.int64], indices: NDArray[np.int64], report: Report = quiet
) -> Outcomes:
    """Predict prepared images and compare with the true classes.

    Args:
        predictor: What predicts.
        pack: The prepared images.
        labels: The true class of every image of the pack, as a position in the classes of the predictor.
        indices: The images to predict, at least one.
        report: Receives the progress.
    """
    parts, done = [], 0
    for here, answers in _answers(predictor, pack, indices):
        logarithms = np.log(np.maximum(answers.probabilities.astype(np.float64), _LEAST))
        sets = None if predictor.promise is None else predictor.promise.label_sets(answers.probabilities)
        answered = answers.answer != NO_ANSWER
        parts.append(Outcomes.of(logarithms, labels[here], answered, answers.unfamiliarity, sets))
        done += len(here)
        report("evaluating", done, len(indices))
    return Outcomes.joined(parts)


def correct(
    predictor: Predictor, pack: Pack, labels: NDArray[np.int64], indices: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Whether each of some prepared images is predicted correctly, `(n,)`; arguments as in `outcomes_on`."""
    parts = _answers(predictor, pack, indices)
    return np.concatenate([found.probabilities.argmax(axis=1) == labels[here] for here, found in parts])


def _answers(
    predictor: Predictor, pack: Pack, indices: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], Answers]]:
    """Batches of the indices, and the answers for their images."""
    for at in range(0, len(indices), BATCH_SIZE):
        here = indices[at : at + BATCH_SIZE]
        yield here, predictor.answers(pack.read(here))
