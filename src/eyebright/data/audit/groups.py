"""Groups found by sight: frames of one track, shots of one burst, which must not be on two sides of a split.

Within a class, each picture is linked to those of its nearest neighbours that have it among theirs, the nearest links
first, and links chain: a frame resembles the next one, not the last. What is near is learned from the pictures
themselves: mutual nearest neighbours are mostly of one group, so whatever differs between them (light, distance) counts
little, and what does not (place, colours) counts much. Names are not looked at.

Groups that are not there would make a split coarse, so only links count that are far shorter than distances in the
class usually are. Where the nearest picture mostly is so near, or far nearer than the tenth, the set is made of tracks.
Then links of any length count, and one-sided ones, and what is left over, a few frames between two tracks, goes to the
nearer one: two tracks in one group do no harm, one track in two groups leaks.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from eyebright.data.audit.likeness import flat, halved
from eyebright.data.audit.neighbours import Chosen, Thumbnails, blocks, nearest, neighbour_pairs, principal
from eyebright.data.audit.progress import Progress, part
from eyebright.data.digests import Digests

LINKS = 30  # neighbours of a picture that may be linked to it
DENSITY = 10  # the neighbour whose distance says how dense the surroundings of a picture are
# Distance of the nearest picture of the class over that of the tenth, the median of the set, at and below which it is
# made of tracks: 0.38 to 0.42 for traffic signs, whether all frames are there or one in two or three; 0.62 for clothes
# (0.47 with 15 a class), 0.85 for flowers. It does not fall where a set only has more pictures.
TRACKS = 0.45
BURST = 0.3  # length of a link, over the middle distance in the class, that unrelated pictures hardly have
LEFT_OVER = 0.5  # of a track: what is smaller in a set of tracks is joined to the nearest
LARGEST_SHARE = 0.1  # of a class that one found group may take...
LARGEST_ALWAYS = 30  # ...but in a small class up to so many, and a third of it: tens of frames are a track
LARGEST_WITH_REST = 1.5  # times that, with what is left over; three groups of a class are left in any case
_DIMENSIONS = 32
_SAMPLE = 256  # pictures of a class by which its distances are told
_ROUNDS = 4
_BLOCK = 16_384
_EVEN = 0.05  # share of evenness mixed into what is learned, so that no direction counts for everything


def found_groups(
    labels: NDArray[np.int64],
    thumbnails: Thumbnails,
    digests: Sequence[bytes],
    *,
    progress: Progress | None = None,
) -> NDArray[np.int64]:
    """The found group of each picture, as `datasets.split` takes them: a number, -1 for a picture alone, `(N,)`.

    It does not depend on the order of the pictures.

    Args:
        labels: Class of each picture, `(N,)`.
        thumbnails: Small pictures, `(N, 32, 32, 3)`, uint8.
        digests: Content of each picture, N times 16 bytes: exact copies are one group, however many.
        progress: Called with the share that is done.
    """
    if not len(labels):
        return np.empty(0, np.int64)
    ranks = Digests.of(digests).ranks()
    order = np.lexsort((labels, ranks))
    near = nearness(labels[order], Chosen(thumbnails, order), part(progress, 0, 0.7))
    classes = members_of(labels[order])
    apart = np.concatenate([_apart(near[here]) for here in classes])
    tracks = bool((np.median(apart, axis=0) <= (TRACKS, BURST)).any())
    group = np.arange(len(labels))
    for done, here in enumerate(classes, 1):
        group[here] = here[_chained(_links(near[here], tracks), ranks[order[here]].tolist(), tracks)]
        if progress:
            progress(0.7 + 0.3 * done / len(classes))
    found = np.empty(len(labels), np.int64)
    found[order] = np.where(np.bincount(group, minlength=len(labels))[group] > 1, group, -1)
    return found


def nearness(
    labels: NDArray[np.int64], thumbnails: Thumbnails, progress: Progress | None = None
) -> NDArray[np.float32]:
    """Pictures as points, `(N, up to 64)`, whose distances say whether two of a class are of one group.

    Light is taken as its logarithm, since shade and exposure multiply it; at 16 x 16 and at 8 x 8, where it is learned
    apart what counts, since a far frame of a track is blurred.

    Source: Relevant component analysis (Shental et al., ECCV 2002), its chunklets found by mutual neighbours.
    """

    def light(where: NDArray[np.int64]) -> NDArray[np.float32]:
        return flat(np.log(halved(thumbnails[where].astype(np.float32)) + 8))

    def coarse_light(where: NDArray[np.int64]) -> NDArray[np.float32]:
        return flat(np.log(halved(halved(thumbnails[where].astype(np.float32))) + 8))

    found = []
    for number, made in enumerate((light, coarse_light)):
        points = principal(made, len(labels), _DIMENSIONS)
        found.append(_relevant(labels, points, part(progress, number / 2, (number + 1) / 2)))
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
            pairs = here[neighbour_pairs(nearest(near[here], 3)[1], mutual=True)]
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


def _apart(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Distance of the nearest picture over that of the tenth and over the middle one, for some pictures of a class:
    `(n, 2)`; 1 where there are not so many.
    """
    some = points[:: -(-len(points) // _SAMPLE)]
    if len(points) <= DENSITY:
        return np.ones((len(some), 2), np.float32)
    apart, places = _squares(some, points), (1, DENSITY, len(points) // 2)  # the first is each itself
    apart.partition(places, axis=1)
    near, *others = np.sqrt(np.maximum(apart[:, places], 1e-9)).T
    return np.stack([near / other for other in others], axis=1)


def _links(points: NDArray[np.float32], tracks: bool) -> NDArray[np.int32]:
    """Pairs of a class that may be linked, the nearest first: `(P, 2)`.

    They are ranked by length over how dense their surroundings are, as a far frame of a track is blurred, and small
    differences between it and the next one tell more than they do among near ones.
    """
    distances, positions = nearest(points, LINKS)
    if not positions.shape[1]:
        return np.empty((0, 2), np.int32)
    pairs = neighbour_pairs(positions, mutual=not tracks)
    length = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    if not tracks:
        middle = np.median(np.sqrt(np.maximum(_squares(points, points[:: -(-len(points) // _SAMPLE)]), 0)), axis=1)
        short = length <= BURST * _between(middle, pairs)
        pairs, length = pairs[short], length[short]
    rank = length / _between(distances[:, min(DENSITY, distances.shape[1]) - 1], pairs)
    return pairs[np.argsort(rank, kind="stable")].astype(np.int32)


def _between(sizes: NDArray[np.float32], pairs: NDArray[np.int64]) -> NDArray[np.float32]:
    """The (geometric) mean size of each pair: `(P,)`."""
    return np.asarray(np.sqrt((sizes[pairs[:, 0]] + 1e-6) * (sizes[pairs[:, 1]] + 1e-6)))


def _squares(ones: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Squared distances of all from all: `(N, M)`."""
    return np.asarray((ones**2).sum(axis=1)[:, None] + (others**2).sum(axis=1) - 2 * ones @ others.T)


def _chained(links: NDArray[np.int32], contents: Sequence[int], tracks: bool) -> NDArray[np.int64]:
    """For each picture of a class, the first one of its group."""
    first: dict[int, int] = {}
    above = [first.setdefault(content, index) for index, content in enumerate(contents)]  # exact copies, however many
    size = np.bincount(above, minlength=len(above)).tolist()
    left = len(first)
    largest = max(round(LARGEST_SHARE * len(above)), min(LARGEST_ALWAYS, -(-len(above) // 3)))
    rest = LEFT_OVER * min(largest, LARGEST_ALWAYS)
    for least, most in ((0, largest), (rest, LARGEST_WITH_REST * largest)) if tracks else ((0, largest),):
        for block in blocks(len(links), _BLOCK):
            for pair in links[block].tolist():
                one, other = sorted((top(above, pair[0]), top(above, pair[1])))
                fits = size[one] + size[other] <= (most if min(size[one], size[other]) < least else largest)
                if left > 3 and one != other and fits:
                    above[other] = one
                    size[one] += size[other]
                    left -= 1
    return np.array([top(above, index) for index in range(len(above))], np.int64)


def top(above: list[int], index: int) -> int:
    """The first of the set of one, where `above` has for each another of its set, or itself; paths are shortened."""
    while above[index] != index:
        above[index] = above[above[index]]
        index = above[index]
    return index
