"""What must stay on one side of a split: copies, exact and near ones, and pictures of one group or burst."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.data.audit.duplicates import Pairs, chains, clusters, copies
from eyebright.data.audit.groups import found_groups, members_of, top
from eyebright.data.audit.neighbours import Thumbnails
from eyebright.data.audit.progress import Progress, part
from eyebright.data.digests import Digests

METHOD = 3  # to be raised with every change of what is found: results are kept
SIDES_NEEDED = 3
LEAST_FOR_BURSTS = 128  # pictures: of fewer it cannot be learned what is near


class Together(NamedTuple):
    """Sets of pictures: a number for each picture, -1 for one alone, `(N,)`.

    Args:
        kept: What a split keeps together, as `datasets.split` takes groups.
        copies: Exact and near copies, all of them: where so much belongs together that a class could not be split,
            not all are kept together.
    """

    kept: NDArray[np.int64]
    copies: NDArray[np.int64]


def together(
    labels: NDArray[np.int64],
    thumbnails: Thumbnails,
    digests: Sequence[bytes],
    groups: NDArray[np.int64] | None = None,
    *,
    progress: Progress | None = None,
) -> Together:
    """The sets of pictures; their numbers do not depend on the order in which these come.

    Args:
        labels: Class of each picture, `(N,)`.
        thumbnails: Small pictures, `(N, 32, 32, 3)`, uint8.
        digests: Content of each picture, N times 16 bytes.
        groups: What is told of them, a number for each, -1 for none, `(N,)`; bursts are then not looked for.
        progress: Called with the share that is done.
    """
    count, ranks = len(labels), Digests.of(digests).ranks()
    found = copies(thumbnails, digests, part(progress, 0, 0.5 if groups is None else 1))
    if groups is not None:
        sets = _joined(labels, ranks, groups, found.exact, found.near)
    else:
        pairs = found.pairs
        if count >= LEAST_FOR_BURSTS:
            bursts = found_groups(labels, thumbnails, digests, progress=part(progress, 0.5, 1))
            pairs = np.concatenate([pairs, chains(bursts)])
        sets = clusters(count, pairs)
        for here in members_of(labels):
            if len(np.unique(sets[here])) < SIDES_NEEDED:  # a class of little but copies can still be learned
                sets[here] = count + found.first[here]
    if progress:
        progress(1)
    return Together(_numbered(sets, ranks), _numbered(clusters(count, found.pairs), ranks))


def _joined(
    labels: NDArray[np.int64],
    ranks: NDArray[np.int64],
    groups: NDArray[np.int64],
    exact: NDArray[np.int64],
    near: Pairs,
) -> NDArray[np.int64]:
    """The sets of groups that are given, joined where they share copies, the surest first: `(N,)`.

    One wrong pair would join two groups, and pairs chain: groups that near copies join take no more than a third of a
    class, and each class keeps as many sets as there are sides.
    """
    sets = clusters(len(labels), np.concatenate([exact, chains(groups)]))
    room = [-(-count // SIDES_NEEDED) for count in np.bincount(labels).tolist()]
    first = np.full(len(labels), len(room))
    np.minimum.at(first, sets, labels)  # a set of several classes belongs to the first, as in a split
    owned = np.bincount(first, minlength=len(room)).tolist()
    held: dict[int, Counter[int]] = {}  # by the sets that may be joined, how many of each class
    touched = np.flatnonzero(np.isin(sets, sets[near.pairs]))
    for number, label in zip(sets[touched].tolist(), labels[touched].tolist(), strict=True):
        held.setdefault(number, Counter())[label] += 1
    given = set(sets[groups >= 0].tolist())
    above = list(range(len(sets)))
    for pair in sets[near.pairs[np.lexsort((*np.sort(ranks[near.pairs], axis=1).T, -near.likeness))]].tolist():
        one, other = sorted((top(above, number) for number in pair), key=lambda number: min(held[number]))
        both, loses = held[one] + held[other], min(held[other])
        small = not given.issuperset((one, other)) or all(size <= room[label] for label, size in both.items())
        if one != other and owned[loses] > SIDES_NEEDED and small:
            above[other], held[one] = one, both
            owned[loses] -= 1
            if other in given:
                given.add(one)
    return np.array([top(above, number) for number in sets.tolist()], np.int64)


def _numbered(sets: NDArray[np.int64], ranks: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same, with the least content of a set as its number, and -1 for a picture alone."""
    _, sets, sizes = np.unique(sets, return_inverse=True, return_counts=True)
    least = np.full(len(sizes), len(sets))
    np.minimum.at(least, sets, ranks)
    return np.where(sizes[sets] > 1, least[sets], -1)
