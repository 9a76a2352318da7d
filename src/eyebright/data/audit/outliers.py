"""Images that stand out from their data set: very dark, blurred, of odd size, and images unlike all others.

An image stands out if a measure is far from the median of its own data set (in robust deviations, which outliers do not
inflate) and beyond a fixed bound. So not all X-rays are "very dark", nor is the darkest of a hundred well-lit
photographs.

Images unlike all others are far from their nearest neighbours, in the features of a pretrained network. Features are
scaled to length 1 and standardised, so that a feature which almost all images lack has weight where it occurs. Of
twenty images of signs, faces, clothes and objects added to 4,317 flowers, this finds seven and ranks all of them with
an area under the ROC curve of 0.98; in the 64 directions of highest variance it would be 0.82.

Source: Iglewicz and Hoaglin 1993, "How to Detect and Handle Outliers" (robust deviations); Ramaswamy, Rastogi and Shim
2000, "Efficient algorithms for mining outliers from large data sets" (distances to neighbours).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.data.audit.neighbours import nearest
from eyebright.data.pictures import Preparation

FAR = 3.5  # robust deviations from the median, as Iglewicz and Hoaglin propose
DARK, BRIGHT = 0.2, 0.8  # of highlights and of shadows: beyond these a screen shows almost nothing
EXTREME = 0.02  # share of an image that highlights and shadows ignore: one lamp does not make a night bright
EMPTY = 0.97  # share of one colour: the rest is less than a fifth of each side
BLURRED = 0.25  # sharpness over the median: as after halving and enlarging again
ODD_SHAPE, ODD_AREA = 2.0, 8.0  # times the median proportions and the median area
LOST = 0.4  # share of the area that a crop removes: with more, the object is often gone
DEVIATIONS = 2.5  # for images unlike all others: distances in many dimensions lie closer together than normal values
NEIGHBOURS = 10
_MAD = 1.4826  # for normal values, the standard deviation over the median absolute deviation
_LEAST_SPREAD = 0.05  # of logarithms of distances: where all are alike, 5% more is not far
_FEWEST = 8  # with fewer images, none is reported as unlike the others
_LEVELS = 16  # of each channel, to find the most common colour; finer ones would split a sky by its noise
_BLOCK = 4_096


class Measures(NamedTuple):
    """Measures of images, each `(N,)`.

    Args:
        width: Width of the file, in pixels.
        height: Height of the file, in pixels.
        highlights: Strongest channel of the brightest parts, 0 (black) to 1.
        shadows: Weakest channel of the darkest parts, 0 to 1 (white).
        sharpness: As `eyebright.data.pictures.prints.sharpness` returns it.
        one_colour: Share of the image that has its most common colour, 0 to 1.
    """

    width: NDArray[np.float64]
    height: NDArray[np.float64]
    highlights: NDArray[np.float64]
    shadows: NDArray[np.float64]
    sharpness: NDArray[np.float64]
    one_colour: NDArray[np.float64]


class Outlier(NamedTuple):
    """An image unlike all others.

    Args:
        image: Position of the image.
        deviations: How many robust deviations farther than usual its nearest neighbours are.
    """

    image: int
    deviations: float


def measure(prints: NDArray[np.void]) -> Measures:
    """Measure images by their prints, `(N,)` records of `eyebright.data.pictures.PRINT`."""
    highlights, shadows, one_colour = (np.empty(len(prints)) for _ in range(3))
    for start in range(0, len(prints), _BLOCK):
        block = slice(start, start + _BLOCK)
        pixels = prints["thumbnail"][block].reshape(len(prints[block]), -1, 3)  # (n, 1024, 3)
        highlights[block] = np.quantile(pixels.max(axis=2), 1 - EXTREME, axis=1) / 255
        shadows[block] = np.quantile(pixels.min(axis=2), EXTREME, axis=1) / 255
        one_colour[block] = _most_common(pixels)
    width, height, sharpness = (prints[name].astype(np.float64) for name in ("width", "height", "sharpness"))
    return Measures(width, height, highlights, shadows, sharpness, one_colour)


def dark(measures: Measures) -> NDArray[np.int64]:
    """Positions of images that are very dark for their data set."""
    low = robust_deviations(measures.highlights, least=0.05) < -FAR / 2
    return np.flatnonzero((measures.highlights < DARK) & low)


def bright(measures: Measures) -> NDArray[np.int64]:
    """Positions of images that are very bright for their data set."""
    high = robust_deviations(measures.shadows, least=0.05) > FAR / 2
    return np.flatnonzero((measures.shadows > BRIGHT) & high)


def empty(measures: Measures) -> NDArray[np.int64]:
    """Positions of images of almost one colour only, unless half of the data set is."""
    return np.flatnonzero((measures.one_colour >= EMPTY) & (np.median(measures.one_colour) < EMPTY))


def blurred(measures: Measures) -> NDArray[np.int64]:
    """Positions of images far less sharp than their data set, and not empty."""
    sharpness = np.maximum(measures.sharpness, 1e-6)
    low = robust_deviations(np.log(sharpness), least=0.3) < -FAR
    below = sharpness < BLURRED * np.median(sharpness)
    return np.flatnonzero(low & below & (measures.one_colour < EMPTY))


def odd(measures: Measures) -> NDArray[np.int64]:
    """Positions of images whose proportions or area are far from those of their data set."""
    found = np.zeros(len(measures.width), bool)
    for values, bound in ((measures.width / measures.height, ODD_SHAPE), (measures.width * measures.height, ODD_AREA)):
        away = np.log(values) - np.median(np.log(values)) if len(values) else values
        found |= (np.abs(away) > np.log(bound)) & (np.abs(robust_deviations(np.log(values), least=0.1)) > FAR)
    return np.flatnonzero(found)


def cropped_share(measures: Measures, preparation: Preparation) -> NDArray[np.float64]:
    """Share of each image's area that the preparation crops away, `(N,)`, 0 to 1."""
    if preparation.fit != "crop":
        return np.zeros(len(measures.width))
    longer = measures.width / measures.height / (preparation.width / preparation.height)
    return 1 - np.minimum(longer, 1 / longer)


