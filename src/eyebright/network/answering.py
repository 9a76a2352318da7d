"""Answering: what a graph computes after the logits. Plain arrays, from which `network.onnx` makes nodes.

Probabilities are a softmax with a temperature. The unfamiliarity says how unlike the training images an image is. The
answer is a class, or none where the image is too unlike them or the probability is too low.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.network.graph import Network, Place
from eyebright.network.layers import Flatten

PROBABILITIES, UNFAMILIARITY, ANSWER = "probabilities", "unfamiliarity", "answer"
"""The outputs of a classifier's graph."""
NO_ANSWER = -1
LEAST_LENGTH = 1e-12
"""Of features, so that zeros can be scaled to a length."""


class Familiar(NamedTuple):
    """What images like the training images have in common; all float32.

    Their features, scaled to length 1, are a Gaussian: it has its own variance along a few directions, and one variance
    along all others. The unfamiliarity of an image is

        (distance + energy_weight * max(energy - energy_typical, 0)) / limit,

    where the distance is the squared Mahalanobis distance to the mean, and the energy is -log(sum(exp(logits /
    temperature))). An energy below that of typical images says nothing: far images may have huge logits.

    Args:
        mean: `(features,)`.
        directions: Orthonormal rows, `(rank, features)`.
        variances: The variance along each direction, `(rank,)`, none below `rest`.
        rest: The variance along every other direction, `()`, above 0.
        energy_typical: The median energy, `()`.
        energy_weight: How much distance one unit of energy is worth, `()`, 0 or more.
        limit: The value above which an image is unlike the training images, `()`, above 0.
    """

    mean: NDArray[np.float32]
    directions: NDArray[np.float32]
    variances: NDArray[np.float32]
    rest: NDArray[np.float32]
    energy_typical: NDArray[np.float32]
    energy_weight: NDArray[np.float32]
    limit: NDArray[np.float32]


class Answering(NamedTuple):
    """How a graph comes from logits to an answer.

    Args:
        temperature: The logits are divided by it before the softmax.
        familiar: What the training images have in common; None where no unfamiliarity is computed.
        thresholds: The probability that each class needs to be the answer, `(num_classes,)`, float32; None if any will
            do.
    """

    temperature: float = 1.0
    familiar: Familiar | None = None
    thresholds: NDArray[np.float32] | None = None


def features_place(network: Network) -> tuple[str, Place]:
    """The layer, with its name, that gives the features of an image: the mean of each of its maps.

    It is the last layer with learned maps before the last layer that learns. In a network without such maps it is what
    that layer reads: a vector, or the maps that were laid out as one. In networks trained from scratch, unknown images
    differ more in the maps than in the dense layers behind them: see benchmarks/README.md.
    """
    learning = [place for place in network.places.values() if place.parameters]
    read = network.up_to(learning[-1].inputs[0] if learning else network.output)
    maps = [name for name, place in read.places.items() if len(place.shape) == 3 and place.shape[1:] != (1, 1)]
    name = read.output
    if maps and read.up_to(maps[-1]).parameters:
        name = maps[-1]
    elif isinstance(read.layer(name), Flatten):
        name = read.places[name].inputs[0]
    return name, network.places[name]
