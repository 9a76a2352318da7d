"""The names of splits, defined once: of folders, shards, tables and arrays.

A split that is given must never be lost without a word. Where some of several names are splits and others are not, the
readers stop and name the others.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from eyebright.data.split import SIDES, Side
from eyebright.system.errors import DataError
from eyebright.system.text import counted, listed, nearest

SIDE_NAMES: dict[str, Side] = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
"""The usual names of the three splits, in lower case; `training_set`, `trainset` and `train_data` mean the same."""

_SUFFIX = re.compile(r"[-_. ]?(set|split|data|images)$")


def side_of(name: str) -> Side | None:
    """The split that a whole name means, in upper or lower case; None if it is not the name of a split.

    >>> side_of("Training_Set"), side_of("dev"), side_of("testing-data"), side_of("training camp")
    ('train', 'validation', 'test', None)
    """
    return SIDE_NAMES.get(_SUFFIX.sub("", name.strip().lower()))


def side_in(name: str) -> Side | None:
    """The split that a word of a name means: the first such word.

    >>> side_in("train-00000-of-00002"), side_in("seg_test"), side_in("val2017"), side_in("trained-0")
    ('train', 'test', 'validation', None)
    """
    found = (side_of(word) for word in re.split(r"[^a-z]+", name.lower()))
    return next((side for side in found if side), None)


def side_named(name: str) -> Side | None:
    """The split that a cell of a table names; None for "".

    Raises:
        DataError: When the name is unknown.
    """
    if name.strip() and side_of(name) is None:
        raise DataError(f"unknown split {name.strip()!r}: {nearest(name, SIDES)}")
    return side_of(name)


def sides_in(names: Sequence[str], origin: Path | str) -> list[Side] | None:
    """The split in the name of each file, as in `train-00000`; None if no name has one, or none the training set.

    Args:
        names: The names of the files.
        origin: Where they are, for error messages.

    Raises:
        DataError: When only some names have a split, and one of them is the training set.
    """
    sides = [side_in(name) for name in names]
    if "train" not in sides:
        return None
    odd = [name for name, side in zip(names, sides, strict=True) if side is None]
    if odd:
        known = [side for side in SIDES if side in sides]
        raise DataError(
            f"{origin}: the names of {counted(len(odd), 'file')} ({listed(odd, 3)}) give no split, those of the others "
            f"do ({', '.join(known)}): move these files away, or begin their names with {', '.join(SIDES[:2])} or "
            f"{SIDES[2]}"
        )
    return [side for side in sides if side]
