"""Maps of what an answer rests on: how much the parts of an image matter for the probability of a class.

The network answers copies of the image in which cells of a coarse grid are hidden. Two questions are asked:

- Which cells are enough? In each copy a random half of the cells is blurred, and each copy has an opposite, in which
  blurred and visible cells are exchanged. Ridge regression finds how much a visible cell raises the probability. With
  all 2^cells copies its coefficients would be the Banzhaf values: the mean over all choices of other visible cells.
- Which cells are needed? Each cell alone is made grey; the third of the cells that lower the probability most stays
  grey, and each of the others is tried again. What goes first is needed most. How much a cell alone lowers the
  probability counts too.

A map that answers one question alone is less faithful by the measure of the other one (`benchmarks/explain.py`).
Only answers are used: it works for every network, from a linear one to an imported graph.

Source: Petsiuk et al. 2018, "RISE" (random masks, and how to measure maps); Hammer and Holzman 1992, "Approximations of
pseudo-Boolean functions" (the Banzhaf value is the best linear approximation); Fong and Vedaldi 2017, "Interpretable
explanations of black boxes by meaningful perturbation" (the smallest region whose loss changes the answer). Where we
differ: the copies are blurred in opposite pairs, and the coefficients have a smooth prior; the region grows greedily.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from eyebright.system.progress import Report, quiet

CELLS = 6  # down and across
BLURRED = 20  # copies with a random half of the cells blurred
_PARTS = 3  # in which cells are covered; of the last one, what is enough decides
COPIES = BLURRED + sum(CELLS * CELLS * part // _PARTS for part in range(_PARTS, 1, -1))  # of each image
BLUR = 0.1  # standard deviation, as a share of the larger side: details of objects are gone, colours remain
GREY = 127
_ORDER = 2.0  # weight of the order in which cells are covered
_NO_CHANGE = 1e-6  # of a probability
_REACH = 1 / 6  # of the image: how far cells are expected to be alike
_NOISE = 1.0  # variance of what cells do not explain, in units of what they do
_BATCH = 32

Predict: TypeAlias = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""From prepared images `(N, H, W, C)` to probabilities `(N, classes)`."""
_Ask: TypeAlias = Callable[[NDArray[np.uint8]], NDArray[np.float64]]
"""From copies of an image to the probabilities of the class that is explained `(N,)`."""


def explain(
    predict: Predict, images: NDArray[np.uint8], classes: NDArray[np.int64], report: Report = quiet
) -> NDArray[np.float32]:
    """How much each part of each image matters for the probability of a class.

    Args:
        predict: The network: what gives probabilities, such as `Predictor.quick_probabilities`.
        images: Prepared images `(N, H, W, C)`, uint8.
        classes: The class asked about for each image, as its position in the probabilities `(N,)`.
        report: Receives the progress.

    Returns:
        Maps `(N, H, W)`, float32: 0 for the average part of the image; above 0 what matters more; below 0 what matters
        less or lowers the probability. A map is 0 everywhere if the answer is the same whatever is hidden.
    """
    plan = plan_for(*images.shape[1:3])
    found = np.empty(images.shape[:3], np.float32)
    for number, (image, label) in enumerate(zip(images, classes, strict=True)):
        cells = importance_of_cells(functools.partial(_answers, predict, int(label)), image, plan)
        found[number] = _enlarged(cells, images.shape[2], images.shape[1])
        report("explaining", number + 1, len(images))
    return found


def importance_of_cells(ask: _Ask, image: NDArray[np.uint8], plan: "Plan") -> NDArray[np.float64]:
    """The answers to both questions together, `(CELLS, CELLS)`, each standardised."""
    enough = plan.fit(ask(plan.copies(image)))
    alone = -ask(_covered(image, plan.cells, np.arange(len(enough))))
    if np.ptp(alone) < _NO_CHANGE:
        return np.zeros((CELLS, CELLS))
    needed = order_of_need(ask, image, plan.cells, enough, alone)
    total = _standardised(enough) + _standardised(alone) + _ORDER * _standardised(needed)
    return total.reshape(CELLS, CELLS)


