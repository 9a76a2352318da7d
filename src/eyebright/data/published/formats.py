"""CIFAR's binary records as arrays; the pickles, which could run anything, are left alone.

A record is one byte of label (CIFAR-100: coarse, then fine) and 3,072 bytes of pixels: red, green, blue, each row by
row. Source: "Binary version" on Krizhevsky's page of CIFAR-10 and CIFAR-100.

scikit-learn's 1,797 handwritten digits (8x8 pixels, from the UCI machine learning repository) as pictures.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from eyebright.system.errors import DataError

_PIXELS = 3 * 32 * 32


class Form(NamedTuple):
    """Where the records and names are in the unpacked archive."""

    train: tuple[str, ...]
    test: str
    names: str
    label_bytes: int


FORMS = {
    "cifar10": Form(tuple(f"data_batch_{n}.bin" for n in range(1, 6)), "test_batch.bin", "batches.meta.txt", 1),
    "cifar100": Form(("train.bin",), "test.bin", "fine_label_names.txt", 2),
}


def write_npz(folder: Path, form: Form, place: Path) -> None:
    """Write the records below a folder as `x_train`, `y_train`, `x_test`, `y_test`; labels are the classes' names.

    Raises:
        DataError: When a file is missing or is no whole number of records of known classes.
    """
    names = np.array(_only(folder, form.names).read_text(encoding="utf-8").split())
    arrays: dict[str, Any] = {}
    for side, files in (("train", form.train), ("test", (form.test,))):
        records = np.concatenate([_records(_only(folder, file), form.label_bytes) for file in files])
        labels = records[:, form.label_bytes - 1]
        if labels.max() >= len(names):
            raise DataError(f"{folder}: {side} has a label {labels.max()}, {form.names} names {len(names)} classes")
        pixels = records[:, form.label_bytes :].reshape(-1, 3, 32, 32)
        arrays[f"x_{side}"] = np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))  # (N, 32, 32, 3)
        arrays[f"y_{side}"] = names[labels]
    np.savez(place, **arrays)


def _only(folder: Path, name: str) -> Path:
    found = sorted(folder.rglob(name))
    if len(found) != 1:
        raise DataError(f"{folder} holds {len(found)} files {name}, expected one")
    return found[0]


def _records(file: Path, label_bytes: int) -> "np.ndarray[tuple[int, int], np.dtype[np.uint8]]":
    values = np.fromfile(file, np.uint8)
    length = label_bytes + _PIXELS
    if not len(values) or len(values) % length:
        raise DataError(f"{file} is {len(values):,} bytes long, which is no number of records of {length:,}")
    return values.reshape(-1, length)


def write_digits(folder: Path) -> None:
    """One PNG of 8x8 pixels for each digit, in a folder for each of the ten; what is there already stays."""
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    for index, (image, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        place = folder / str(label) / f"{index:04d}.png"
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.rint(image * (255 / 16)).astype(np.uint8)).save(place)
