"""Shortcuts: classes that a network recognises by the border of the images instead of what they show.

A region at the border of an image of one class is pasted into images of other classes. If these are then predicted as
that class, the region decides, whatever the images show: a watermark, a scale bar, the background of one camera. Images
of the class with the region of another one are the other half of the question: are they still recognised?

Source: Geirhos et al. 2020, "Shortcut learning in deep neural networks"; Lapuschkin et al. 2019, "Unmasking Clever Hans
predictors" (a copyright tag in the corner of the horses of PASCAL VOC, pasted onto a car).
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyebright.model.explain.maps import Predict
from eyebright.trust.evidence import Shortcut
from eyebright.trust.intervals import Share

_MOST_TRIED, _MOST_PAIRS = 288, 4  # images in the first round; of each class and region
_LEFT, _PAIRS = 6, 16  # in the second round: classes and regions, and images of each
_BATCH = 32
_BORDER = 1 / 8  # of a side

Places: TypeAlias = dict[str, NDArray[np.bool_]]
"""Regions by name, each `(H, W)`."""


def regions(height: int, width: int) -> Places:
    """The corners and edges of an image, a ninth of it each, and its border, an eighth of its sides wide."""
    names = (("top left corner", "top edge", "top right corner"), ("left edge", "", "right edge"),
             ("bottom left corner", "bottom edge", "bottom right corner"))  # fmt: skip
    down, across = np.arange(height) * 3 // height, np.arange(width) * 3 // width
    outer = [np.abs((np.arange(size) + 0.5) / size - 0.5) > 0.5 - _BORDER for size in (height, width)]
    parts = {
        name: (down == row)[:, None] & (across == column)
        for row, line in enumerate(names)
        for column, name in enumerate(line)
        if name
    }
    return parts | {"whole border": outer[0][:, None] | outer[1]}


class CorrectImages(NamedTuple):
    """Correctly predicted images.

    Args:
        read: Gives prepared images `(n, H, W, C)`, uint8, by their numbers.
        labels: Their classes `(N,)`, true and predicted.
        groups: The number of each image's group `(N,)`, such as the film that it is from; None where each is alone.
    """

    read: Callable[[NDArray[np.int64]], NDArray[np.uint8]]
    labels: NDArray[np.int64]
    groups: NDArray[np.int64] | None = None

    def shuffled(self, which: NDArray[np.bool_], generator: np.random.Generator) -> NDArray[np.int64]:
        """Some of the images in random order, first one of each group, and then the others."""
        order = generator.permutation(np.flatnonzero(which))
        if self.groups is None:
            return order
        _, first = np.unique(self.groups[order], return_index=True)
        return np.concatenate([order[np.sort(first)], np.delete(order, first)])

    def independent(self, which: NDArray[np.bool_]) -> int:
        """How many of some images are independent: their number, or that of their groups."""
        return int(np.count_nonzero(which)) if self.groups is None else len(np.unique(self.groups[which]))


def count_tried(images: int) -> int:
    """How many images `find_shortcuts` predicts at most in its first round, of so many validation images."""
    return min(2 * images, _MOST_TRIED)


class _Trial(NamedTuple):
    label: int
    region: str


def find_shortcuts(
    predict: Predict, images: CorrectImages, classes: tuple[str, ...], size: tuple[int, int]
) -> tuple[Shortcut, ...]:
    """How often a region turns images of other classes into a class, for the regions that do so most.

    A first round tries every region of every class with few pairs of images; those that change at least half of them
    are tried with 16 pairs, and the other way round: how many images of the class are lost with the region of others.
    The work is bounded: of many classes, those with the most images are tried. Of a class with fewer than 16 images, or
    groups of images, each counts once, however many pairs it is in.

    Args:
        predict: The network.
        images: Validation images that it predicts correctly.
        classes: Names of the classes.
        size: Height and width of the images in pixels.
    """
    counts = np.bincount(images.labels, minlength=len(classes))
    by_count = np.argsort(-counts, kind="stable").tolist()
    usable = [label for label in by_count if 2 <= counts[label] <= len(images.labels) - 2]
    places, most = regions(*size), count_tried(len(images.labels))
    pairs = min(max(most // max(len(places) * len(usable), 1), 1), _MOST_PAIRS)
    trials = [_Trial(label, region) for label in usable[: most // (len(places) * pairs)] for region in places]
    first = _predicted(predict, images, trials, places, pairs)
    left = [trials[at] for at in np.argsort(-first, kind="stable")[:_LEFT] if 2 * first[at] >= pairs]
    changed = _predicted(predict, images, left, places, _PAIRS)
    lost = _PAIRS - _predicted(predict, images, left, places, _PAIRS, own=True)
    found = []
    for trial, *counted in zip(left, changed.tolist(), lost.tolist(), strict=True):
        own = images.labels == trial.label
        independent = min(_PAIRS, images.independent(own), images.independent(~own))  # pairs without one in common
        into, out_of = (
            Share.from_counts(round(count * independent / _PAIRS), independent, among=len(trials)) for count in counted
        )
        area = float(places[trial.region].mean())
        found.append(Shortcut(label=classes[trial.label], region=trial.region, area=area, changed=into, lost=out_of))
    return tuple(sorted(found, key=lambda one: -one.changed.value))


def _predicted(
    predict: Predict, images: CorrectImages, trials: list[_Trial], places: Places, pairs: int, *, own: bool = False
) -> NDArray[np.int64]:
    """For each trial, how many of so many images are predicted as its class.

    They are images of other classes with the region of one of the class; or, with `own`, the other way round.
    """
    at_once, found = max(_BATCH // pairs, 1), [np.empty(0, np.int64)]
    for start in range(0, len(trials), at_once):
        here = trials[start : start + at_once]
        pasted = np.concatenate([_pasted(images, trial, places, pairs, own=own) for trial in here])
        predicted = predict(pasted).argmax(axis=1)
        asked = np.array([trial.label for trial in here])
        found.append((predicted.reshape(len(here), pairs) == asked[:, None]).sum(axis=1))
    return np.concatenate(found)


def _pasted(images: CorrectImages, trial: _Trial, places: Places, pairs: int, *, own: bool) -> NDArray[np.uint8]:
    """Images with a region of others, `(pairs, H, W, C)`; `own` as above."""
    generator = np.random.Generator(np.random.PCG64(0))
    of_class = images.labels == trial.label
    from_class, other = (
        images.read(np.resize(images.shuffled(some, generator), pairs)) for some in (of_class, ~of_class)
    )
    return np.where(places[trial.region][None, :, :, None] != own, from_class, other)
