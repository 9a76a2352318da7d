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

from eyebright.audit.neighbours import mutual_pairs, nearest, principal

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
_EVEN = 0.05  # share of evenness mixed into what is learned, so that no direction counts for everything


def found_groups(
    labels: NDArray[np.int64],
    thumbnails: NDArray[np.uint8],
    digests: Sequence[bytes],
    *,
    features: NDArray[np.float32] | None = None,
) -> list[str]:
    """The found group of each picture, as `datasets.split` takes them; "" for a picture alone.

    It does not depend on the order of the pictures.

    Args:
        labels: Class of each picture, `(N,)`.
        thumbnails: Small pictures, `(N, 32, 32, 3)`, uint8.
        digests: Content of each picture, N times 16 bytes: exact copies are one group, however many.
        features: More by which pictures are near to each other, `(N, D)`.
    """
    if not len(labels):
        return []
    order = np.array(sorted(range(len(labels)), key=lambda index: (digests[index], labels[index])))
    sorted_labels = labels[order]
    near = nearness(sorted_labels, thumbnails[order], None if features is None else features[order])
    classes = [np.flatnonzero(sorted_labels == label) for label in np.unique(labels)]
    links = [_links(near[here]) for here in classes]
    shortest = np.concatenate([link.shortest for link in links])
    reach = TRACK if np.median(shortest) <= BURST else BURST
    group = np.arange(len(labels))
    for here, link in zip(classes, links, strict=True):
        group[here] = here[_chained(link, [digests[index] for index in order[here].tolist()], reach)]
    counts = np.bincount(group, minlength=len(labels))
    found = np.empty(len(labels), object)
    found[order] = [f"found {digests[order[one]].hex()}" if counts[one] > 1 else "" for one in group.tolist()]
    return [str(name) for name in found]


def nearness(
    labels: NDArray[np.int64], thumbnails: NDArray[np.uint8], features: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Pictures as points, `(N, up to 64)`, whose distances say whether two of a class are of one group.

    Light is taken as its logarithm, at 16 x 16, since shade and exposure multiply it.

    Source: Relevant component analysis (Shental et al., ECCV 2002), its chunklets found by mutual neighbours.
    """
    size = thumbnails.shape[1] // 2
    light = np.empty((len(labels), size * size * 3), np.float32)
    for start in range(0, len(labels), 4_096):
        block = thumbnails[start : start + 4_096].astype(np.float32)
        block = block.reshape(-1, size, 2, size, 2, 3).mean(axis=(2, 4))
        light[start : start + 4_096] = np.log(block + 8).reshape(len(block), -1)
    parts = [light] if features is None else [light, features]
    return np.concatenate([_relevant(labels, principal(part, _DIMENSIONS)) for part in parts], axis=1)


def _relevant(labels: NDArray[np.int64], points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Points with directions shrunk in which mutual neighbours differ: `(N, D)`, their mean squared difference is 1."""
    near = points
    classes = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    for _ in range(_ROUNDS):
        pairs = np.concatenate([here[mutual_pairs(nearest(near[here], 3)[1])] for here in classes])
        differences = (points[pairs[:, 0]] - points[pairs[:, 1]]).astype(np.float64)
        if not differences.any():
            return points
        spread = differences.T @ differences / len(differences)
        spread += np.eye(len(spread)) * np.trace(spread) / len(spread) * _EVEN
        near = (points @ np.linalg.cholesky(np.linalg.inv(spread))).astype(np.float32)
    return near / np.float32(np.sqrt(near.shape[1]))


class _Links(NamedTuple):
    """Links of a class: pairs `(P, 2)`, their length over the middle distance `(P,)`, by what they are ranked `(P,)`,
    and the shortest such length of each picture `(N,)`.
    """

    pairs: NDArray[np.int64]
    length: NDArray[np.float32]
    rank: NDArray[np.float32]
    shortest: NDArray[np.float32]


def _links(points: NDArray[np.float32]) -> _Links:
    """Mutual neighbours. They are ranked by length over how dense their surroundings are, as a far frame of a track is
    blurred, and small differences between it and the next one tell more than they do among near ones.
    """
    distances, positions = nearest(points, LINKS)
    if not positions.shape[1]:
        return _Links(np.empty((0, 2), np.int64), *(np.empty(0, np.float32),) * 2, np.ones(len(points), np.float32))
    some = points[:: -(-len(points) // _SAMPLE)]
    middle = np.median(np.sqrt(np.maximum(_squares(points, some), 0)), axis=1) + 1e-6
    dense = distances[:, min(DENSITY, distances.shape[1]) - 1] + 1e-6
    pairs = mutual_pairs(positions)
    apart = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    length, rank = (apart / np.sqrt(size[pairs[:, 0]] * size[pairs[:, 1]]) for size in (middle, dense))
    return _Links(pairs, length, rank, (distances[:, 0] / middle).astype(np.float32))


def _squares(ones: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Squared distances of all from all: `(N, M)`."""
    return np.asarray((ones**2).sum(axis=1)[:, None] + (others**2).sum(axis=1) - 2 * ones @ others.T)


def _chained(links: _Links, digests: Sequence[bytes], reach: float) -> NDArray[np.int64]:
    """For each picture of a class, the first one of its group."""
    first: dict[bytes, int] = {}
    above = [first.setdefault(digest, index) for index, digest in enumerate(digests)]  # exact copies, however many
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
