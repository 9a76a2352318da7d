"""The split into training, validation and test set. Validation picks the best epoch, the test measures the result.

For a promise, half of the validation set is held back: it picks nothing, and the promise rests on it alone.

The split is a pure function of the labels, digests and groups of the images and a seed. Images with the same content or
of one group (one track, one patient, one burst) stay in the same set, and the same images are split in the same way,
whatever their folder and order.
"""

import hashlib
import itertools
from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyebright.data.digests import Digests
from eyebright.system.errors import DataError, SettingsError
from eyebright.system.records import Record
from eyebright.system.text import counted, percent

Side: TypeAlias = Literal["train", "validation", "test", "held_back"]
SIDES: tuple[Side, ...] = ("train", "validation", "test")
"""The sets that every training has."""
ALL_SIDES: tuple[Side, ...] = (*SIDES, "held_back")
"""Sets are stored as positions in this: with that part of the validation set that is held back for a promise."""
LEFT_OUT = -1


class Leaks(Record, frozen=True, kw_only=True):
    """Images of a set that have a near-duplicate, or an image of their group, in an earlier set.

    Args:
        side: The set.
        earlier: The set that has their near-duplicates and groups.
        count: How many images of `side` have any.
        of: Number of images of `side`.
    """

    side: Side
    earlier: Side
    count: int
    of: int

    def __str__(self) -> str:
        earlier = "training" if self.earlier == "train" else self.earlier
        side = self.side.replace("_", "-")
        return (
            f"{self.count:,} of the {self.of:,} {side} images ({percent(self.count / self.of)}) "
            f"{'has' if self.count == 1 else 'have'} a near-duplicate or an image of "
            f"{'its' if self.count == 1 else 'their'} group in the {earlier} set."
        )


def split(
    labels: NDArray[np.int64],
    digests: Sequence[bytes],
    classes: Sequence[str],
    *,
    seed: int = 0,
    validation: float = 0.15,
    test: float = 0.15,
    given: NDArray[np.int64] | None = None,
    groups: NDArray[np.int64] | Sequence[str] | None = None,
    learned: NDArray[np.bool_] | None = None,
) -> NDArray[np.int64]:
    """Assign every image to a set, class by class, so that each set gets its share of every class.

    Args:
        labels: Class of each image, `(N,)`.
        digests: Digest of each image, N times 16 bytes.
        classes: Names of the classes.
        seed: Another seed gives another split.
        validation: Share of the images in the validation set, above 0.
        test: Share of the images in the test set; 0 for none.
        given: Sets that are decided already, `(N,)` of positions in `SIDES`. A validation or test set that is missing
            among them is taken from training, in whole groups; groups that have images in a given validation or test
            set are taken last. An image that is also in a later set is left out of the earlier one.
        groups: Group of each image, as names ("" for none) or numbers (-1 for none).
        learned: Images that the network was trained on before, `(N,)`: they and the images of their groups stay in
            training, only the others are split. Given sets are not changed.

    Returns:
        `(N,)` of positions in `SIDES`; -1 for an image that is left out because it is also in a later given set.

    Raises:
        SettingsError: When the shares leave nothing for training.
        DataError: When a class has too few different images for all three sets, or as `given_sides`.
    """
    require_shares(validation, test)
    sides = np.zeros(len(labels), np.int64) if given is None else given_sides(labels, given, digests, classes)
    shares = {side: share for side, share in ((2, test), (1, validation))
              if share and (given is None or side not in given)}  # fmt: skip
    every, free = Digests.of(digests), np.flatnonzero(sides == 0)
    ranks = every.ranks()
    together = sets_of(ranks, None if groups is None else numbered(groups))
    elsewhere = np.isin(together, together[sides != 0])[free]
    ranks, sets = ranks[free], np.unique(together[free], return_inverse=True)[1]
    order = np.lexsort((ranks, sets))
    firsts = order[np.flatnonzero(np.diff(sets[order], prepend=-1))]  # the image with the least digest of each set
    owners = _owners(labels[free], sets, len(classes))
    if groups is not None and _fewest(owners, labels[free]) <= len(shares):  # such as crops of crowded images
        owners = _owners(labels[free], sets, len(classes), rarest_first=True)
    if learned is not None:  # those stay in training
        owners[np.unique(sets[learned[free]])] = len(classes)
    sizes, where = np.bincount(sets, minlength=len(firsts)), np.zeros(len(firsts), np.int64)
    shared = set[int]()  # classes that own too few sets, but may have images in the sets of other classes
    for label, name in enumerate(classes):
        own = np.flatnonzero(owners == label)
        if len(own) <= len(shares):
            if groups is None:
                raise _too_few(name, len(own), len(shares), labels[free] == label, learned, "different image")
            shared.add(label)
            continue
        keys = [(bool(elsewhere[index]), _key(seed, every.values[free[index]].tobytes())) for index in firsts[own]]
        own = own[sorted(range(len(own)), key=keys.__getitem__)]
        where[own] = _shared_out(sizes[own].tolist(), shares)
    sides[free] = where[sets]
    for label in sorted(shared):
        here = labels[free] == label
        if not {0, *shares} <= {*where[sets[here]].tolist()} or not _has_own_content(ranks, here):
            raise _too_few(classes[label], int((owners == label).sum()), len(shares), here, learned, "group")
    return sides


