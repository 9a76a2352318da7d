"""Convert published files that no reader understands: CIFAR's binary records, and scikit-learn's digits.

A record of CIFAR is one byte of label (CIFAR-100: coarse, then fine) and 3,072 bytes of pixels: red, green, blue, each
row by row. Source: "Binary version" on Krizhevsky's page of CIFAR-10 and CIFAR-100. Its pickles are not used: loading a
pickle can run any code.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.system.errors import DataError

_PIXEL_BYTES = 3 * 32 * 32


class CifarLayout(NamedTuple):
    """The names of the files with records and with class names, and the bytes of label at the start of a record."""

    train: tuple[str, ...]
    test: str
    names: str
    label_bytes: int


CIFAR_LAYOUTS = {
    "cifar10": CifarLayout(tuple(f"data_batch_{n}.bin" for n in range(1, 6)), "test_batch.bin", "batches.meta.txt", 1),
    "cifar100": CifarLayout(("train.bin",), "test.bin", "fine_label_names.txt", 2),
}


def write_cifar(folder: Path, layout: CifarLayout, npz: Path) -> None:
    """Write the records below a folder as the arrays `x_train`, `y_train`, `x_test`, `y_test` of an .npz.

    Args:
        folder: The unpacked archive.
        layout: Its files.
        npz: The file to write; images are `(N, 32, 32, 3)`, uint8, and labels are the names of the classes.

    Raises:
        DataError: When a file is missing, or does not contain whole records of known classes.
    """
    names = np.array(_only(folder, layout.names).read_text(encoding="utf-8").split())
    arrays: dict[str, Any] = {}
    for side, files in (("train", layout.train), ("test", (layout.test,))):
        records = np.concatenate([_records(_only(folder, file), layout.label_bytes) for file in files])
        labels = records[:, layout.label_bytes - 1]
        if labels.max() >= len(names):
            raise DataError(
                f"{folder}: {side} has the label {labels.max()}, but {layout.names} names {len(names)} classes"
            )
        pixels = records[:, layout.label_bytes :].reshape(-1, 3, 32, 32)
        arrays[f"x_{side}"] = np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))  # (N, 32, 32, 3)
        arrays[f"y_{side}"] = names[labels]
    np.savez(npz, **arrays)


def _only(folder: Path, name: str) -> Path:
    found = sorted(folder.rglob(name))
    if len(found) != 1:
        raise DataError(f"{folder} contains {len(found)} files called {name}, expected one")
    return found[0]


def _records(file: Path, label_bytes: int) -> NDArray[np.uint8]:
    values = np.fromfile(file, np.uint8)
    size = label_bytes + _PIXEL_BYTES
    if not len(values) or len(values) % size:
        raise DataError(f"{file} has {len(values):,} bytes, expected records of {size:,} bytes each")
    return values.reshape(-1, size)


def write_digits(folder: Path) -> None:
    """Write scikit-learn's 1,797 handwritten digits as PNG files of 8x8 pixels, in one folder per digit.

    Existing files stay. The digits come with scikit-learn, from the UCI machine learning repository.
    """
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    for index, (image, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        file = folder / str(label) / f"{index:04d}.png"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.rint(image * (255 / 16)).astype(np.uint8)).save(file)
