"""What a verdict rests on: plain figures of one training, each share with its interval."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from eyebright.system.records import Record
from eyebright.trust.calibration import discrimination
from eyebright.trust.intervals import Share, share_of
from eyebright.trust.metrics import softmax

_SUREST = 4  # a quarter


class OneClass(Record, frozen=True, kw_only=True):
    """How well one class is told on validation.

    Args:
        name: The class.
        recall: The share of its pictures that are told; its interval holds together with those of all classes.
        others: The share of the pictures of all other classes that are told, likewise.
        taken_for: The class that it is most often taken for, "" if never for another.
        taken: How often.
    """

    name: str
    recall: Share
    others: Share
    taken_for: str
    taken: int


class Answers(Record, frozen=True, kw_only=True):
    """What the kept weights say, without augmentation or dropout.

    Args:
        num_classes: How many classes there are.
        train: The training pictures that were asked: the share told right.
        surest: The same of the quarter of them that the network is surest of.
        validation: The validation pictures: the share told right.
        discrimination: On validation, how well confidence tells right from wrong, and its interval.
        classes: Each class that validation pictures have.
    """

    num_classes: int
    train: Share
    surest: Share
    validation: Share
    discrimination: tuple[float, float, float] = (0.5, 0.0, 1.0)
    classes: tuple[OneClass, ...] = ()


class Course(Record, frozen=True, kw_only=True):
    """How the training went, epoch by epoch, and with what settings.

    Args:
        loss: On training pictures as they were learned, augmented and with dropout.
        accuracy: Likewise.
        validation_loss: On validation pictures.
        validation_accuracy: Likewise.
        seen: Pictures learned in each epoch, fewer in one that a budget cut short; empty where that is not known.
        pictures: Training pictures.
        epochs: That were asked for; 0 where only the head of a published network was learned.
        minutes: The budget that decided instead; 0 where there was none.
        step_size: Pictures in one step.
        peak: The greatest learning rate.
        augmentation: Strength of each change that training pictures may undergo; 0 where it is off.
        dropout: The greatest share that a layer drops.
        first_loss: On the first batch, before anything was learned; 0 where that is not known.
        adaptive: Whether the optimizer moves each weight by about the learning rate in a step, as AdamW does.
        found: Whether the weights that it started from had been learned from the same pictures, as `auto` finds them.
    """

    loss: tuple[float, ...] = ()
    accuracy: tuple[float, ...] = ()
    validation_loss: tuple[float, ...] = ()
    validation_accuracy: tuple[float, ...] = ()
    seen: tuple[int, ...] = ()
    pictures: int
    epochs: int
    minutes: float = 0.0
    step_size: int
    peak: float
    augmentation: Mapping[str, float]
    dropout: float = 0.0
    first_loss: float = 0.0
    adaptive: bool = True
    found: bool = False

    @property
    def travel(self) -> float:
        """The farthest that a weight could go in all steps, each at the peak, where the optimizer is adaptive."""
        return self.peak * sum(-(-count // self.step_size) for count in self.seen)


class Leak(Record, frozen=True, kw_only=True):
    """Validation and test pictures whose like is learned from.

    Args:
        alike: How many there are.
        of: How many pictures these two sides have.
        apart: The validation pictures without them: the share told right.
    """

    alike: int
    of: int
    apart: Share


class Evidence(Record, frozen=True, kw_only=True):
    """All that is judged.

    Args:
        answers: What the kept weights say.
        course: How the training went.
        leak: Pictures whose like is on another side; None where there are none.
    """

    answers: Answers
    course: Course
    leak: Leak | None = None


def answers_of(
    train: tuple[NDArray[np.floating], NDArray[np.int64]],
    validation: tuple[NDArray[np.floating], NDArray[np.int64]],
    classes: tuple[str, ...],
    groups: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
) -> Answers:
    """What there is to say about the answers on either side.

    Args:
        train: Logits `(n, classes)` and labels `(n,)` of training pictures.
        validation: The same of the validation pictures.
        classes: Names of the classes.
        groups: The number of the group of each picture of either side, where they come in groups.
    """
    (known, known_labels), (logits, labels) = train, validation
    of_train, of_validation = groups or (None, None)
    learned, right = known.argmax(axis=1) == known_labels, logits.argmax(axis=1) == labels
    surest = np.argsort(-softmax(known).max(axis=1), kind="stable")[: max(len(known) // _SUREST, 1)]
    trials = None if of_validation is None else len(np.unique(of_validation))
    return Answers(
        num_classes=len(classes),
        train=share_of(learned, of_train),
        surest=share_of(learned[surest], None if of_train is None else of_train[surest]),
        validation=share_of(right, of_validation),
        discrimination=discrimination(softmax(logits).max(axis=1), right, trials),
        classes=_by_class(logits.argmax(axis=1), labels, classes, of_validation),
    )


def _by_class(
    predicted: NDArray[np.int64], labels: NDArray[np.int64], names: tuple[str, ...], groups: NDArray[np.int64] | None
) -> tuple[OneClass, ...]:
    found = []
    present = np.unique(labels).tolist()
    for label in present:
        here, right = labels == label, predicted == labels
        mistakes = np.bincount(predicted[here & ~right], minlength=len(names))
        recall, others = (
            share_of(right[part], None if groups is None else groups[part], among=len(present))
            for part in (here, ~here)
        )
        worst = int(mistakes.argmax())
        found.append(OneClass(name=names[label], recall=recall, others=others, taken=int(mistakes[worst]),
                              taken_for=names[worst] if mistakes.any() else ""))  # fmt: skip
    return tuple(found)


def leak_of(alike: int, of: int, right: NDArray[np.bool_], apart: NDArray[np.bool_]) -> Leak | None:
    """The leak, where there is one.

    Args:
        alike: Validation and test pictures whose like is learned from, of `of`.
        of: How many there are.
        right: Whether each validation picture is told right.
        apart: Whether it is unlike all that is learned from.
    """
    return Leak(alike=alike, of=of, apart=share_of(right[apart])) if alike else None
