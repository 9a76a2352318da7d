"""Groups found by sight: frames of one track, shots of one burst, which must not be on two sides of a split.

Within a class, each picture is linked to those of its nearest neighbours that have it among theirs, the nearest links
first, and links chain: a frame resembles the next one, not the last. What is near is learned from the pictures
themselves: mutual nearest neighbours are mostly of one group, so whatever differs between them (light, distance) counts
little, and what does not (place, colours) counts much. Names are not looked at.

Groups that are not there would make a split coarse, so only links count that are far shorter than distances in the
class usually are. Where half of all pictures have such a link, the set is made of tracks; then longer ones
count too: two tracks in one group do no harm, one track in two groups leaks.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.audit.likeness import halved
from eyebright.audit.neighbours import mutual_pairs, nearest, principal
from eyebright.audit.progress import Progress, part
from eyebright.audit.thumbnails import Chosen, Thumbnails
from eyebright.datasets.digests import Digests

LINKS = 30  # neighbours of a picture that may be linked to it
DENSITY = 10  # the neighbour whose distance says how dense the surroundings of a picture are
# Length of a link, over the middle distance in the class, that unrelated pictures hardly have. The nearest picture of
# the class lies at 0.24 (median) in the tracks of traffic signs, at 0.38 in clothes, at 0.56 in flowers.
BURST = 0.3
TRACK = 1.0  # the same where the set is made of tracks, of whose links few are longer
LARGEST_SHARE = 0.1  # of a class that one found group may take...
LARGEST_ALWAYS = 30  # ...but tens of frames are a track even in a small class, as long as three groups are left for it
_DIMENSIONS = 32
_SAMPLE = 256  # pictures of a class by which its middle distance is told
_ROUNDS = 4
_BLOCK = 16_384
_EVEN = 0.05  # share of evenness mixed into what is learned, so that no direction counts for everything


def found_groups(
    labels: NDArray[np.int64],
    thumbnails: Thumbnails,
    digests: Sequence[bytes],
    *,
    features: NDArray[np.float32] | None = None,
    progress: Progress | None = None,
) -> NDArray[np.int64]:
    """The found group of each picture, as `datasets.split` takes them: a number, -1 for a picture alone, `(N,)`.

    It does not depend on the order of the pictures.

    Args:
        labels: Class of each picture, `(N,)`.
        thumbnails: Small pictures, `(N, 32, 32, 3)`, uint8.
        digests: Content of each picture, N times 16 bytes: exact copies are one group, however many.
        features: More by which pictures are near to each other, `(N, D)`.
        progress: Called with the share that is done.
    """
    if not len(labels):
        return np.empty(0, np.int64)
    ranks = Digests.of(digests).ranks()
    order = np.lexsort((labels, ranks))
    near = nearness(
        labels[order],
        Chosen(thumbnails, order),
        None if features is None else features[order],
        progress=part(progress, 0, 0.7),
    )
    classes = members_of(labels[order])
    links = []
    for done, here in enumerate(classes, 1):
        links.append(_links(near[here]))
        if progress:
            progress(0.7 + 0.3 * done / len(classes))
    shortest = np.concatenate([link.shortest for link in links])
    reach = TRACK if np.median(shortest) <= BURST else BURST
    group = np.arange(len(labels))
    for here, link in zip(classes, links, strict=True):
        group[here] = here[_chained(link, ranks[order[here]].tolist(), reach)]
    found = np.empty(len(labels), np.int64)
    found[order] = np.where(np.bincount(group, minlength=len(labels))[group] > 1, group, -1)
    return found


def nearness(
    labels: NDArray[np.int64],
    thumbnails: Thumbnails,
    features: NDArray[np.float32] | None = None,
    *,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Pictures as points, `(N, up to 64)`, whose distances say whether two of a class are of one group.

    Light is taken as its logarithm, at 16 x 16, since shade and exposure multiply it.

    Source: Relevant component analysis (Shental et al., ECCV 2002), its chunklets found by mutual neighbours.
    """

    def light(where: NDArray[np.int64]) -> NDArray[np.float32]:
        small = halved(thumbnails[where].astype(np.float32))
        return np.log(small + 8).reshape(len(small), -1)

    def given(where: NDArray[np.int64]) -> NDArray[np.float32]:
        assert features is not None
        return features[where]

    parts = [light] if features is None else [light, given]
    found = []
    for number, made in enumerate(parts):
        points = principal(made, len(labels), _DIMENSIONS)
        found.append(_relevant(labels, points, part(progress, number / len(parts), (number + 1) / len(parts))))
    return np.concatenate(found, axis=1)


