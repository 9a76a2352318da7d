"""Three sides: train, validation, test. Validation picks, test tells.

The split is a pure function of the labels, the digests and groups of the pictures and a seed. Pictures of one content
or one group (one track, one patient, one burst) stay on one side, and the same pictures are split in the same way
wherever they lie and in whatever order they come.
"""

import hashlib
from collections.abc import Iterable, Sequence
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
    groups: Sequence[str] | None = None,
    learned: NDArray[np.bool_] | None = None,
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
        groups: Group of each picture, "" for none.
        learned: Pictures that the network has learned from before, `(N,)`: they and their like are for training, and
            only the others are shared out. Given sides stay as they are.

    Returns:
        `(N,)` of indices into `SIDES`; -1 for a picture that is left out since its like is on a given later side.

    Raises:
        SettingsError: When the shares do not leave anything for training.
        DataError: When a class has too few different pictures to be on all three sides.
    """
    require_shares(validation, test)
    sides = np.zeros(len(labels), np.int64) if given is None else without_leaks(given, digests, groups)
    shares = {side: share for side, share in ((2, test), (1, validation)) if given is None or side not in given}
    together = _together(labels, digests, sides, len(classes), groups)
    for label, name in enumerate(classes):
        if learned is not None:
            together[label] = [group for group in together[label] if not learned[group].any()]
        if len(together[label]) < len(shares) + 1:
            what = "different picture(s)" if groups is None else "group(s) of pictures"
            known = "" if learned is None else " that the model it starts from has not seen,"
            other = "" if learned is None else ", or give --split of the model's own run"
            raise DataError(
                f"class {name!r} has {len(together[label])} {what}{known} to share out: "
                f"it needs at least {len(shares) + 1}, one for each side; add pictures or take the class out{other}"
            )
        together[label].sort(key=lambda group: _key(seed, min(digests[index] for index in group)))
        _share_out(together[label], shares, sides)
    return sides


def require_shares(validation: float, test: float) -> None:
    """Raise a `SettingsError` where the shares do not leave anything for training, or give a side nothing."""
    if not (0 < validation < 1 and 0 < test < 1 and validation + test < 1):
        raise SettingsError(f"validation and test must be above 0 and below 1 together, got {validation} and {test}")


def without_leaks(
    sides: NDArray[np.int64], digests: Sequence[bytes], groups: Sequence[str] | None = None
) -> NDArray[np.int64]:
    """Leave out pictures whose like is also on a later side: the test keeps its own, training gives way."""
    sets = _Union(digests, groups, range(len(sides)))
    latest: dict[int, int] = {}
    for index, side in enumerate(sides):
        latest[sets.of(index)] = max(latest.get(sets.of(index), 0), int(side))
    return np.array([side if latest[sets.of(index)] == side else LEFT_OUT for index, side in enumerate(sides)])


def _together(
    labels: NDArray[np.int64],
    digests: Sequence[bytes],
    sides: NDArray[np.int64],
    num_classes: int,
    groups: Sequence[str] | None,
) -> list[list[list[int]]]:
    """For each class the sets of its pictures that stay together; one that spans classes belongs to the first."""
    free = [int(index) for index in np.lexsort((np.arange(len(labels)), labels)) if sides[index] == 0]
    sets = _Union(digests, groups, free)
    found: dict[int, list[int]] = {}
    for index in free:
        found.setdefault(sets.of(index), []).append(index)
    by_class: list[list[list[int]]] = [[] for _ in range(num_classes)]
    for together in found.values():
        by_class[labels[together[0]]].append(together)
    return by_class


class _Union:
    """Disjoint sets of pictures: those of one content or one group are in one set."""

    def __init__(self, digests: Sequence[bytes], groups: Sequence[str] | None, indices: Iterable[int]) -> None:
        self._above: dict[int, int] = {}
        holder: dict[bytes | str, int] = {}
        for index in indices:
            for key in (digests[index], groups[index] if groups is not None else ""):
                if key:
                    one, other = self.of(index), self.of(holder.setdefault(key, index))
                    self._above[max(one, other)] = min(one, other)

    def of(self, index: int) -> int:
        """The picture that stands for a picture's set."""
        while (above := self._above.get(index, index)) != index:
            self._above[index] = self._above.get(above, above)
            index = above
        return index


def _share_out(groups: list[list[int]], shares: dict[int, float], sides: NDArray[np.int64]) -> None:
    """Fill each side in turn with whole groups as near to its share as they allow, leaving one for each to come."""
    count = sum(len(group) for group in groups)
    place = 0
    for position, (side, share) in enumerate(shares.items()):
        wanted, have = max(round(count * share), 1), 0
        while have < wanted and len(groups) - place > len(shares) - position:
            size = len(groups[place])
            if have and have + size - wanted > wanted - have:
                break
            sides[groups[place]] = side
            have += size
            place += 1


def _key(seed: int, digest: bytes) -> bytes:
    return hashlib.blake2b(digest, key=f"split {seed}".encode(), digest_size=16).digest()
