"""Classes as tables, shards and arrays give them: a text or a whole number, never NaN, a fraction or nothing."""

import math
import unicodedata
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eyebright.data.pictures.arrays import as_array
from eyebright.system.errors import DataError
from eyebright.system.text import kind_of, listed, nearest, printable

CLASS_COLUMNS = ("class", "label", "category")
"""The usual names of the column with the class."""
_MOST_LETTERS = 500


def class_name(value: object) -> str:
    """The name of a class, from the cell of a table or the like.

    Raises:
        DataError: When the value is neither a text nor a whole number.
    """
    if isinstance(value, str) and (text := value.strip()) and text.lower() != "nan":
        return text
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value is None or (isinstance(value, str) and not value.strip()):
        raise DataError("missing class: every image needs one")
    if isinstance(value, str) or (isinstance(value, float) and math.isnan(value)):
        raise DataError("missing class (NaN): every image needs one")
    raise DataError(f"invalid class {value!r}: expected a text or a whole number")


def index_classes(names: Sequence[str], others: Iterable[str] = ()) -> tuple[tuple[str, ...], list[int]]:
    """The classes, sorted as texts, and the position of each name among them.

    One name in two forms of Unicode (é as one character, or as e with an accent) is one class; a warning says so.

    Args:
        names: For each image the name of its class.
        others: Names of classes without images.
    """
    composed = {name: unicodedata.normalize("NFC", name) for name in {*names, *others}}
    classes = tuple(sorted({*composed.values()}))
    _warn_of_classes(composed, classes)
    position = {name: index for index, name in enumerate(classes)}
    return classes, [position[composed[name]] for name in names]


def _warn_of_classes(composed: dict[str, str], classes: Sequence[str]) -> None:
    """Warn of classes that are likely not meant as they are written."""
    if len(classes) < len(composed):
        twice = [name for name, count in Counter(composed.values()).items() if count > 1]
        warnings.warn(
            f"the class {listed(twice, 3)} is written in two forms of Unicode (NFC and NFD), which look the same: they "
            "are taken as one class",
            stacklevel=4,
        )
    if {"-1", "0"} <= {*classes}:
        warnings.warn(
            'the label -1 is taken as a class like the others: if it means "no label", leave these images out',
            stacklevel=4,
        )


def require_names(classes: Iterable[str], origin: object) -> None:
    """Refuse names of classes that nobody can read: empty ones, only control characters, or very long ones.

    Raises:
        DataError: With the name.
    """
    for name in classes:
        if not any(letter.isprintable() and not letter.isspace() for letter in name):
            raise DataError(f"{origin} has a class called '{printable(name)}', which nobody can read: rename it")
        if len(name) > _MOST_LETTERS:
            raise DataError(
                f"{origin} has a class with a name of {len(name):,} characters, which starts with "
                f"'{printable(name[:40])}': expected at most {_MOST_LETTERS}"
            )


def spelled_alike(classes: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of names of classes that only differ in capitals or spaces; letters as classes are meant so."""
    seen: dict[str, str] = {}
    found = []
    for name in classes:
        key = " ".join(name.casefold().split())
        if key in seen and len(key) > 1:
            found.append((seen[key], name))
        seen.setdefault(key, name)
    return found


def require_distinct_classes(classes: Iterable[str], origin: object) -> None:
    """Refuse classes that are one number in two forms, such as 1 and 1.0: some program rewrote numbers of a table.

    Raises:
        DataError: When there are two such classes.
    """
    seen: dict[float, str] = {}
    for name in classes:
        try:
            number = float(name)
        except ValueError:
            continue
        if number in seen:
            raise DataError(
                f"{origin} has the classes {seen[number]!r} and {name!r}, which are one number: use one form of it"
            )
        seen[number] = name


def encode_labels(
    labels: Sequence[int] | Sequence[str] | NDArray[Any], classes: Sequence[str] | None
) -> tuple[list[str], list[int]]:
    """The names of the classes, and the position of each label among them.

    Args:
        labels: Names of classes, or positions in `classes`; as `flat_labels` reads them.
        classes: The names of the classes in any order; None to take the labels as names, sorted as texts.

    Raises:
        DataError: When a label is not a class, or there is not one label per image.
    """
    given = flat_labels(labels)
    if classes is None:
        found, indices = index_classes(names_of(given))
        return [*found], indices
    names = [str(name) for name in classes]
    return names, [_position(label, names) for label in given]


def flat_labels(labels: object) -> list[object]:
    """Labels in one of the forms that other libraries use, as a list with a text or whole number for each image.

    Args:
        labels: An array, list or tensor: texts or whole numbers, `(N,)` or `(N, 1)`; or one-hot rows, `(N, classes)`,
            which give the position of their 1.

    Raises:
        DataError: When they have another form; the message says how to convert them.
    """
    try:
        array = as_array(labels)
        array = np.char.decode(array, "utf-8") if array.dtype.kind == "S" else array
    except ValueError as problem:
        raise DataError(f"labels: expected one for each image, got {kind_of(labels)}: {problem}") from problem
    if array.ndim == 2 and array.shape[1] > 1:
        return _of_one_hot(array)
    if array.ndim == 0 or array.size != len(array):
        raise DataError(f"labels have the shape {array.shape}: expected one label for each image, (N,)")
    if array.dtype.kind == "f":
        if len(missing := np.flatnonzero(np.isnan(array))):
            raise DataError(
                f"missing class (NaN) at position {missing[0]}, {len(missing):,} in all: every image needs one"
            )
        if (array == np.rint(array)).all():
            array = array.astype(np.int64)
    if array.dtype.kind in "OU" and not isinstance(labels, np.ndarray):
        array = np.asarray(labels, object)  # numpy would silently turn numbers among texts into texts
    if array.dtype == object:
        types = {isinstance(value, str): value for value in array.ravel()}
        if len(types) > 1:
            raise DataError(f"labels are texts and numbers, such as {types[True]!r} and {types[False]!r}: use one type")
    return list(array.reshape(-1).tolist())


def names_of(labels: Iterable[object]) -> list[str]:
    """The names of classes that labels give; a `DataError` where one is neither a text nor a whole number."""
    known: dict[object, str] = {}
    names = []
    for label in labels:
        if label not in known:
            known[label] = class_name(str(label) if isinstance(label, bool) else label)
        names.append(known[label])
    return names


def _of_one_hot(rows: NDArray[Any]) -> list[object]:
    """The position of the 1 in each row."""
    if rows.dtype.kind not in "buif" or not np.isin(rows, (0, 1)).all() or not (rows.sum(axis=1) == 1).all():
        raise DataError(
            f"labels have the shape {rows.shape}, but not each row is one 1 among zeros: expected one label for each "
            f"image, ({len(rows)},), or one-hot rows; for shares or scores of classes write labels.argmax(axis=1)"
        )
    return list(rows.argmax(axis=1).tolist())


def _position(label: object, classes: list[str]) -> int:
    label = int(label) if isinstance(label, float) and label.is_integer() else label
    if isinstance(label, int) and not isinstance(label, bool) and 0 <= label < len(classes):
        return label
    if str(label) in classes:
        return classes.index(str(label))
    if isinstance(label, int) and not isinstance(label, bool):
        shift = "; if your labels start at 1, write labels - 1" if label == len(classes) else ""
        raise DataError(
            f"label {label} is not a class: expected 0 to {len(classes) - 1}, for {listed(classes, 10)}{shift}"
        )
    raise DataError(f"label {label!r} is not a class: {nearest(str(label), classes)}")
