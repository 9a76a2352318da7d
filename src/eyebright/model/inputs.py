"""What people pass to a `Classifier`: a network; data sets, or arrays of images and labels as in scikit-learn."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from eyebright.data.dataset import Dataset, Part
from eyebright.data.pictures.arrays import as_array, as_images, is_array
from eyebright.data.pictures.preparation import takes_images
from eyebright.data.prepare import Prepared
from eyebright.data.sources.labels import encode_labels
from eyebright.data.sources.source import ArraySource
from eyebright.data.split import Side
from eyebright.network import Network, Softmax
from eyebright.system.errors import DataError, NetworkError, PictureError, SettingsError
from eyebright.system.text import kind_of, listed


def require_classifier(network: Network, classes: Sequence[str]) -> None:
    """Refuse a network that does not take images, or does not give one logit for each class.

    Raises:
        NetworkError: With what was expected and how to change the network.
    """
    if not isinstance(network, Network):
        raise NetworkError(f"expected a network, such as eb.zoo.flowers_cnn(), got {kind_of(network)}")
    _require_names(classes)
    if not takes_images(network.input_shape):
        raise NetworkError(
            "expected a network that takes images (3, height, width), or grey ones (1, height, width), got "
            f"{network.input_shape}"
        )
    if network.output_shape != (len(classes),):
        raise NetworkError(
            f"the network gives {network.output_shape}, but there are {len(classes)} classes: "
            f"end it with Linear({len(classes)}), or build it with num_classes={len(classes)}"
        )
    if isinstance(network.places[network.output].layer, Softmax):
        raise NetworkError(
            f"the network ends with the Softmax {network.output!r}: remove it, a classifier computes the "
            "probabilities from the logits before it"
        )
    if len(set(classes)) != len(classes):
        raise NetworkError(f"two classes have the same name in {listed(classes)}: give each its own name")


def _require_names(classes: object) -> None:
    """Refuse classes that are not a list of texts."""
    is_list = isinstance(classes, Sequence | np.ndarray) and not isinstance(classes, str | bytes)
    others = [name for name in classes if not isinstance(name, str)] if is_list else [classes]  # type: ignore[attr-defined]
    if others:
        raise NetworkError(
            f"expected the names of the classes, such as ['daisy', 'rose'], got {kind_of(others[0])}; numbers as "
            "names are [str(number) for number in range(10)]"
        )


def training_set(
    pictures: Any,
    labels: Any,
    classes: Sequence[str],
    *,
    validation_data: Any = None,
    validation_split: float | None = None,
    seed: int = 0,
) -> Dataset:
    """The data set to train on.

    Args:
        pictures: A data set, or arrays of images.
        labels: For arrays, the label of each image.
        classes: The classes of the classifier; a label that is a number is a position among them.
        validation_data: For arrays, the images and labels of the validation set.
        validation_split: For arrays, the share of the images in the validation set, 0.15 unless given.
        seed: Decides which images these are.

    Returns:
        The data set; of arrays it has no test set.
    """
    if isinstance(pictures, Dataset):
        if labels is not None or validation_data is not None or validation_split is not None:
            raise SettingsError(
                "a Dataset has its own labels and split: write model.fit(pictures), and for another share "
                "Dataset.from_folder(..., validation=0.2)"
            )
        return pictures
    _require_arrays(pictures, labels, "model.fit(images, labels)")
    if validation_data is None:
        share = 0.15 if validation_split is None else validation_split
        return Dataset.from_arrays(pictures, labels, classes, seed=seed, validation=share, test=0)
    if validation_split is not None:
        raise both_given()
    if not (isinstance(validation_data, tuple | list) and len(validation_data) == 2):
        raise SettingsError(
            "expected validation_data=(images, labels) for arrays, got "
            f"{kind_of(validation_data)}; a Dataset has its own validation set: write model.fit(pictures)"
        )
    return _joined((pictures, labels), tuple(validation_data), classes, seed)


def both_given() -> SettingsError:
    """The error where the validation set is given, and its share too."""
    return SettingsError("validation_data and validation_split: use only one of them")


def evaluation_set(pictures: Any, labels: Any, classes: Sequence[str]) -> Dataset | Part | Prepared:
    """The images to evaluate on: what was passed or, of arrays, a data set."""
    if isinstance(pictures, Dataset | Part | Prepared):
        if labels is not None:
            raise SettingsError("a Dataset has its own labels: write model.evaluate(pictures.test)")
        return pictures
    _require_arrays(pictures, labels, "model.evaluate(images, labels)")
    return Dataset.from_arrays(pictures, labels, classes)


def is_batch(pictures: Any, channels: int) -> bool:
    """Whether an array has many images: `(N, H, W)` or four axes, not `(H, W)` or `(H, W, channels)`.

    Raises:
        PictureError: When it may be three grey images or one in colour with its channels first.
    """
    if not is_array(pictures):
        return False
    shape = as_array(pictures).shape
    if len(shape) != 3:
        return len(shape) > 3
    if shape[2] in (1, 3, 4):
        return False
    if shape[0] == 3 and channels == 3:
        raise PictureError(
            f"an array {shape} may be one image with its channels first, or three grey ones: write images[None] for "
            "one image, images[..., None] for three"
        )
    return True


def _joined(train: tuple[Any, Any], validation: tuple[Any, ...], classes: Sequence[str], seed: int) -> Dataset:
    """Images with a training and a validation set."""
    pictures: list[Any] = []
    numbers: list[int] = []
    sides: list[Side] = []
    for (images, labels), side in ((train, "train"), (validation, "validation")):
        pixels, own = as_images(images), encode_labels(labels, classes)[1]
        if len(pixels) != len(own):
            raise DataError(f"expected one label for each image, got {len(pixels)} {side} images and {len(own)} labels")
        pictures.extend(pixels)
        numbers.extend(own)
        sides += [side] * len(own)  # type: ignore[list-item]
    return Dataset(ArraySource(pictures), classes, np.array(numbers), seed=seed, sides=sides, test=0)


def _require_arrays(pictures: Any, labels: Any, call: str) -> None:
    """Refuse what is neither a data set nor arrays with their labels."""
    if isinstance(pictures, Part):
        raise DataError(
            "expected the whole data set, not one set of it: write model.fit(pictures), which trains on pictures.train "
            "and validates on pictures.validation"
        )
    if not (is_array(pictures) or isinstance(pictures, list | tuple)):
        raise DataError(
            f"expected a Dataset, or arrays of images and labels, got {kind_of(pictures)}: for a folder or "
            f"file write eb.Dataset.open(path), for arrays {call}. A generator or a data loader is not accepted: pass "
            "the folder, file or arrays that it reads"
        )
    if labels is None or isinstance(labels, int):
        hint = f"; for {labels} epochs write epochs={labels}" if isinstance(labels, int) else ""
        raise DataError(f"expected the labels of the images too: write {call}{hint}")
