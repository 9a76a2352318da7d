"""What must stay on one side of a split: copies, exact and near ones, and pictures of one burst."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from eyebright.audit.duplicates import clusters, near_copies
from eyebright.audit.groups import found_groups, members_of
from eyebright.audit.progress import Progress, part
from eyebright.audit.thumbnails import Chosen, Thumbnails
from eyebright.datasets.digests import Digests

METHOD = 2  # to be raised with every change of what is found: results are kept
SIDES_NEEDED = 3
LEAST_FOR_BURSTS = 128  # pictures: of fewer it cannot be learned what is near


def together(
    labels: NDArray[np.int64], thumbnails: Thumbnails, digests: Sequence[bytes], progress: Progress | None = None
) -> NDArray[np.int64]:
    """The set of each picture, as `datasets.split` takes groups: a number, -1 for a picture alone, `(N,)`.

    Args:
        labels: Class of each picture, `(N,)`.
        thumbnails: Small pictures, `(N, 32, 32, 3)`, uint8.
        digests: Content of each picture, N times 16 bytes.
        progress: Called with the share that is done.
    """
    count, ranks = len(labels), Digests.of(digests).ranks()
    _, single, content = np.unique(ranks, return_index=True, return_inverse=True)
    near = single[near_copies(Chosen(thumbnails, single), part(progress, 0, 0.5)).pairs]
    edges = [np.stack([np.arange(count), single[content]], axis=1), near]
    if count >= LEAST_FOR_BURSTS:
        groups = found_groups(labels, thumbnails, digests, progress=part(progress, 0.5, 1))
        grouped = np.flatnonzero(groups >= 0)
        _, first, group = np.unique(groups[grouped], return_index=True, return_inverse=True)
        edges.append(np.stack([grouped, grouped[first][group]], axis=1))
    sets = clusters(count, np.concatenate(edges))
    for here in members_of(labels):
        if len(np.unique(sets[here])) < SIDES_NEEDED:  # a class of little but copies can still be learned
            sets[here] = count + content[here]
    _, sets, sizes = np.unique(sets, return_inverse=True, return_counts=True)
    least = np.full(len(sizes), count)
    np.minimum.at(least, sets, ranks)  # the least content of a set is its number, whatever the order of the pictures
    if progress:
        progress(1)
    return np.where(sizes[sets] > 1, least[sets], -1)
