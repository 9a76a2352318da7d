"""What a source of pictures gives: the pictures, the class of each, and what else is known of them."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from eyebright.datasets.sources.source import Source
from eyebright.datasets.split import Side


class Found(NamedTuple):
    """Pictures that were found.

    Args:
        source: The pictures.
        classes: Names of the classes, sorted as texts whatever they are, so that every source gives the same.
        labels: For each picture the position of its class.
        sides: For each picture its side, where that is given.
        groups: For each picture its group ("" for none), where there are any: pictures of one group are never on two
            sides.
        origin: The folder, file or address from which they come; of an address not what signs it.
    """

    source: Source
    classes: tuple[str, ...]
    labels: Sequence[int]
    sides: Sequence[Side] | None = None
    groups: Sequence[str] | None = None
    origin: Path | str | None = None


SIDE_NAMES: dict[str, Side] = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
}
"""What people call the three sides, in lower case."""


def sides_by_name(names: Sequence[str]) -> list[Side] | None:
    """The side that each name tells, as `train-00000` does: all tell one, with train among them, or none counts."""
    sides = []
    for name in names:
        told = [SIDE_NAMES[word] for word in re.split(r"[-_./]", name.lower()) if word in SIDE_NAMES]
        if not told:
            return None
        sides.append(told[0])
    return sides if "train" in sides else None
