import numpy as np
import pytest
import torch

import eyebright as eb
from eyebright.model.inputs import evaluation_set, is_batch, training_set
from eyebright.system.errors import DataError, NetworkError, PictureError, SettingsError

CLASSES = ("dark", "bright")
LABELS = np.arange(40) % 2
IMAGES = (np.random.default_rng(0).integers(0, 100, (40, 8, 8)) + LABELS[:, None, None] * 120).astype(np.uint8)


@pytest.fixture
def dataset() -> eb.Dataset:
    return eb.Dataset.from_arrays(IMAGES, LABELS, CLASSES)


def sides(dataset: eb.Dataset) -> list[int]:
    """How many images are in the training, validation and test set."""
    model = eb.Classifier(eb.zoo.mlp(2, input_size=8), CLASSES)
    prepared = model.prepare(dataset)
    return [len(prepared.indices(side)) for side in ("train", "validation", "test")]


@pytest.mark.parametrize(("share", "expected"), [(None, [34, 6, 0]), (0.25, [30, 10, 0])])
def test_arrays_are_split_into_training_and_validation_alone(share, expected):
    """Who has arrays has a test set of his own, as in Keras."""
    assert sides(training_set(IMAGES, LABELS, CLASSES, validation_split=share)) == expected


def test_a_validation_set_that_is_given_stays_as_it_is():
    found = training_set(IMAGES[:30], LABELS[:30], CLASSES, validation_data=(IMAGES[30:] / 255, LABELS[30:, None]))
    assert sides(found) == [30, 10, 0]
    assert np.array_equal(found.labels, LABELS)
    assert np.array_equal(np.stack([found.source.open(index) for index in range(40)]), IMAGES)


@pytest.mark.parametrize(
    ("pictures", "labels", "options", "error", "words"),
    [
        (IMAGES, None, {}, DataError, r"expected the labels of the images too: write model\.fit\(images, labels\)$"),
        (IMAGES, 5, {}, DataError, "for 5 epochs write epochs=5"),
        (IMAGES, LABELS[:9], {}, DataError, "got 40 images and 9 labels"),
        ("flowers", None, {}, DataError, r"got a str: for a folder or file write eb\.Dataset\.open\(path\)"),
        (None, None, {}, DataError, "got None: "),
        (
            (image for image in IMAGES),
            None,
            {},
            DataError,
            "got a generator: .* is not accepted: pass the folder",
        ),
        (IMAGES, LABELS, {"validation_data": IMAGES}, SettingsError, r"expected validation_data=\(images, labels\)"),
        (IMAGES, LABELS, {"validation_data": (IMAGES, LABELS), "validation_split": 0.1}, SettingsError, "only one of"),
        (IMAGES, LABELS, {"validation_data": (IMAGES, LABELS[1:])}, DataError, "40 validation images and 39 labels"),
        (IMAGES, LABELS, {"validation_split": 1.5}, SettingsError, "validation above 0, test at least 0"),
    ],
)
def test_what_cannot_be_trained_on_is_answered_with_the_line_to_write(pictures, labels, options, error, words):
    with pytest.raises(error, match=words):
        training_set(pictures, labels, CLASSES, **options)


def test_a_data_set_has_its_own_labels_and_split(dataset):
    assert training_set(dataset, None, CLASSES) is dataset
    for options in ({"labels": LABELS}, {"validation_split": 0.2}, {"validation_data": dataset}):
        with pytest.raises(SettingsError, match=r"write model\.fit\(pictures\)"):
            training_set(dataset, **{"labels": None, "classes": CLASSES, **options})
    with pytest.raises(DataError, match=r"not one set of it: write model\.fit\(pictures\)"):
        training_set(dataset.train, None, CLASSES, validation_data=dataset.validation)


def test_what_is_evaluated_is_a_data_set_or_arrays(dataset):
    assert evaluation_set(dataset.test, None, CLASSES) == dataset.test
    assert evaluation_set(IMAGES, LABELS, CLASSES).source.identity == dataset.source.identity
    with pytest.raises(SettingsError, match=r"write model\.evaluate\(pictures\.test\)"):
        evaluation_set(dataset, LABELS, CLASSES)
    with pytest.raises(DataError, match=r"write model\.evaluate\(images, labels\)"):
        evaluation_set(IMAGES, None, CLASSES)
    with pytest.raises(DataError, match="got a str"):
        evaluation_set("flowers", None, CLASSES)


@pytest.mark.parametrize(
    ("shape", "channels", "expected"),
    [
        ((28, 28), 1, False),
        ((28, 28, 3), 3, False),
        ((28, 28, 1), 1, False),
        ((3, 28, 28), 1, True),
        ((1, 28, 28), 1, True),
        ((5, 28, 28), 3, True),
        ((2, 3, 28, 28), 3, True),
        ((2, 28, 28, 3), 3, True),
    ],
)
def test_a_batch_is_distinguished_from_an_image(shape, channels, expected):
    assert is_batch(np.zeros(shape), channels) == expected
    assert is_batch(torch.zeros(shape), channels) == expected


def test_what_may_be_a_batch_or_an_image_is_refused():
    with pytest.raises(PictureError, match=r"\(3, 28, 28\) may be one image .*: write images\[None\] for one image"):
        is_batch(np.zeros((3, 28, 28)), 3)
    assert not is_batch("photo.jpg", 3)


@pytest.mark.parametrize(
    ("network", "classes", "words"),
    [
        ("mlp", CLASSES, r"expected a network, such as eb\.zoo\.flowers_cnn\(\), got a str"),
        (
            eb.zoo.mlp(2, input_size=8),
            10,
            r"names of the classes, such as .*, got an int",
        ),
        (eb.zoo.mlp(2, input_size=8), [0, 1], "got an int; numbers as names are"),
        (eb.zoo.mlp(2, input_size=8), "ab", "got a str"),
        (eb.zoo.mlp(2, input_size=8), None, "got None"),
    ],
)
def test_what_is_no_network_and_no_classes_is_refused(network, classes, words):
    with pytest.raises(NetworkError, match=words):
        eb.Classifier(network, classes)
