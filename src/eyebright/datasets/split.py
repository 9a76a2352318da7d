"""Three sides: train, validation, test. Validation picks, test tells.

The split is a pure function of the labels, the digests of the pictures and a seed. Pictures of one content are one
group and stay on one side, and the same pictures are split in the same way wherever they lie and in whatever order
they come.
"""

import csv
import hashlib
import io
from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyebright.errors import DataError, SettingsError

Side: TypeAlias = Literal["train", "validation", "test"]
SIDES: tuple[Side, ...] = ("train", "validation", "test")
LEFT_OUT = -1


def split(
    labels: NDArray[np.int64],
    digests: Sequence[bytes],
    classes: Sequence[str],
    *,
    seed: int = 0,
    validation: float = 0.15,
    test: float = 0.15,
    given: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """Assign every picture to a side, class by class, so that each side holds its share of every class.

    Args:
        labels: Class of each picture, `(N,)`.
        digests: Content of each picture, N times 16 bytes.
        classes: Names of the classes.
        seed: Another seed gives another split.
        validation: Share of the pictures for validation, above 0.
        test: Share for the test, above 0.
        given: Sides that are fixed already, `(N,)` of indices into `SIDES`; what is missing among them, validation or
            test, is taken from training. A picture whose content is also on a later side is left out of the earlier
            one.

    Returns:
        `(N,)` of indices into `SIDES`; -1 for a picture that is left out since its like is on a given later side.

    Raises:
        SettingsError: When the shares do not leave anything for training.
        DataError: When a class has too few different pictures to be on all three sides.
    """
    require_shares(validation, test)
    sides = np.zeros(len(labels), np.int64) if given is None else without_leaks(given, digests)
    shares = {side: share for side, share in ((2, test), (1, validation)) if given is None or side not in given}
    groups = _groups(labels, digests, sides, len(classes))
    for label, name in enumerate(classes):
        if len(groups[label]) < len(shares) + 1:
            raise DataError(
                f"class {name!r} has {len(groups[label])} different picture(s) to share out: "
                f"it needs at least {len(shares) + 1}, one for each side; add pictures or take the class out"
            )
        groups[label].sort(key=lambda group: _key(seed, digests[group[0]]))
        _share_out(groups[label], shares, sides)
    return sides


def require_shares(validation: float, test: float) -> None:
    """Raise a `SettingsError` where the shares do not leave anything for training, or give a side nothing."""
    if not (0 < validation < 1 and 0 < test < 1 and validation + test < 1):
        raise SettingsError(f"validation and test must be above 0 and below 1 together, got {validation} and {test}")


def without_leaks(sides: NDArray[np.int64], digests: Sequence[bytes]) -> NDArray[np.int64]:
    """Leave out pictures whose content is also on a later side: the test keeps its own, training gives way."""
    latest: dict[bytes, int] = {}
    for side, digest in zip(sides, digests, strict=True):
        latest[digest] = max(latest.get(digest, 0), int(side))
    return np.array([side if latest[digest] == side else LEFT_OUT for side, digest in zip(sides, digests, strict=True)])


def _groups(
    labels: NDArray[np.int64], digests: Sequence[bytes], sides: NDArray[np.int64], num_classes: int
) -> list[list[list[int]]]:
    """For each class its groups of pictures of one content; a group that spans classes belongs to the first of them."""
    by_content: dict[bytes, list[int]] = {}
    for index in np.lexsort((np.arange(len(labels)), labels)):
        if sides[index] == 0:
            by_content.setdefault(digests[index], []).append(int(index))
    by_class: list[list[list[int]]] = [[] for _ in range(num_classes)]
    for group in by_content.values():
        by_class[labels[group[0]]].append(group)
    return by_class


def _share_out(groups: list[list[int]], shares: dict[int, float], sides: NDArray[np.int64]) -> None:
    """Fill each side in turn with whole groups until it has its share, leaving at least one group for those to come."""
    count = sum(len(group) for group in groups)
    remaining = iter(groups)
    left = len(groups)
    for position, (side, share) in enumerate(shares.items()):
        wanted, have = max(round(count * share), 1), 0
        while have < wanted and left > len(shares) - position:
            group = next(remaining)
            sides[group] = side
            have += len(group)
            left -= 1


def _key(seed: int, digest: bytes) -> bytes:
    return hashlib.blake2b(digest, key=f"split {seed}".encode(), digest_size=16).digest()


def to_csv(names: Sequence[str], labels: NDArray[np.int64], digests: Sequence[bytes], classes: Sequence[str],
           sides: NDArray[np.int64]) -> str:  # fmt: skip
    """The split as CSV with the columns name, class, split and digest; pictures left out have an empty split."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["name", "class", "split", "digest"])
    for name, label, side, digest in zip(names, labels, sides, digests, strict=True):
        writer.writerow([name, classes[label], "" if side == LEFT_OUT else SIDES[side], digest.hex()])
    return text.getvalue()