def outliers(features: NDArray[np.float32]) -> list[Outlier]:
    """Find images unlike all others, the farthest first.

    Args:
        features: Features of each image from a pretrained network, `(N, D)`.
    """
    far = neighbour_deviations(standardised(features))
    found = np.flatnonzero(far > DEVIATIONS)
    return [Outlier(int(index), float(far[index])) for index in found[np.argsort(-far[found], kind="stable")]]


def standardised(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Features `(N, D)` scaled to length 1, then each to mean 0 and deviation 1."""
    if not len(features):
        return features
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    return np.asarray((unit - unit.mean(axis=0)) / (unit.std(axis=0) + 1e-6), np.float32)


def neighbour_deviations(points: NDArray[np.float32]) -> NDArray[np.float64]:
    """How many robust deviations farther than usual the nearest neighbours of each point are, `(N,)`.

    Distances are compared as logarithms. All are 0 for fewer than eight points.
    """
    if len(points) < _FEWEST:
        return np.zeros(len(points))
    distances = nearest(points, min(NEIGHBOURS, len(points) // 2))[0].astype(np.float64)
    return robust_deviations(np.log(distances.mean(axis=1) + 1e-6), least=_LEAST_SPREAD)


def robust_deviations(values: NDArray[np.float64], *, least: float) -> NDArray[np.float64]:
    """How many robust deviations each value lies above the median, `(N,)`; a deviation is at least `least`."""
    if not len(values):
        return values
    away = values - np.median(values)
    return np.asarray(away / max(_MAD * float(np.median(np.abs(away))), least))


def _most_common(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Share of the most common colour in each image's pixels, `(n, 1024, 3)`: `(n,)`."""
    levels = pixels.astype(np.int64) * _LEVELS // 256
    colours = (levels[..., 0] * _LEVELS + levels[..., 1]) * _LEVELS + levels[..., 2]  # (n, 1024)
    shares = np.empty(len(pixels))
    for row, colour in enumerate(np.sort(colours, axis=1)):
        ends = np.flatnonzero(np.diff(colour, append=-1))
        shares[row] = np.diff(ends, prepend=-1).max() / len(colour)
    return shares
