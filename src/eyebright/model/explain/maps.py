"""Maps of what speaks for a class: how the parts of an image change its probability.

The network answers partly blurred copies of the image. In each copy a random half of the cells of a coarse grid is
visible and the rest is blurred, and each copy has an opposite, in which visible and blurred cells are exchanged. The
map is the linear function of the visible cells that predicts these answers best. With all 2^cells copies its
coefficients would be the Banzhaf values: how much higher the probability is, on average, when a cell is visible.
Neighbouring cells are expected to be alike, so that a few dozen copies are enough.

Only answers are used: it works for every network, from a linear one to an imported graph.

Source: Petsiuk et al. 2018, "RISE" (random masks); Hammer and Holzman 1992, "Approximations of pseudo-Boolean
functions" (the Banzhaf value is the best linear approximation). Where we differ: cells are blurred instead of black,
copies come in opposite pairs, and the coefficients are fitted by ridge regression under a smooth prior instead of
averaged. `benchmarks/explain.py` measures how faithful the maps are.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from eyebright.system.progress import Report, quiet

CELLS = 6  # down and across
COPIES = 96  # of each image
BLUR = 0.1  # standard deviation, as a share of the larger side: details of objects are gone, colours remain
_REACH = 1 / 6  # of the image: how far cells are expected to be alike
_NOISE = 1.0  # variance of what cells do not explain, in units of what they do
_BATCH = 32

Predict: TypeAlias = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""From prepared images `(N, H, W, C)` to probabilities `(N, classes)`."""


def explain(
    predict: Predict, images: NDArray[np.uint8], classes: NDArray[np.int64], report: Report = quiet
) -> NDArray[np.float32]:
    """How much each part of each image speaks for a class.

    Args:
        predict: The network: what gives probabilities, such as `Predictor.probabilities`.
        images: Prepared images `(N, H, W, C)`, uint8.
        classes: The class asked about for each image, as its position in the probabilities `(N,)`.
        report: Receives the progress.

    Returns:
        Maps `(N, H, W)`, float32: above 0 what raises the probability of the class, below 0 what lowers it, in units of
        the probability for a cell of the grid.
    """
    plan = plan_for(*images.shape[1:3])
    found = np.empty(images.shape[:3], np.float32)
    for number, (image, label) in enumerate(zip(images, classes, strict=True)):
        found[number] = plan.fit(_answers(predict, plan.copies(image), int(label)))
        report("explaining", number + 1, len(images))
    return found


def blurred(image: NDArray[np.uint8], share: float = BLUR) -> NDArray[np.uint8]:
    """The image `(H, W, C)` without its details: Gaussian blur whose deviation is a share of the larger side."""
    deviation = share * max(image.shape[:2])
    soft = Image.fromarray(image.squeeze(axis=2) if image.shape[2] == 1 else image)
    return np.asarray(soft.filter(ImageFilter.GaussianBlur(deviation)), np.uint8).reshape(image.shape)


def _answers(predict: Predict, copies: NDArray[np.uint8], label: int) -> NDArray[np.float64]:
    parts = [predict(copies[at : at + _BATCH])[:, label] for at in range(0, len(copies), _BATCH)]
    return np.concatenate(parts).astype(np.float64)


class Plan(NamedTuple):
    """Which cells are visible in which copy, and how the answers become a map.

    Args:
        visible: How visible each pixel is in each copy, `(copies, H, W)`, 0 to 1.
        weights: Of each answer in each cell, `(copies, cells)`: the ridge regression.
        down: Prior covariance of each row of pixels with each row of cells, `(H, CELLS)`.
        across: The same for columns, `(W, CELLS)`.
    """

    visible: NDArray[np.float32]
    weights: NDArray[np.float64]
    down: NDArray[np.float64]
    across: NDArray[np.float64]

    def copies(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The partly blurred copies of an image, `(copies, H, W, C)`."""
        soft = blurred(image).astype(np.float32)
        return (soft + self.visible[..., None] * (image - soft) + 0.5).astype(np.uint8)

    def fit(self, probabilities: NDArray[np.float64]) -> NDArray[np.float32]:
        """The map `(H, W)` that explains the probabilities of the copies, `(copies,)`, best."""
        cells = ((probabilities - probabilities.mean()) @ self.weights).reshape(CELLS, CELLS)
        return np.asarray(self.down @ cells @ self.across.T, np.float32)


@functools.cache
def plan_for(height: int, width: int) -> Plan:
    """The plan for images of a size; always the same."""
    half = np.random.Generator(np.random.PCG64(0)).random((COPIES // 2, CELLS, CELLS)) < 0.5
    shown = np.concatenate([half, ~half]).astype(np.float64)
    visible = np.einsum("nab,ha,wb->nhw", shown, _shares(height), _shares(width), optimize=True)
    weights = _ridge(shown.reshape(COPIES, -1))
    return Plan(visible.astype(np.float32), weights, _covariance(_middles(height)), _covariance(_middles(width)))


def _middles(count: int) -> NDArray[np.float64]:
    """The middles of so many equal parts of a side of length 1."""
    return (np.arange(count) + 0.5) / count


def _shares(size: int) -> NDArray[np.float64]:
    """The share of each row of cells in each row of pixels, `(size, CELLS)`: linear from middle to middle."""
    return np.stack([np.interp(_middles(size), _middles(CELLS), row) for row in np.eye(CELLS)], axis=1)


def _covariance(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """The prior: how alike the importance is at places along one side and in each row of cells, `(n, CELLS)`."""
    return np.exp(-((places[:, None] - _middles(CELLS)) ** 2) / (2 * _REACH**2))


def _ridge(shown: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights of the answers by Gaussian-process regression on the visible cells, `(copies, cells)`."""
    side = _covariance(_middles(CELLS))
    centred = shown - shown.mean(axis=0)
    gram = centred @ np.kron(side, side) @ centred.T
    return np.linalg.solve(gram + _NOISE * np.trace(gram) / len(gram) * np.eye(len(gram)), centred)