def order_of_need(
    ask: _Ask,
    image: NDArray[np.uint8],
    cells: NDArray[np.int64],
    enough: NDArray[np.float64],
    alone: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The place of each cell when they are covered greedily, a third at a time: the highest for the first.

    Args:
        ask: The probability for copies of the image.
        image: The image `(H, W, C)`.
        cells: The cell of each pixel, `(H, W)`.
        enough: The answer to the first question, `(cells,)`: it decides between equals, and orders the last third.
        alone: How low the probability is when a cell alone is covered, `(cells,)`.
    """
    lost, left, hidden = alone, np.arange(len(enough)), list[int]()
    for part in range(_PARTS - 1):
        if part:
            covered = np.where(np.isin(cells, hidden)[..., None], np.uint8(GREY), image)
            lost = -ask(_covered(covered, cells, left))
        first = left[np.lexsort((-enough[left], -lost))][: len(enough) // _PARTS]
        hidden += first.tolist()
        left = np.setdiff1d(left, first)
    hidden += left[np.argsort(-enough[left], kind="stable")].tolist()
    places = np.empty(len(enough))
    places[hidden] = np.arange(len(enough))[::-1]
    return places


def _covered(image: NDArray[np.uint8], cells: NDArray[np.int64], which: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Copies of an image, each with one of the cells in grey, `(n, H, W, C)`."""
    return np.where(cells[None, :, :, None] == which[:, None, None, None], np.uint8(GREY), image)


def blurred(image: NDArray[np.uint8], share: float = BLUR) -> NDArray[np.uint8]:
    """The image `(H, W, C)` without its details: Gaussian blur whose deviation is a share of the larger side."""
    deviation = share * max(image.shape[:2])
    soft = Image.fromarray(image.squeeze(axis=2) if image.shape[2] == 1 else image)
    return np.asarray(soft.filter(ImageFilter.GaussianBlur(deviation)), np.uint8).reshape(image.shape)


def _answers(predict: Predict, label: int, copies: NDArray[np.uint8]) -> NDArray[np.float64]:
    parts = [predict(copies[at : at + _BATCH])[:, label] for at in range(0, len(copies), _BATCH)]
    return np.concatenate(parts).astype(np.float64)


def _enlarged(cells: NDArray[np.float64], width: int, height: int) -> NDArray[np.float32]:
    smooth = Image.fromarray(cells.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(smooth, np.float32)


def _standardised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean 0 and standard deviation 1; 0 where all values are the same."""
    spread = values.std()
    return np.asarray((values - values.mean()) / (spread if spread > 1e-9 else 1.0))


class Plan(NamedTuple):
    """Which cells are visible in which copy, and how the answers become coefficients.

    Args:
        cells: The cell of each pixel, `(H, W)`.
        visible: How visible each pixel is in each copy, `(copies, H, W)`, 0 to 1.
        weights: Of each answer in the coefficient of each cell, `(copies, cells)`.
    """

    cells: NDArray[np.int64]
    visible: NDArray[np.float32]
    weights: NDArray[np.float64]

    def copies(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The partly blurred copies of an image, `(copies, H, W, C)`."""
        soft = blurred(image).astype(np.float32)
        return (soft + self.visible[..., None] * (image - soft) + 0.5).astype(np.uint8)

    def fit(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """How much each visible cell raises the probabilities of the copies, `(cells,)`."""
        return np.asarray((probabilities - probabilities.mean()) @ self.weights)


@functools.cache
def plan_for(height: int, width: int) -> Plan:
    """The plan for images of a size; always the same."""
    half = np.random.Generator(np.random.PCG64(0)).random((BLURRED // 2, CELLS, CELLS)) < 0.5
    shown = np.concatenate([half, ~half]).astype(np.float64)
    visible = np.einsum("nab,ha,wb->nhw", shown, _shares(height), _shares(width), optimize=True)
    down, across = (np.arange(size) * CELLS // size for size in (height, width))
    return Plan(down[:, None] * CELLS + across, visible.astype(np.float32), _ridge(shown.reshape(BLURRED, -1)))


def _middles(count: int) -> NDArray[np.float64]:
    """The middles of so many equal parts of a side of length 1."""
    return (np.arange(count) + 0.5) / count


def _shares(size: int) -> NDArray[np.float64]:
    """The share of each row of cells in each row of pixels, `(size, CELLS)`: linear from middle to middle."""
    return np.stack([np.interp(_middles(size), _middles(CELLS), row) for row in np.eye(CELLS)], axis=1)


def _ridge(shown: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights of the answers by ridge regression under a Gaussian prior, in which near cells are alike."""
    apart = _middles(CELLS)[:, None] - _middles(CELLS)
    side = np.exp(-(apart**2) / (2 * _REACH**2))
    prior, centred = np.kron(side, side), shown - shown.mean(axis=0)
    gram = centred @ prior @ centred.T
    return np.asarray(np.linalg.solve(gram + _NOISE * np.trace(gram) / len(gram) * np.eye(len(gram)), centred @ prior))
