"""The profile of some images: how they look, and what a network sees in them; a few numbers for each image.

A trained model has the profile of a sample of its validation images, with which `eyebright drift` compares new ones. It
is not of training images: the network has fitted these, is surer on them, and their features lie closer together.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.data.batches import spread
from eyebright.data.pack import Pack
from eyebright.network.answering import Familiar
from eyebright.trust.drift import Profile
from eyebright.trust.metrics import softmax
from eyebright.trust.unknown import unfamiliarity_of, unit

MOST = 500
"""Images of a profile. More would hardly find smaller differences: few models are given so many new images."""
_POINTS = 16  # directions of the features that are compared
_FARTHEST = 60_000  # deviations that float16 can hold
_GREY = np.array([0.299, 0.587, 0.114], np.float32)  # brightness of red, green and blue (ITU-R BT.601)


class NetworkOutputs(NamedTuple):
    """What a network sees in images: logits divided by the temperature `(n, classes)`, and features `(n, features)`."""

    logits: NDArray[np.floating]
    features: NDArray[np.floating]


def profile(
    pack: Pack, indices: NDArray[np.int64], groups: NDArray[np.int64] | None, seen: NetworkOutputs, familiar: Familiar
) -> Profile:
    """The profile of some images of a pack.

    Args:
        pack: The images.
        indices: Their positions, `(n,)`.
        groups: Group number of each, `(n,)`; None if they are independent.
        seen: What the network sees in them.
        familiar: What its training images have in common.
    """
    probabilities = softmax(seen.logits)
    directions = familiar.directions[:_POINTS].astype(np.float64)
    points = (unit(seen.features) - familiar.mean) @ directions.T / np.sqrt(familiar.variances[:_POINTS])
    return Profile(
        **looks(pack.prints(indices)),
        predicted=probabilities.argmax(axis=1),
        confidence=probabilities.max(axis=1).astype(np.float32),
        unfamiliarity=unfamiliarity_of(familiar, seen.features, seen.logits).astype(np.float32),
        points=points.clip(-_FARTHEST, _FARTHEST).astype(np.float16),
        groups=np.arange(len(indices)) if groups is None else groups,
    )


def sample_profile(
    pack: Pack, indices: NDArray[np.int64], groups: NDArray[np.int64] | None, seen: NetworkOutputs, familiar: Familiar
) -> Profile:
    """The profile of `MOST` of the images, evenly spread; arguments as in `profile`."""
    some = spread(np.arange(len(indices)), MOST)
    return profile(
        pack,
        indices[some],
        None if groups is None else groups[some],
        NetworkOutputs(*(part[some] for part in seen)),
        familiar,
    )


def looks(prints: NDArray[np.void]) -> dict[str, NDArray[np.float32]]:
    """How images look, by the fields of a profile.

    Args:
        prints: `(n,)` records of `eyebright.data.pictures.PRINT`. Brightness, contrast and colour are measured on its
            thumbnail of the whole image, 32 x 32 pixels.
    """
    thumbnails = prints["thumbnail"].reshape(len(prints), -1, 3).astype(np.float32) / 255  # (n, 1024, 3)
    grey = thumbnails @ _GREY
    colour = (thumbnails.max(axis=2) - thumbnails.min(axis=2)).mean(axis=1)
    measured = {"brightness": grey.mean(axis=1), "contrast": grey.std(axis=1), "colour": colour}
    return measured | {name: prints[name].astype(np.float32) for name in ("sharpness", "width", "height")}
