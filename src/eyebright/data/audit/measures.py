"""Measures of single pictures from their prints, and which of them stand out.

A picture stands out when a measure is far from the middle of its own set (robustly: in deviations that the outliers
themselves do not inflate) and beyond a bound of its own. So X-rays are not all "very dark", nor is the darkest of a
hundred well-lit photographs.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.data.pictures import Preparation

FAR = 3.5  # robust deviations from the median; Iglewicz and Hoaglin, "How to Detect and Handle Outliers", 1993
DARK, BRIGHT = 0.2, 0.8  # of highlights and of shadows: beyond these a screen shows hardly anything
EXTREME = 0.02  # share of a picture that highlights and shadows leave out: a lamp does not make a night bright
EMPTY = 0.97  # share of one colour: what is left is less than a fifth of each side
BLURRED = 0.25  # sharpness over the median: as after halving and enlarging again
ODD_SHAPE, ODD_AREA = 2.0, 8.0  # times as long, times as large as the middle one
LOST = 0.4  # share of the area that a crop may take before what a picture shows is often gone
_LEVELS = 16  # of each colour when asking for the commonest; finer ones split a sky by its noise
_BLOCK = 4_096


class Measures(NamedTuple):
    """Measures of pictures, each `(N,)`.

    Args:
        width: Pixels across, at full scale.
        height: Pixels down.
        highlights: The strongest colour of its brightest places, 0 black to 1.
        shadows: The weakest colour of its darkest places, 0 to 1 white.
        sharpness: As `pictures.prints.sharpness`.
        one_colour: Share of the picture that is of its commonest colour.
    """

    width: NDArray[np.float64]
    height: NDArray[np.float64]
    highlights: NDArray[np.float64]
    shadows: NDArray[np.float64]
    sharpness: NDArray[np.float64]
    one_colour: NDArray[np.float64]


def measure(prints: NDArray[np.void]) -> Measures:
    """Measure pictures by their prints, `(N,)` records of `PRINT`."""
    highlights, shadows, one_colour = (np.empty(len(prints)) for _ in range(3))
    for start in range(0, len(prints), _BLOCK):
        block = slice(start, start + _BLOCK)
        pixels = prints["thumbnail"][block].reshape(len(prints[block]), -1, 3)  # (n, 1024, 3)
        highlights[block] = np.quantile(pixels.max(axis=2), 1 - EXTREME, axis=1) / 255
        shadows[block] = np.quantile(pixels.min(axis=2), EXTREME, axis=1) / 255
        one_colour[block] = _commonest(pixels)
    width, height, sharpness = (prints[name].astype(np.float64) for name in ("width", "height", "sharpness"))
    return Measures(width, height, highlights, shadows, sharpness, one_colour)


def dark(measures: Measures) -> NDArray[np.int64]:
    """Pictures that are very dark for their set."""
    return np.flatnonzero((measures.highlights < DARK) & (_deviations(measures.highlights, least=0.05) < -FAR / 2))


def bright(measures: Measures) -> NDArray[np.int64]:
    """Pictures that are very bright for their set."""
    return np.flatnonzero((measures.shadows > BRIGHT) & (_deviations(measures.shadows, least=0.05) > FAR / 2))


def empty(measures: Measures) -> NDArray[np.int64]:
    """Pictures of nearly one colour only, unless half of the set is."""
    return np.flatnonzero((measures.one_colour >= EMPTY) & (np.median(measures.one_colour) < EMPTY))


def blurred(measures: Measures) -> NDArray[np.int64]:
    """Pictures far less sharp than their set, and not empty."""
    sharpness = np.maximum(measures.sharpness, 1e-6)
    low = (_deviations(np.log(sharpness), least=0.3) < -FAR) & (sharpness < BLURRED * np.median(sharpness))
    return np.flatnonzero(low & (measures.one_colour < EMPTY))


def odd(measures: Measures) -> NDArray[np.int64]:
    """Pictures whose proportions or area are far from those of their set."""
    found = np.zeros(len(measures.width), bool)
    for values, bound in ((measures.width / measures.height, ODD_SHAPE), (measures.width * measures.height, ODD_AREA)):
        away = np.log(values) - np.median(np.log(values)) if len(values) else values
        found |= (np.abs(away) > np.log(bound)) & (np.abs(_deviations(np.log(values), least=0.1)) > FAR)
    return np.flatnonzero(found)


def lost(measures: Measures, preparation: Preparation) -> NDArray[np.float64]:
    """Share of each picture's area that the preparation crops away, `(N,)`."""
    if preparation.fit != "crop":
        return np.zeros(len(measures.width))
    longer = measures.width / measures.height / (preparation.width / preparation.height)
    return 1 - np.minimum(longer, 1 / longer)


def _commonest(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    levels = pixels.astype(np.int64) * _LEVELS // 256
    colours = (levels[..., 0] * _LEVELS + levels[..., 1]) * _LEVELS + levels[..., 2]  # (n, 1024)
    ordered = np.sort(colours, axis=1)
    shares = np.empty(len(pixels))
    for row, colour in enumerate(ordered):
        ends = np.flatnonzero(np.diff(colour, append=-1))
        shares[row] = np.diff(ends, prepend=-1).max() / len(colour)
    return shares


def _deviations(values: NDArray[np.float64], *, least: float) -> NDArray[np.float64]:
    """How many robust deviations each value is from the median; a deviation is at least `least`."""
    if not len(values):
        return values
    away = values - np.median(values)
    return np.asarray(away / max(1.4826 * float(np.median(np.abs(away))), least))
