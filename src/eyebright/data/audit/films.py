"""Films by name: frames that were saved in order have names in order, such as `clip_07/0001.jpg` or `00007_00012.ppm`.

A name is read as a key and a counter in a few ways: without one of its last numbers, without its last word, or by its
folder alone. A reading counts only if the images confirm it: successive images must be far more similar than random
images of the class. Then images of one key are one film, if they are more similar to each other than to those of other
keys. Otherwise, as where each class has one counter, a film ends where the next frames differ as much as random images.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.data.audit.neighbours import Points, members_of

IN_ORDER = 0.75  # least probability that successive images are more similar than random ones: 0.85 to 0.99 for films,
# 0.57 for portraits of one person, 0.5 for photographs and clothes
OF_A_KEY = 0.7  # the same for images of one key and of different keys: then each key is a film
JUMP, SURE_JUMP = (
    0.5,
    0.05,
)  # share of random places in a class that differ less before and after than where a film ends
_REACH = 3  # frames before and after a place that are compared: one frame that failed does not end a film
_FEWEST = 64  # pairs of images: from fewer nothing is concluded
_PAIRS = 400  # random pairs of each class
_COUNTERS = 4  # numbers of a name, from its end, that may be the counter
_SPLITS = 3  # training, validation and test set


class Reading(NamedTuple):
    """One way to read the names.

    Args:
        keys: The number of each image's key, `(N,)`; each class has keys of its own.
        order: The images in the order of keys and counters, `(N,)`.
    """

    keys: NDArray[np.int64]
    order: NDArray[np.int64]

    @property
    def runs(self) -> list[NDArray[np.int64]]:
        """The images of each key, in order."""
        return np.split(self.order, np.flatnonzero(np.diff(self.keys[self.order])) + 1)


class Films(NamedTuple):
    """The film of each image, numbers from 0 on, `(N,)`; an image alone is a film too.

    Args:
        kept: For a split: where one film may go on into the next, both are one, since two films in one set do no harm.
            A class that has fewer than three films is cut into three.
        sure: Only frames that certainly belong together have the same number.
    """

    kept: NDArray[np.int64]
    sure: NDArray[np.int64]


def find_films(names: Sequence[str], labels: NDArray[np.int64], points: Points) -> Films | None:
    """Find films; None where the names do not show any.

    Args:
        names: Names of the images.
        labels: Class of each image, `(N,)`.
        points: Images as points, `(N, D)`, as `eyebright.data.audit.groups.group_points` returns them.
    """
    usual, best, clearest = _Usual(labels, points), None, IN_ORDER
    for reading in readings(names, labels):
        successive = np.concatenate([np.stack([run[:-1], run[1:]]) for run in reading.runs], axis=1)
        nearer = usual.nearer(successive, usual.pairs)
        if nearer > clearest:
            best, clearest = reading, nearer
    if best is None:
        return None
    if usual.of_a_key(best) >= OF_A_KEY:
        kept = sure = best.keys
    else:
        kept, sure = (_by_jump(best, usual, share) for share in (JUMP, SURE_JUMP))
    return Films(_divided(best, kept, usual), sure)


def readings(names: Sequence[str], labels: NDArray[np.int64]) -> Iterator[Reading]:
    """The ways to read the names: with all folders, and without the first, which may be that of a given split."""
    seen: set[bytes] = set()
    for known in (names, [name.partition("/")[2] or name for name in names]):
        parts = [re.split(r"(\d+)", name) for name in known]  # every second part is a number
        natural = [[int(part) if place % 2 else part for place, part in enumerate(one)] for one in parts]
        rank = np.empty(len(known), np.int64)
        rank[sorted(range(len(known)), key=lambda index: (natural[index], names[index]))] = np.arange(len(known))
        ways = [[_without(one, counter) for one in parts] for counter in range(1, _COUNTERS + 1)]
        ways.append([re.sub(r"[^/_.\- ]*(\.[^/.]*)?$", "", name) for name in known])
        ways.append([name.rpartition("/")[0] for name in known])
        for keys in ways:
            pairs = np.stack([labels, np.unique(keys, return_inverse=True)[1]])
            numbers = np.unique(pairs, axis=1, return_inverse=True)[1].reshape(-1)
            if numbers.tobytes() not in seen:  # the same keys have the same order: what differs is the counter
                seen.add(numbers.tobytes())
                yield Reading(numbers, np.lexsort((rank, numbers)))


def _without(parts: list[str], counter: int) -> str:
    """A name without one of its numbers, counted from the end; the whole name where it has not so many."""
    place = len(parts) - 2 * counter
    return "".join(parts if place < 1 else [*parts[:place], "#", *parts[place + 1 :]])


class _Usual:
    """How similar the images of each class usually are.

    Args:
        labels: Class of each image, `(N,)`.
        points: Images as points, `(N, D)`.
    """

    def __init__(self, labels: NDArray[np.int64], points: Points) -> None:
        self.labels, self._points, self._random = labels, points, np.random.default_rng(0)
        self.pairs = self._drawn(members_of(labels), _PAIRS)

    def nearer(self, near: NDArray[np.int64], usual: NDArray[np.int64]) -> float:
        """The probability that two images of the first pairs, `(2, P)`, are nearer than two of the others."""
        ours, theirs = (self._distances(*pairs) for pairs in (near, usual))
        classes, others = self.labels[near[0]], self.labels[usual[0]]
        known = {int(others[here[0]]): np.sort(theirs[here]) for here in members_of(others) if len(here)}
        below = [
            1 - np.searchsorted(known[label], ours[here]) / len(known[label])
            for here in members_of(classes)
            if len(here) and (label := int(classes[here[0]])) in known
        ]
        every = np.concatenate([np.empty(0), *below])
        return float(every.mean()) if len(every) >= _FEWEST else 0.0

    def of_a_key(self, reading: Reading) -> float:
        """The probability that two images of a key are nearer than two of different keys of the class."""
        one, other = reading.keys[self.pairs]
        return self.nearer(self._drawn(reading.runs, _PAIRS // 10), self.pairs[:, one != other])

    def steps(self, run: NDArray[np.int64]) -> NDArray[np.float32]:
        """For each place between two images of a run, the least distance of one before and one after, `(n - 1,)`."""
        places = np.arange(len(run) - 1)
        return self._least(run, places, places + 1)

    def jump(self, run: NDArray[np.int64], share: float) -> float:
        """The step that ends a film: such a share of steps between two random places of a run are smaller."""
        ends, starts = self._random.integers(0, len(run), (2, _PAIRS))
        far = np.abs(ends - starts) > 2 * _REACH
        return float(np.quantile(self._least(run, ends[far], starts[far]), share)) if far.any() else np.inf

    def _drawn(self, sets: Sequence[NDArray[np.int64]], count: int) -> NDArray[np.int64]:
        """Random pairs of different images of each set, `(2, up to count for each)`."""
        drawn = [self._random.choice(one, (2, count)) for one in sets if len(one) > 1]
        pairs = np.concatenate([np.empty((2, 0), np.int64), *drawn], axis=1)
        return pairs[:, pairs[0] != pairs[1]]

    def _distances(self, ones: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.float32]:
        return np.asarray(np.linalg.norm(self._points[ones] - self._points[others], axis=-1))

    def _least(self, run: NDArray[np.int64], ends: NDArray[np.int64], starts: NDArray[np.int64]) -> NDArray[np.float32]:
        before = run[np.maximum(ends[:, None] - np.arange(_REACH), 0)]  # (n, 3)
        after = run[np.minimum(starts[:, None] + np.arange(_REACH), len(run) - 1)]
        return np.asarray(self._distances(before[:, :, None], after[:, None]).min(axis=(1, 2)))


def _by_jump(reading: Reading, usual: _Usual, share: float) -> NDArray[np.int64]:
    """Films that end where a key does, and where the next frames differ as much as random images of the class."""
    starts, labels = np.zeros(len(reading.keys), np.bool_), usual.labels[reading.order]
    jumps = {int(labels[here[0]]): usual.jump(reading.order[here], share) for here in members_of(labels)}
    for run in reading.runs:
        starts[run[0]] = True
        starts[run[1:]] = usual.steps(run) > jumps[int(usual.labels[run[0]])]
    films = np.empty(len(starts), np.int64)
    films[reading.order] = np.cumsum(starts[reading.order]) - 1
    return films


def _divided(reading: Reading, films: NDArray[np.int64], usual: _Usual) -> NDArray[np.int64]:
    """The films, the largest one of a class cut at its largest step until the class has three."""
    films, following = films.copy(), int(films.max(initial=0)) + 1
    for here in members_of(usual.labels[reading.order]):
        own = reading.order[here]
        while len(np.unique(films[own])) < min(_SPLITS, len(own)):
            numbers, sizes = np.unique(films[own], return_counts=True)
            run = own[films[own] == numbers[np.argmax(sizes)]]
            films[run[1 + int(np.argmax(usual.steps(run))) :]] = following
            following += 1
    return films
