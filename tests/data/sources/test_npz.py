import numpy as np
import pytest

from eyebright.data.sources.find import find_images
from eyebright.system.errors import DataError

RANDOM = np.random.default_rng(1)
COLOUR = RANDOM.integers(0, 256, (6, 4, 5, 3), np.uint8)
GREY = RANDOM.integers(0, 256, (3, 4, 5), np.uint8)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_keras_names_give_images_labels_and_splits(tmp_path, save):
    save(
        tmp_path / "a.npz",
        x_train=COLOUR,
        y_train=np.array([[2], [0], [2], [7], [0], [2]]),
        x_test=COLOUR[:2],
        y_test=np.array([7, 0]),
    )
    found = find_images(tmp_path / "a.npz")
    assert found.classes == ("0", "2", "7")
    assert [found.classes[label] for label in found.labels] == ["2", "0", "2", "7", "0", "2", "7", "0"]
    assert found.sides == ["train"] * 6 + ["test"] * 2
    for index, picture in enumerate([*COLOUR, *COLOUR[:2]]):
        assert np.array_equal(found.source.open(index), picture)


def test_labels_may_be_names(tmp_path):
    np.savez(tmp_path / "a.npz", images=GREY, labels=np.array(["tulip", "rose", "tulip"]))
    found = find_images(tmp_path / "a.npz")
    assert (found.classes, list(found.labels), found.sides) == (("rose", "tulip"), [1, 0, 1], None)


@pytest.mark.parametrize(
    "images",
    [
        pytest.param(np.asfortranarray(COLOUR), id="Fortran order"),
        pytest.param(COLOUR.astype(np.int64), id="whole numbers of 64 bits"),
        pytest.param((COLOUR / 255).astype(np.float32), id="floats from 0 to 1"),
        pytest.param(np.moveaxis(COLOUR, -1, 1) / 255, id="channels first, floats"),
    ],
)
def test_other_forms_of_images_give_the_same_pixels(tmp_path, images):
    np.savez_compressed(tmp_path / "a.npz", x=images, y=np.arange(6))
    source = find_images(tmp_path / "a.npz").source
    assert np.array_equal(np.stack([source.open(index) for index in range(6)]), COLOUR)


@pytest.mark.parametrize("labels", [np.eye(3)[[2, 0, 1]], [[2], [0], [1]], [2.0, 0.0, 1.0], [b"2", b"0", b"1"]])
def test_other_forms_of_labels_give_the_same_classes(tmp_path, labels):
    np.savez(tmp_path / "a.npz", images=GREY, labels=labels)
    found = find_images(tmp_path / "a.npz")
    assert [found.classes[label] for label in found.labels] == ["2", "0", "1"]


def test_channels_may_come_first(tmp_path):
    np.savez(tmp_path / "a.npz", x=COLOUR.transpose(0, 3, 1, 2), y=np.arange(6))
    assert np.array_equal(find_images(tmp_path / "a.npz").source.open(2), COLOUR[2])


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"pixels": GREY}, "contains the arrays pixels: expected images and labels, or x_train"),
        ({"images": GREY, "labels": np.arange(2)}, "images has 3 images but 2 labels"),
        (
            {"images": GREY / 127.5 - 1, "labels": np.arange(3)},
            r"images cannot be used: .*from -1 to 1, write \(\(",
        ),
        ({"images": GREY[0], "labels": np.arange(4)}, r"uint8 \(4, 5\), expected uint8 \(N, H, W\)"),
        ({"images": np.zeros((6, 4, 5, 2), np.uint8), "labels": np.arange(6)}, r"\(6, 4, 5, 2\), expected uint8"),
        (
            {"images": GREY, "labels": np.array([0.5, 1.5, np.nan])},
            r"missing class \(NaN\) at position 2",
        ),
        ({"images": GREY, "labels": np.array(["a", "b", "a"], object)}, r"run code: .*labels=labels\.astype\(str\)"),
        ({"images": GREY, "labels": np.array([b"a", b"\xff", b"b"])}, r"labels cannot be used: .*decode byte 0xff"),
        ({"images": GREY, "labels": np.ones((3, 4), int)}, r"labels\.argmax\(axis=1\)"),
        ({"x_train": GREY, "y_test": np.arange(3)}, "contains the arrays x_train, y_test: expected images and labels"),
        ({}, "contains no arrays"),
    ],
)
def test_invalid_arrays_are_named(tmp_path, arrays, words):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=words):
        find_images(tmp_path / "a.npz")


def test_a_file_that_is_cut_off_is_refused(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", images=GREY, labels=np.arange(3))
    content = (tmp_path / "a.npz").read_bytes()
    for length in (0, 10, len(content) // 2):
        (tmp_path / "a.npz").write_bytes(content[:length])
        with pytest.raises(DataError, match=r"a\.npz cannot be read as \.npz"):
            find_images(tmp_path / "a.npz")
