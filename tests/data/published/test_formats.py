import numpy as np
import pytest
from PIL import Image

from eyebright.data.published.formats import CIFAR_LAYOUTS, CifarLayout, write_cifar, write_digits
from eyebright.system.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), np.uint8)


def records(prefix: bytes = b"") -> bytes:
    """Written out from the description: labels, then the red, the green and the blue pixels, row by row."""
    return b"".join(prefix + bytes([n % 2]) + IMAGES[n].transpose(2, 0, 1).tobytes() for n in range(len(IMAGES)))


@pytest.mark.parametrize(("name", "prefix"), [("cifar10", b""), ("cifar100", b"\x09")])
def test_records_become_arrays_with_the_names_of_their_classes(tmp_path, name, prefix):
    layout = CIFAR_LAYOUTS[name]
    for file in (*layout.train, layout.test):
        (tmp_path / file).write_bytes(records(prefix))
    (tmp_path / layout.names).write_text("cat\ndog\n\n")
    write_cifar(tmp_path, layout, tmp_path / "out.npz")
    with np.load(tmp_path / "out.npz") as arrays:
        np.testing.assert_array_equal(arrays["x_train"], np.concatenate([IMAGES] * len(layout.train)))
        np.testing.assert_array_equal(arrays["x_test"], IMAGES)
        assert arrays["y_test"].tolist() == ["cat", "dog"] * 3
        assert arrays["y_train"].tolist() == ["cat", "dog"] * 3 * len(layout.train)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (records()[:-1], r"train\.bin has 18,437 bytes, expected records of 3,073 bytes each"),
        (b"", "has 0 bytes, expected"),
        (b"\2" + records()[1:], r"train has the label 2, but names\.txt names 2 classes"),
        (None, r"contains 0 files called train\.bin, expected one"),
    ],
)
def test_invalid_records_are_refused(tmp_path, content, words):
    if content is not None:
        (tmp_path / "train.bin").write_bytes(content)
    (tmp_path / "test.bin").write_bytes(records())
    (tmp_path / "names.txt").write_text("cat\ndog\n")
    with pytest.raises(DataError, match=words):
        write_cifar(tmp_path, CifarLayout(("train.bin",), "test.bin", "names.txt", 1), tmp_path / "out.npz")


def test_the_digits_of_scikit_learn_are_written_once(tmp_path):
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "0000.png").write_text("my own")
    write_digits(tmp_path)
    assert sorted(folder.name for folder in tmp_path.iterdir()) == list("0123456789")
    assert len(list(tmp_path.rglob("*.png"))) == 1797  # as scikit-learn's page says
    assert (tmp_path / "0" / "0000.png").read_text() == "my own"
    with Image.open(tmp_path / "1" / "0001.png") as image:
        assert image.size == (8, 8) and image.getextrema() == (0, 255)  # 0 to 16 in the data set
