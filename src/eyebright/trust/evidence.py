"""Evidence: the figures of one training that a verdict rests on, each share with its interval."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from eyebright.system.records import Record
from eyebright.trust.calibration import discrimination
from eyebright.trust.intervals import Share, share_of
from eyebright.trust.metrics import softmax

FEW_EPOCHS = 2
"""The first epochs only lead away from weights that know nothing of the images: they show no fault but this."""
_STILL = 0.95  # of the validation loss two epochs before: one that is lower now would fall further in a longer training
_MOST_CONFIDENT = 4  # a quarter


class ClassAccuracy(Record, frozen=True, kw_only=True):
    """How many validation images of one class are predicted correctly.

    Args:
        name: The class.
        recall: Share of its images that are predicted correctly; its interval holds together with those of all classes.
        others: The same for the images of all other classes.
        confused_with: The class that its images are most often confused with; "" if all are predicted correctly.
        confused: How many of its images are predicted as that class.
    """

    name: str
    recall: Share
    others: Share
    confused_with: str
    confused: int


class Accuracies(Record, frozen=True, kw_only=True):
    """Accuracies with the saved weights, without augmentation and dropout.

    Args:
        num_classes: Number of classes.
        train: Accuracy on a sample of the training images.
        most_confident: Accuracy on the quarter of that sample with the most confident predictions.
        validation: Accuracy on the validation images.
        discrimination: How well confidence separates correct from wrong predictions on the validation images, with the
            ends of its interval; see `eyebright.trust.calibration.discrimination`.
        classes: The accuracy of each class that has validation images.
    """

    num_classes: int
    train: Share
    most_confident: Share
    validation: Share
    discrimination: tuple[float, float, float] = (0.5, 0.0, 1.0)
    classes: tuple[ClassAccuracy, ...] = ()


class TrainingRecord(Record, frozen=True, kw_only=True):
    """The curves and settings of a training.

    Args:
        loss: Loss on a sample of the training images after each epoch, measured as the validation loss is.
        accuracy: Accuracy on that sample.
        validation_loss: Validation loss of each epoch.
        validation_accuracy: Validation accuracy of each epoch.
        running_loss: Mean loss over the steps of each epoch, with augmentation, dropout and label smoothing.
        sample: Training images in the sample; 0 if unknown.
        seen: Images trained on in each epoch, fewer in an epoch that the time budget cut short; empty if unknown.
        images: Number of training images.
        epochs: Epochs asked for; 0 if only the head of a pretrained network was trained.
        minutes: Time budget that decided instead; 0 if there was none.
        step_size: Images in one optimizer step.
        peak: Highest learning rate.
        augmentation: Strength of each augmentation; 0 where it is off.
        dropout: Highest dropout probability in the network.
        first_loss: Loss of the first batch, before any step; 0 if unknown.
        adaptive: Whether the optimizer moves each weight by about the learning rate in a step, as AdamW does.
        promise: What the model was asked to promise, such as "accuracy=0.95"; empty for nothing.
        start_from_same_images: Whether the initial weights were already trained on these images, as `auto` does.
    """

    loss: tuple[float, ...] = ()
    accuracy: tuple[float, ...] = ()
    validation_loss: tuple[float, ...] = ()
    validation_accuracy: tuple[float, ...] = ()
    running_loss: tuple[float, ...] = ()
    sample: int = 0
    seen: tuple[int, ...] = ()
    images: int
    epochs: int
    minutes: float = 0.0
    step_size: int
    peak: float
    augmentation: Mapping[str, float]
    dropout: float = 0.0
    first_loss: float = 0.0
    adaptive: bool = True
    promise: str = ""
    start_from_same_images: bool = False

    @property
    def head_only(self) -> bool:
        """Whether only the head of a pretrained network was trained."""
        return not (self.epochs or self.minutes)

    @property
    def settled(self) -> bool:
        """Whether the training went on long enough to find another fault in it than its length."""
        enough = self.start_from_same_images or len(self.validation_loss) > FEW_EPOCHS
        return not self.validation_loss or (enough and not self.still_falling)

    @property
    def still_falling(self) -> bool:
        """Whether both losses were at their lowest in the last epoch, and the validation loss fell by much."""
        lowest = all(losses[-1] == min(losses) for losses in (self.loss, self.validation_loss) if losses)
        last = self.validation_loss[-3:]
        return lowest and bool(last) and last[-1] < _STILL * last[0]

    @property
    def most_travel(self) -> float:
        """The farthest that an adaptive optimizer can move a weight: all steps in one direction, each at the peak."""
        return self.peak * sum(-(-count // self.step_size) for count in self.seen)


class Leak(Record, frozen=True, kw_only=True):
    """Validation and test images with a duplicate, a near-duplicate or an image of their group in the training set.

    Args:
        leaking: How many there are.
        of: Number of validation and test images.
        without: Validation accuracy without them.
    """

    leaking: int
    of: int
    without: Share


class Shortcut(Record, frozen=True, kw_only=True):
    """A region at the border of the images of a class that turns images of other classes into it.

    Args:
        label: The class.
        region: Where, such as "top left corner".
        area: Share of the image that the region is, 0 to 1.
        changed: Share of images of other classes that are predicted as the class once the region of one of its images
            is pasted into them; its interval holds together with those of all regions and classes that were tried.
        lost: Share of images of the class that are predicted as another one once the region of an image of another
            class is pasted into them.
    """

    label: str
    region: str
    area: float
    changed: Share
    lost: Share


class Evidence(Record, frozen=True, kw_only=True):
    """All figures that verdicts rest on.

    Args:
        accuracies: Accuracies with the saved weights.
        training: Curves and settings.
        leak: Images that leak into the training set; None if there are none.
        shortcuts: Regions at the border that may decide, the strongest first.
        test: Number of test images; 0 if unknown.
        larger: How many validation and test images there would be with the shares of `MORE`; 0 if unknown.
    """

    accuracies: Accuracies
    training: TrainingRecord
    leak: Leak | None = None
    shortcuts: tuple[Shortcut, ...] = ()
    test: int = 0
    larger: tuple[int, int] = (0, 0)


def accuracies_of(
    train: tuple[NDArray[np.floating], NDArray[np.int64]],
    validation: tuple[NDArray[np.floating], NDArray[np.int64]],
    classes: tuple[str, ...],
    groups: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
) -> Accuracies:
    """Count correct predictions on the training and the validation images.

    Args:
        train: Logits `(n, classes)` and labels `(n,)` of training images.
        validation: The same of the validation images.
        classes: Names of the classes.
        groups: Group number of each training and each validation image, two arrays `(n,)`; None if images are
            independent.
    """
    (train_logits, train_labels), (logits, labels) = train, validation
    train_groups, validation_groups = groups or (None, None)
    train_right, right = train_logits.argmax(axis=1) == train_labels, logits.argmax(axis=1) == labels
    by_confidence = np.argsort(-softmax(train_logits).max(axis=1), kind="stable")
    best = by_confidence[: max(len(train_logits) // _MOST_CONFIDENT, 1)]
    trials = None if validation_groups is None else len(np.unique(validation_groups))
    return Accuracies(
        num_classes=len(classes),
        train=share_of(train_right, train_groups),
        most_confident=share_of(train_right[best], None if train_groups is None else train_groups[best]),
        validation=share_of(right, validation_groups),
        discrimination=discrimination(softmax(logits).max(axis=1), right, trials),
        classes=_by_class(logits.argmax(axis=1), labels, classes, validation_groups),
    )


def leak_of(
    leaking: int,
    of: int,
    right: NDArray[np.bool_],
    apart: NDArray[np.bool_],
    groups: NDArray[np.int64] | None = None,
) -> Leak | None:
    """The leak; None if no image leaks.

    Args:
        leaking: Number of validation and test images with a duplicate, near-duplicate or group in the training set.
        of: Number of validation and test images.
        right: Whether each validation image is predicted correctly.
        apart: Whether each validation image has nothing in common with the training set.
        groups: Group number of each validation image; None if images are independent.
    """
    without = share_of(right[apart], None if groups is None else groups[apart])
    return Leak(leaking=leaking, of=of, without=without) if leaking else None


def _by_class(
    predicted: NDArray[np.int64], labels: NDArray[np.int64], names: tuple[str, ...], groups: NDArray[np.int64] | None
) -> tuple[ClassAccuracy, ...]:
    right, present, found = predicted == labels, np.unique(labels).tolist(), []
    for label in present:
        here = labels == label
        mistakes = np.bincount(predicted[here & ~right], minlength=len(names))
        recall, others = (
            share_of(right[part], None if groups is None else groups[part], among=len(present))
            for part in (here, ~here)
        )
        worst = int(mistakes.argmax())
        found.append(
            ClassAccuracy(
                name=names[label],
                recall=recall,
                others=others,
                confused_with=names[worst] if mistakes.any() else "",
                confused=int(mistakes[worst]),
            )
        )
    return tuple(found)
