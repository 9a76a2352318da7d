"""Groups found by appearance: frames of one track or shots of one burst, which must stay in the same split.

Within a class, each image is linked to its mutual nearest neighbours, the shortest links first, and links chain: a
frame resembles the next one, not the last. The distance is learned from the images: mutual nearest neighbours are
mostly of one group, so what differs between them (light, distance to the object) gets little weight, and what does not
(place, colours) gets much.

Where file names show the films (`eyebright.data.audit.films`), they are the groups. Only images that are alone by
their names are then linked by appearance.

False groups would make a split coarse, so only links count that are far shorter than usual distances in the class. If
the nearest image is mostly that near, or far nearer than the tenth, the data set is made of tracks. Then links of any
length count, also links that are not mutual, and the few frames left over between two tracks join the nearer one: two
tracks in one group do no harm, but one track in two groups leaks.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.data.audit.films import find_films
from eyebright.data.audit.neighbours import (
    Selected,
    ThumbnailArray,
    blocks,
    members_of,
    nearest,
    neighbour_pairs,
    principal,
)
from eyebright.data.audit.similarity import flat, halved
from eyebright.data.digests import Digests
from eyebright.data.split import sets_of
from eyebright.system.progress import ReportShare, part_of, quiet_share

LINKS = 30  # neighbours of an image that may be linked to it
DENSITY = 10  # the distance to this neighbour says how dense the surroundings of an image are
# Distance to the nearest image of the class over that to the tenth, median of the data set, at and below which it is
# made of tracks: 0.38 to 0.42 for traffic signs, with all frames or every second or third; 0.62 for clothes (0.47 with
# 15 per class), 0.85 for flowers. It does not fall where a data set only has more images.
TRACKS = 0.45
BURST = 0.3  # length of a link over the median distance in the class; links of unrelated images are hardly so short
LEFT_OVER = 0.5  # of a track: in a data set of tracks, a smaller group joins the nearest one
LARGEST_SHARE, LARGEST_OF_TRACKS = 0.1, 0.25  # of a class: a group found by appearance is at most so large...
LARGEST_ALWAYS = 30  # ...but in a small class up to so many images, and a third of it: a track has tens of frames
LARGEST_WITH_REST = 1.5  # times that, with what is left over; at least three groups of a class remain in any case
_DIMENSIONS = 32
_SAMPLE = 256  # images of a class that its usual distances are measured from
_ROUNDS = 4
_BLOCK = 16_384
_EVEN = 0.05  # share of an even weight mixed into the learned ones, so that no direction gets all weight


class Groups(NamedTuple):
    """The number of the group of each image, `(N,)`; -1 for none.

    Args:
        kept: As `eyebright.data.split.split` takes it: each class keeps three groups, and large ones are divided.
        films: Frames that certainly are of one film: by their names; in a data set of tracks, pairs of frames that are
            most similar to each other.
    """

    kept: NDArray[np.int64]
    films: NDArray[np.int64]


def find_groups(
    labels: NDArray[np.int64],
    thumbnails: ThumbnailArray,
    digests: Sequence[bytes],
    names: Sequence[str] | None = None,
    report: ReportShare = quiet_share,
) -> Groups:
    """Find groups; the result does not depend on the order of the images.

    Args:
        labels: Class of each image, `(N,)`.
        thumbnails: `(N, 32, 32, 3)`, uint8.
        digests: Digest of each image's content, N times 16 bytes: exact duplicates are one group, however many.
        names: Names of the images; without them, films are only found by appearance.
        report: Called with the share of the work that is done.
    """
    if not len(labels):
        return Groups(np.empty(0, np.int64), np.empty(0, np.int64))
    ranks = Digests.of(digests).ranks()
    order = np.lexsort((labels, ranks))
    points = group_points(labels[order], Selected(thumbnails, order), part_of(report, 0, 0.7))
    films = None if names is None else find_films([names[index] for index in order.tolist()], labels[order], points)
    classes = members_of(labels[order])
    ratios = np.concatenate([_distance_ratios(points[here]) for here in classes])
    tracks = films is None and bool((np.median(ratios, axis=0) <= (TRACKS, BURST)).any())
    together = ranks[order] if films is None else sets_of(ranks[order], films.kept)
    group = np.arange(len(labels))
    sure = group.copy() if films is None else films.sure
    for done, here in enumerate(classes, 1):
        links = _links(points[here], tracks)
        if films is not None:
            sizes = np.bincount(films.kept)[films.kept[here]]
            links = links[(sizes[links] == 1).any(axis=1)]
        if tracks:
            one, other = here[neighbour_pairs(nearest(points[here], 1)[1], mutual=True)].T
            sure[other] = one
        group[here] = here[_chained(links, together[here].tolist(), tracks)]
        report(0.7 + 0.3 * done / len(classes))
    found = np.full((2, len(labels)), -1)
    for numbers, into in zip((group, sure), found, strict=True):
        into[order] = np.where(np.bincount(numbers, minlength=len(labels))[numbers] > 1, numbers, -1)
    return Groups(*found)


def group_points(
    labels: NDArray[np.int64], thumbnails: ThumbnailArray, report: ReportShare = quiet_share
) -> NDArray[np.float32]:
    """Images as points, `(N, up to 64)`: the distance of two images of a class says whether they are of one group.

    Levels are taken as logarithms, since shade and exposure multiply them. The weights are learned separately at 16 x
    16 and at 8 x 8, since far frames of a track are blurred.

    Source: Relevant component analysis (Shental et al., ECCV 2002), with mutual neighbours as chunklets.
    """

    def fine(where: NDArray[np.int64]) -> NDArray[np.float32]:
        return flat(np.log(halved(thumbnails[where].astype(np.float32)) + 8))

    def coarse(where: NDArray[np.int64]) -> NDArray[np.float32]:
        return flat(np.log(halved(halved(thumbnails[where].astype(np.float32))) + 8))

    found = []
    for number, points_at in enumerate((fine, coarse)):
        points = principal(points_at, len(labels), _DIMENSIONS)
        found.append(_weighted(labels, points, part_of(report, number / 2, (number + 1) / 2)))
    return np.concatenate(found, axis=1)


def _weighted(labels: NDArray[np.int64], points: NDArray[np.float32], report: ReportShare) -> NDArray[np.float32]:
    """Points `(N, D)` with directions shrunk in which mutual neighbours differ; their mean squared difference is 1."""
    weighted = points
    classes = members_of(labels)
    for number in range(_ROUNDS):
        spread, count = np.zeros((points.shape[1],) * 2), 0
        for done, here in enumerate(classes, 1):
            pairs = here[neighbour_pairs(nearest(weighted[here], 3)[1], mutual=True)]
            for block in np.array_split(pairs, len(pairs) // _BLOCK + 1):
                differences = (points[block[:, 0]] - points[block[:, 1]]).astype(np.float64)
                spread += differences.T @ differences
            count += len(pairs)
            report((number + done / len(classes)) / _ROUNDS)
        if not spread.any():
            return points
        spread /= count
        spread += np.eye(len(spread)) * np.trace(spread) / len(spread) * _EVEN
        weighted = points @ np.linalg.cholesky(np.linalg.inv(spread)).astype(np.float32)
    return weighted / np.float32(np.sqrt(weighted.shape[1]))


def _distance_ratios(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Distance to the nearest image over that to the tenth, and over the median, for a sample of a class: `(n, 2)`.

    All are 1 where the class has too few images.
    """
    sample = points[:: -(-len(points) // _SAMPLE)]
    if len(points) <= DENSITY:
        return np.ones((len(sample), 2), np.float32)
    squares, places = _squared_distances(sample, points), (1, DENSITY, len(points) // 2)  # place 0 is the image itself
    squares.partition(places, axis=1)
    near, *others = np.sqrt(np.maximum(squares[:, places], 1e-9)).T
    return np.stack([near / other for other in others], axis=1)


def _links(points: NDArray[np.float32], tracks: bool) -> NDArray[np.int32]:
    """Pairs of a class that may be linked, the surest first: `(P, 2)`.

    They are sorted by length over the density of their surroundings: far frames of a track are blurred, so that small
    differences between them mean more than between near frames.
    """
    distances, positions = nearest(points, LINKS)
    if not positions.shape[1]:
        return np.empty((0, 2), np.int32)
    pairs = neighbour_pairs(positions, mutual=not tracks)
    length = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    if not tracks:
        squares = _squared_distances(points, points[:: -(-len(points) // _SAMPLE)])
        short = length <= BURST * _between(np.median(np.sqrt(np.maximum(squares, 0)), axis=1), pairs)
        pairs, length = pairs[short], length[short]
    relative = length / _between(distances[:, min(DENSITY, distances.shape[1]) - 1], pairs)
    return pairs[np.argsort(relative, kind="stable")].astype(np.int32)


def _between(sizes: NDArray[np.float32], pairs: NDArray[np.int64]) -> NDArray[np.float32]:
    """The geometric mean of the two sizes of each pair: `(P,)`."""
    return np.asarray(np.sqrt((sizes[pairs[:, 0]] + 1e-6) * (sizes[pairs[:, 1]] + 1e-6)))


def _squared_distances(ones: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Squared distances between all ones and all others: `(N, M)`."""
    return np.asarray((ones**2).sum(axis=1)[:, None] + (others**2).sum(axis=1) - 2 * ones @ others.T)


def _chained(links: NDArray[np.int32], contents: Sequence[int], tracks: bool) -> NDArray[np.int64]:
    """For each image of a class, the first image of its group: links are followed while groups are small enough."""
    first: dict[int, int] = {}
    parent = [first.setdefault(content, index) for index, content in enumerate(contents)]  # exact duplicates
    size = np.bincount(parent, minlength=len(parent)).tolist()
    left = len(first)
    share = LARGEST_OF_TRACKS if tracks else LARGEST_SHARE
    largest = max(round(share * len(parent)), min(LARGEST_ALWAYS, -(-len(parent) // 3)))
    rest = LEFT_OVER * min(largest, LARGEST_ALWAYS)
    for least, most in ((0, largest), (rest, LARGEST_WITH_REST * largest)) if tracks else ((0, largest),):
        for block in blocks(len(links), _BLOCK):
            for pair in links[block].tolist():
                one, other = sorted((root_of(parent, pair[0]), root_of(parent, pair[1])))
                fits = size[one] + size[other] <= (most if min(size[one], size[other]) < least else largest)
                if left > 3 and one != other and fits:
                    parent[other] = one
                    size[one] += size[other]
                    left -= 1
    return np.array([root_of(parent, index) for index in range(len(parent))], np.int64)


def root_of(parent: list[int], index: int) -> int:
    """The root of a node in a forest, where `parent` has each node's parent, a root's being itself.

    Paths are halved on the way, so that later calls are fast.
    """
    while parent[index] != index:
        parent[index] = parent[parent[index]]
        index = parent[index]
    return index
