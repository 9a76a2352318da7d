"""Which images must be in the same split: exact duplicates, near-duplicates, and images of one group or burst."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.data.audit.duplicates import Duplicates, find_duplicates
from eyebright.data.audit.groups import find_groups, root_of
from eyebright.data.audit.neighbours import ThumbnailArray, members_of
from eyebright.data.digests import Digests
from eyebright.data.split import connected, links_within
from eyebright.system.progress import ReportShare, part_of, quiet_share

METHOD = 5  # raise it with every change of the results: they are kept beside the pack
SPLITS = 3  # training, validation and test set
LEAST_FOR_BURSTS = 128  # images: from fewer it cannot be learned how similar the images of a burst are


class Together(NamedTuple):
    """Sets of images: the number of the set of each image, -1 if it is alone, `(N,)`.

    Args:
        kept: Sets that a split keeps together, as `eyebright.data.split.split` takes groups.
        related: Exact and near-duplicates, and frames that certainly are of one film. Where so much belongs together
            that a class could not be split, not all of it is kept together.
    """

    kept: NDArray[np.int64]
    related: NDArray[np.int64]


def together(
    labels: NDArray[np.int64],
    thumbnails: ThumbnailArray,
    digests: Sequence[bytes],
    groups: NDArray[np.int64] | None = None,
    names: Sequence[str] | None = None,
    *,
    progress: ReportShare | None = None,
) -> Together:
    """Find the sets of images that belong together; their numbers do not depend on the order of the images.

    Args:
        labels: Class of each image, `(N,)`.
        thumbnails: `(N, 32, 32, 3)`, uint8.
        digests: Digest of each image's content, N times 16 bytes.
        groups: Known groups, a number for each image, -1 for none, `(N,)`. With known groups, bursts are not searched.
        names: Names of the images, by which films may be known.
        progress: Called with the share of the work that is done, 0 to 1.
    """
    count, ranks, report = len(labels), Digests.of(digests).ranks(), progress or quiet_share
    found = find_duplicates(thumbnails, digests, part_of(report, 0, 0.5 if groups is None else 1))
    related = found.pairs
    if groups is not None:
        sets = _joined(labels, ranks, groups, found)
    elif count < LEAST_FOR_BURSTS:
        sets = _divisible(labels, connected(count, found.pairs), count + found.first)
    else:
        bursts = find_groups(labels, thumbnails, digests, names, part_of(report, 0.5, 1))
        related = np.concatenate([related, links_within(bursts.films)])
        alone = connected(count, np.concatenate([found.exact, links_within(bursts.kept)]))
        sets = connected(count, np.concatenate([found.pairs, links_within(bursts.kept)]))
        sets = _divisible(labels, sets, _divisible(labels, count + alone, 2 * count + found.first))
    report(1)
    return Together(_numbered(sets, ranks), _numbered(connected(count, related), ranks))


def _divisible(labels: NDArray[np.int64], sets: NDArray[np.int64], smaller: NDArray[np.int64]) -> NDArray[np.int64]:
    """The sets; smaller ones in a class that has fewer sets than there are splits, `(N,)`."""
    sets = sets.copy()
    for here in members_of(labels):
        if len(np.unique(sets[here])) < SPLITS:
            sets[here] = smaller[here]
    return sets


def _joined(
    labels: NDArray[np.int64], ranks: NDArray[np.int64], groups: NDArray[np.int64], found: Duplicates
) -> NDArray[np.int64]:
    """Known groups, joined where they share duplicates, the most similar first: `(N,)`.

    One false pair would join two groups, and pairs chain. So groups joined by near-duplicates take at most a third of a
    class, and each class keeps as many sets as there are splits.
    """
    sets = connected(len(labels), np.concatenate([found.exact, links_within(groups)]))
    room = [-(-count // SPLITS) for count in np.bincount(labels).tolist()]
    first = np.full(len(labels), len(room))
    np.minimum.at(first, sets, labels)  # a set of several classes belongs to the first one, as in a split
    owned = np.bincount(first, minlength=len(room)).tolist()
    near = found.near
    held: dict[int, Counter[int]] = {}  # for each set that may be joined, its number of images of each class
    touched = np.flatnonzero(np.isin(sets, sets[near.pairs]))
    for number, label in zip(sets[touched].tolist(), labels[touched].tolist(), strict=True):
        held.setdefault(number, Counter())[label] += 1
    given = set(sets[groups >= 0].tolist())
    parent = list(range(len(sets)))
    surest_first = np.lexsort((*np.sort(ranks[near.pairs], axis=1).T, -near.similarity))
    for pair in sets[near.pairs[surest_first]].tolist():
        one, other = sorted((root_of(parent, number) for number in pair), key=lambda number: min(held[number]))
        both, loses = held[one] + held[other], min(held[other])
        small = not given.issuperset((one, other)) or all(size <= room[label] for label, size in both.items())
        if one != other and owned[loses] > SPLITS and small:
            parent[other], held[one] = one, both
            owned[loses] -= 1
            if other in given:
                given.add(one)
    return np.array([root_of(parent, number) for number in sets.tolist()], np.int64)


def _numbered(sets: NDArray[np.int64], ranks: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same sets, numbered by the smallest digest in each, -1 for an image alone."""
    _, sets, sizes = np.unique(sets, return_inverse=True, return_counts=True)
    least = np.full(len(sizes), len(sets))
    np.minimum.at(least, sets, ranks)
    return np.where(sizes[sets] > 1, least[sets], -1)
