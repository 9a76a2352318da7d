"""A split as CSV: written with every run, and read to use it for another.

name,class,split,digest
daisy/0.jpg,daisy,train,7d0c...
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.data.sources.sides import side_of
from eyebright.data.sources.table import read_lines
from eyebright.data.split import ALL_SIDES, LEFT_OUT, SIDES
from eyebright.system.errors import DataError
from eyebright.system.text import csv_cell, csv_text, listed


class _Bytes(bytearray):
    """A target for `csv`, with a fifth of the memory of a string."""

    def write(self, text: str) -> None:
        self.extend(text.encode("utf-8", "surrogateescape"))


def to_csv(names: Sequence[str], labels: NDArray[np.int64], digests: Sequence[bytes], classes: Sequence[str],
           sides: NDArray[np.int64]) -> bytes:  # fmt: skip
    """The split as CSV with the columns name, class, split and digest; images that are left out have an empty split."""
    content = _Bytes()
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow(["name", "class", "split", "digest"])
    for name, label, side, digest in zip(names, labels, sides, digests, strict=True):
        writer.writerow(
            [csv_cell(name), csv_cell(classes[label]), "" if side == LEFT_OUT else ALL_SIDES[side], digest.hex()]
        )
    return bytes(content)


class SplitFile(NamedTuple):
    """A split that was decided before, as positions in `ALL_SIDES`; -1 for an image that was left out.

    Args:
        path: The file.
        by_name: Set and digest of each image, by name; the digest is "" where the file has none.
        by_digest: The latest set of each digest, for images that have another name now.
    """

    path: Path
    by_name: dict[str, tuple[int, str]]
    by_digest: dict[str, int]

    def sides(self, names: Sequence[str], digests: Sequence[bytes]) -> NDArray[np.int64]:
        """The set of each image, `(N,)`.

        Raises:
            DataError: When some images are not in the file; they are named.
        """
        found = [self._side(name, digest.hex()) for name, digest in zip(names, digests, strict=True)]
        unknown = [name for name, side in zip(names, found, strict=True) if side is None]
        if unknown:
            raise DataError(
                f"{self.path} does not contain {len(unknown):,} of the {len(names):,} images ({listed(unknown)}): "
                "it belongs to other images, or they have changed"
            )
        return np.array(found, np.int64)

    def _side(self, name: str, digest: str) -> int | None:
        side, expected = self.by_name.get(name, (None, digest))
        return side if side is not None and expected in ("", digest) else self.by_digest.get(digest)


def read_split(path: Path) -> SplitFile:
    """Read a split: `split.csv` of a run, or any CSV with the columns name and split.

    Raises:
        DataError: When it cannot be read, a column is missing, or a row is not valid; the line is named.
    """
    found = SplitFile(path, {}, {})
    for number, columns, cells in read_lines(path):
        if not {"name", "split"} <= set(columns):
            found_columns = ", ".join(columns) or "none"
            raise DataError(f"{path} is not a split: expected the columns name and split, got {found_columns}")
        if cells is None:
            continue
        row = {column: "" if cell is None else str(cell) for column, cell in zip(columns, cells, strict=True)}
        where, name, digest = f"{path}, line {number}", csv_text(row["name"]), row.get("digest", "")
        named = ALL_SIDES[-1] if row["split"] == ALL_SIDES[-1] else side_of(row["split"])
        if named is None and row["split"].strip():
            raise DataError(f"{where}: unknown split {row['split']!r}: expected {', '.join(ALL_SIDES)}, or nothing")
        side = LEFT_OUT if named is None else ALL_SIDES.index(named)
        if name in found.by_name:
            raise DataError(f"{where}: {name} is there twice")
        found.by_name[name] = (side, digest)
        if digest:
            found.by_digest[digest] = max(side, found.by_digest.get(digest, LEFT_OUT))
    empty = [name for number, name in enumerate(SIDES) if number not in {side for side, _ in found.by_name.values()}]
    if empty:
        raise DataError(f"{path} has no images for {' and '.join(empty)}: each set needs some")
    return found