def members_of(labels: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Positions of the pictures of each class, in order."""
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)


def _relevant(labels: NDArray[np.int64], points: NDArray[np.float32], progress: Progress | None) -> NDArray[np.float32]:
    """Points with directions shrunk in which mutual neighbours differ: `(N, D)`, their mean squared difference is 1."""
    near = points
    classes = members_of(labels)
    for number in range(_ROUNDS):
        spread, count = np.zeros((points.shape[1],) * 2), 0
        for done, here in enumerate(classes, 1):
            pairs = here[mutual_pairs(nearest(near[here], 3)[1])]
            for block in np.array_split(pairs, len(pairs) // _BLOCK + 1):
                differences = (points[block[:, 0]] - points[block[:, 1]]).astype(np.float64)
                spread += differences.T @ differences
            count += len(pairs)
            if progress:
                progress((number + done / len(classes)) / _ROUNDS)
        if not spread.any():
            return points
        spread /= count
        spread += np.eye(len(spread)) * np.trace(spread) / len(spread) * _EVEN
        near = points @ np.linalg.cholesky(np.linalg.inv(spread)).astype(np.float32)
    return near / np.float32(np.sqrt(near.shape[1]))


class _Links(NamedTuple):
    """Links of a class: pairs `(P, 2)`, their length over the middle distance `(P,)`, by what they are ranked `(P,)`,
    and the shortest such length of each picture `(N,)`.
    """

    pairs: NDArray[np.int32]
    length: NDArray[np.float32]
    rank: NDArray[np.float32]
    shortest: NDArray[np.float32]


def _links(points: NDArray[np.float32]) -> _Links:
    """Mutual neighbours. They are ranked by length over how dense their surroundings are, as a far frame of a track is
    blurred, and small differences between it and the next one tell more than they do among near ones.
    """
    distances, positions = nearest(points, LINKS)
    if not positions.shape[1]:
        return _Links(np.empty((0, 2), np.int32), *(np.empty(0, np.float32),) * 2, np.ones(len(points), np.float32))
    some = points[:: -(-len(points) // _SAMPLE)]
    middle = np.median(np.sqrt(np.maximum(_squares(points, some), 0)), axis=1) + 1e-6
    dense = distances[:, min(DENSITY, distances.shape[1]) - 1] + 1e-6
    pairs = mutual_pairs(positions)
    apart = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    length, rank = (apart / np.sqrt(size[pairs[:, 0]] * size[pairs[:, 1]]) for size in (middle, dense))
    near = length <= max(BURST, TRACK)  # others are never linked
    return _Links(pairs[near].astype(np.int32), length[near], rank[near], (distances[:, 0] / middle).astype(np.float32))


def _squares(ones: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Squared distances of all from all: `(N, M)`."""
    return np.asarray((ones**2).sum(axis=1)[:, None] + (others**2).sum(axis=1) - 2 * ones @ others.T)


def _chained(links: _Links, contents: Sequence[int], reach: float) -> NDArray[np.int64]:
    """For each picture of a class, the first one of its group."""
    first: dict[int, int] = {}
    above = [first.setdefault(content, index) for index, content in enumerate(contents)]  # exact copies, however many
    size = np.bincount(above, minlength=len(above)).tolist()
    left = len(first)
    largest = max(round(LARGEST_SHARE * len(above)), min(LARGEST_ALWAYS, -(-len(above) // 3)))
    for link in np.argsort(links.rank, kind="stable").tolist():
        one, other = sorted(_top(above, index) for index in links.pairs[link].tolist())
        if left > 3 and one != other and links.length[link] <= reach and size[one] + size[other] <= largest:
            above[other] = one
            size[one] += size[other]
            left -= 1
    return np.array([_top(above, index) for index in range(len(above))], np.int64)


def _top(above: list[int], index: int) -> int:
    while above[index] != index:
        above[index] = above[above[index]]
        index = above[index]
    return index
