"""What must stay on one side of a split: copies, exact and near ones, and pictures of one burst."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from eyebright.audit.duplicates import clusters, near_copies
from eyebright.audit.groups import found_groups

SIDES_NEEDED = 3
LEAST_FOR_BURSTS = 128  # pictures: of fewer it cannot be learned what is near


def together(labels: NDArray[np.int64], thumbnails: NDArray[np.uint8], digests: Sequence[bytes]) -> list[str]:
    """The set of each picture, as `datasets.split` takes groups; "" for a picture alone.

    Args:
        labels: Class of each picture, `(N,)`.
        thumbnails: Small pictures, `(N, 32, 32, 3)`, uint8.
        digests: Content of each picture, N times 16 bytes.
    """
    count = len(labels)
    _, single, content = np.unique([digest.hex() for digest in digests], return_index=True, return_inverse=True)
    edges = [np.stack([np.arange(count), single[content]], axis=1), single[near_copies(thumbnails[single]).pairs]]
    if count >= LEAST_FOR_BURSTS:
        groups = np.array(found_groups(labels, thumbnails, digests))
        grouped = np.flatnonzero(groups != "")
        _, first, group = np.unique(groups[grouped], return_index=True, return_inverse=True)
        edges.append(np.stack([grouped, grouped[first][group]], axis=1))
    sets = clusters(count, np.concatenate(edges))
    for label in np.unique(labels):
        here = np.flatnonzero(labels == label)
        if len(np.unique(sets[here])) < SIDES_NEEDED:  # a class of little but copies can still be learned
            sets[here] = count + content[here]
    names: dict[int, str] = {}
    for number, digest in zip(sets.tolist(), digests, strict=True):
        names[number] = min(digest.hex(), names.get(number, digest.hex()))
    sizes = np.bincount(sets)
    return [f"alike {names[number]}" if sizes[number] > 1 else "" for number in sets.tolist()]
