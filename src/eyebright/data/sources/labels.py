"""A class as tables and shards tell it: a text or a whole number, never NaN, a fraction or nothing."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from eyebright.system.errors import DataError
from eyebright.system.text import nearest

NAMES = ("class", "label", "category")


def label_of(value: object, where: str = "") -> str:
    """The name of a class.

    Args:
        value: What was found.
        where: Where it was, for the message: "pictures.csv, line 7: ".

    Raises:
        DataError: When it is no class.
    """
    if isinstance(value, str) and (text := value.strip()) and text.lower() != "nan":
        return text
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value is None or (isinstance(value, str) and not value.strip()):
        raise DataError(f"{where}no class; every picture needs one")
    if isinstance(value, str) or (isinstance(value, float) and math.isnan(value)):
        raise DataError(f"{where}its class is NaN, not a number; every picture needs one")
    raise DataError(f"{where}its class is {value!r}: expected a text or a whole number")


def require_one_kind(values: Sequence[object] | NDArray[np.generic]) -> None:
    """Refuse labels of which some are texts and some numbers: numpy would make texts of all of them.

    Raises:
        DataError: When there are both.
    """
    kinds = {isinstance(value, str): value for value in np.asarray(values, object).ravel()}
    if len(kinds) > 1:
        raise DataError(f"labels are of mixed type, as {kinds[True]!r} and {kinds[False]!r} are: give one kind")


def require_distinct(names: tuple[str, ...], where: str) -> None:
    """Refuse classes that are one number written in two ways, as 1 and 1.0 are: numbers that passed through a table.

    Raises:
        DataError: When there are such.
    """
    seen: dict[float, str] = {}
    for name in names:
        try:
            number = float(name)
        except ValueError:
            continue
        if number in seen:
            raise DataError(
                f"{where} has the classes {seen[number]!r} and {name!r}, one number in two forms: write it in one"
            )
        seen[number] = name


def positions(
    labels: Sequence[int] | Sequence[str] | NDArray[np.generic], classes: Sequence[str] | None
) -> tuple[list[str], list[int]]:
    """The names of the classes, and the position of each label among them.

    Args:
        labels: Names of classes, or positions in `classes`.
        classes: Names of the classes; those of the labels, sorted as texts, where there are none.

    Raises:
        DataError: When a label is no class.
    """
    given = np.asarray(labels).reshape(len(labels)).tolist()
    if classes is None:
        require_one_kind(labels)
        names_of = {label: label_of(str(label) if isinstance(label, bool) else label) for label in set(given)}
        classes = sorted({*names_of.values()})  # as texts, as the names of folders are: 1, 10, 2
        given = [names_of[label] for label in given]
    names = [str(name) for name in classes]
    return names, [_position(label, names) for label in given]


def _position(label: object, classes: list[str]) -> int:
    if isinstance(label, int) and not isinstance(label, bool) and 0 <= label < len(classes):
        return label
    if str(label) in classes:
        return classes.index(str(label))
    raise DataError(f"label {label!r} is no class: {nearest(str(label), classes)}")