def _has_own_content(ranks: NDArray[np.int64], here: NDArray[np.bool_]) -> bool:
    """Whether some image of a class is no copy of an image of another class."""
    return not np.isin(ranks[here], ranks[~here]).all()


def _too_few(
    name: str, own: int, shares: int, here: NDArray[np.bool_], learned: NDArray[np.bool_] | None, what: str
) -> DataError:
    """The error of a class with too few images for all sets."""
    if learned is None and not own and here.any():
        return DataError(
            f"no image of class {name!r} is its own: each is a copy of an image of another class, or in a "
            "group with one; correct the labels, join the classes or remove one"
        )
    known = "" if learned is None else " that the initial model was not trained on"
    other = "" if learned is None else ", or use --split with the split.csv of the model's run"
    return DataError(
        f"class {name!r} has {counted(own, what)}{known}: it needs at least {shares + 1}, one for "
        f"each set; add images or remove the class{other}"
    )


def hold_back(
    sides: NDArray[np.int64],
    labels: NDArray[np.int64],
    digests: Sequence[bytes],
    *,
    seed: int = 0,
    groups: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """Hold back half of the validation set for a promise, class by class and in whole groups.

    Args:
        sides: The set of each image, `(N,)` of positions in `ALL_SIDES`.
        labels: Class of each image, `(N,)`.
        digests: Digest of each image, N times 16 bytes.
        seed: Another seed holds back other images.
        groups: Group of each image as a number, -1 for none.

    Returns:
        `(N,)` of positions in `ALL_SIDES`. Each class keeps a group for validation; nothing changes where images are
        held back already.
    """
    held, here = ALL_SIDES.index("held_back"), np.flatnonzero(sides == SIDES.index("validation"))
    if (sides == held).any():
        return sides
    every = Digests.of(digests)
    sets = np.unique(sets_of(every.ranks(), groups)[here], return_inverse=True)[1]
    owners, sizes = _owners(labels[here], sets, int(labels.max(initial=0)) + 1), np.bincount(sets)
    least: dict[int, bytes] = {}  # the image of each set that comes first
    for one, digest in zip(sets.tolist(), every.values[here], strict=True):
        key = _key(seed, digest.tobytes())
        least[one] = min(least.get(one, key), key)
    chosen = np.zeros(len(sizes), np.int64)
    for label in np.unique(owners):
        own = np.array(sorted(np.flatnonzero(owners == label).tolist(), key=least.__getitem__))
        chosen[own] = _shared_out(sizes[own].tolist(), {held: 0.5})
    found = sides.copy()
    found[here[chosen[sets] == held]] = held
    return found


def require_shares(validation: float, test: float) -> None:
    """Raise a `SettingsError` where the shares leave nothing for training, or nothing for validation."""
    if not (0 < validation < 1 and 0 <= test < 1 and validation + test < 1):
        raise SettingsError(
            f"expected validation above 0, test at least 0 and both together below 1, got {validation} and {test}"
        )


def given_sides(
    labels: NDArray[np.int64],
    given: NDArray[np.int64],
    digests: Sequence[bytes],
    classes: Sequence[str],
    groups: NDArray[np.int64] | Sequence[str] | None = None,
) -> NDArray[np.int64]:
    """The sets that are decided already, without images that are also in a later one; arguments as in `split`.

    An image also counts as being in a set where another image of its group is.

    Raises:
        DataError: When all images of a set, or all training images of a class, are also in a later set.
    """
    sides = without_leaks(given, digests, groups)
    sets = sets_of(Digests.of(digests).ranks(), None if groups is None else numbered(groups))
    also = "are also" if groups is None else "or images of their groups are also"
    for position, side in enumerate(SIDES[:2]):
        here = given == position
        if here.any() and not (sides == position).any():
            shared = (np.isin(sets[here], sets[given == other]).any() for other in range(position + 1, 3))
            later = [name for name, is_shared in zip(SIDES[position + 1 :], shared, strict=True) if is_shared]
            kind = "training" if side == "train" else side
            raise DataError(
                f"all {counted(int(here.sum()), f'{kind} image')} {also} in the {' and '.join(later)} "
                "set: one is a copy of the other; remove the copy (a validation or test set that is missing is taken "
                "from the training images)"
            )
    for label, name in enumerate(classes):
        own = labels == label
        if (own & (given == 0)).any() and not (own & (sides == 0)).any():
            raise DataError(
                f"all training images of class {name!r} {also} in the validation or test set: remove them there, or "
                "add other training images"
            )
    return sides


def without_leaks(
    sides: NDArray[np.int64], digests: Sequence[bytes], groups: NDArray[np.int64] | Sequence[str] | None = None
) -> NDArray[np.int64]:
    """Leave out images that are also in a later set: the test set stays complete."""
    sides = np.asarray(sides, np.int64)
    sets = sets_of(Digests.of(digests).ranks(), None if groups is None else numbered(groups))
    latest = np.zeros(len(sides), np.int64)
    np.maximum.at(latest, sets, sides)
    return np.where(latest[sets] == sides, sides, LEFT_OUT)


def linked(sides: NDArray[np.int64], earlier: Side, *numbers: NDArray[np.int64] | None) -> NDArray[np.bool_]:
    """Whether an image shares a number with an image of a set, in one of the numberings `(N,)`; -1 is no number."""
    there, found = sides == ALL_SIDES.index(earlier), np.zeros(len(sides), np.bool_)
    for known in numbers:
        if known is not None:
            found |= (known >= 0) & np.isin(known, known[there])
    return found


def leaks_of(sides: NDArray[np.int64], *numbers: NDArray[np.int64] | None) -> tuple[Leaks, ...]:
    """The images of each set that share a number with an image of an earlier set, in one of the numberings."""
    found = []
    for earlier, side in itertools.combinations(ALL_SIDES, 2):
        here = sides == ALL_SIDES.index(side)
        count = int((here & linked(sides, earlier, *numbers)).sum())
        if count:
            found.append(Leaks(side=side, earlier=earlier, count=count, of=int(here.sum())))
    return tuple(found)


def numbered(groups: NDArray[np.int64] | Sequence[str]) -> NDArray[np.int64]:
    """Groups as numbers, `(N,)`, -1 for none; numbers take less memory than names."""
    if isinstance(groups, np.ndarray):
        return np.asarray(groups, np.int64)
    known = {"": -1}
    return np.fromiter((known.setdefault(name, len(known) - 1) for name in groups), np.int64, len(groups))


def sets_of(ranks: NDArray[np.int64], groups: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """A number for each image, `(N,)`: images with the same content or of one group have the same number."""
    if groups is None:
        return np.unique(ranks, return_inverse=True)[1]
    return connected(len(ranks), np.concatenate([links_within(ranks), links_within(groups)]))


def connected(count: int, links: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sets of linked images: their connected components, numbered from 0 on.

    Args:
        count: Number of images, N.
        links: Positions of two linked images in each row, `(P, 2)`; links chain.

    Returns:
        The number of the set of each image, `(N,)`.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    edges = coo_array((np.ones(len(links), np.int8), (links[:, 0], links[:, 1])), shape=(count, count))
    return connected_components(edges, directed=False)[1].astype(np.int64)


def links_within(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Links `(P, 2)` between the images of each group, as `connected` takes them; -1 is no group."""
    grouped = np.flatnonzero(groups >= 0)
    _, first, group = np.unique(groups[grouped], return_index=True, return_inverse=True)
    return np.stack([grouped[first][group], grouped], axis=1)


def _owners(
    labels: NDArray[np.int64], sets: NDArray[np.int64], num_classes: int, *, rarest_first: bool = False
) -> NDArray[np.int64]:
    """The class that each set of images belongs to: one that spans classes belongs to the first, or to the rarest."""
    order = np.arange(num_classes)
    if rarest_first:
        pairs = np.unique(np.stack([labels, sets]), axis=1)  # a class is as frequent as it is in different sets
        order = np.argsort(np.bincount(pairs[0], minlength=num_classes), kind="stable")
    owners = np.full(int(sets.max(initial=-1)) + 1, num_classes, np.int64)
    np.minimum.at(owners, sets, np.argsort(order)[labels])
    return np.append(order, num_classes)[owners]


def _fewest(owners: NDArray[np.int64], labels: NDArray[np.int64]) -> int:
    """How many sets the class with the fewest owns, of the classes that are there."""
    return min((int((owners == label).sum()) for label in np.unique(labels)), default=0)


def _shared_out(sizes: list[int], shares: dict[int, float]) -> list[int]:
    """The side of each group: test and validation get whole groups until their share is reached, training the rest.

    One group is always left for each side that follows. A group that is too large for a side goes to training, as long
    as smaller ones are left.
    """
    count, sides, left = sum(sizes), [0] * len(sizes), list(range(len(sizes)))
    for position, (side, share) in enumerate(shares.items()):
        wanted, least = max(round(count * share), 1), min(sizes[one] for one in left)
        small = sum(sizes[one] for one in left if sizes[one] <= 2 * max(wanted, least))  # also for the sides to come
        wanted = max(min(wanted, int(small * (share / sum(list(shares.values())[position:])))), 1)
        room, most, rest = wanted, len(left) - len(shares) + position, []
        for one in left:
            largest = 2 * max(room, least if room == wanted else 0)  # beyond by no more than is missing without it
            if most and room > 0 and sizes[one] <= largest:
                sides[one] = side
                room, most = room - sizes[one], most - 1
            else:
                rest.append(one)
        left = rest
    return sides


def _key(seed: int, digest: bytes) -> bytes:
    return hashlib.blake2b(digest, key=f"split {seed}".encode(), digest_size=16).digest()
