"""Maps of what an answer rests on: how much the parts of an image matter for the probability of a class.

The network answers copies of the image in which cells of a coarse grid are hidden. Two questions are asked:

- Which cells are enough? In each copy a random half of the cells is blurred, and each copy has an opposite, in which
  blurred and visible cells are exchanged. Ridge regression finds how much a visible cell raises the log-odds of the
  class. With all 2^cells copies its coefficients would be the Banzhaf values: the mean over all choices of other
  visible cells.
- Which cells are needed? Large squares are made grey, one after the other. Then the cells whose loss lowers the
  log-odds most stay grey, and those that come next are tried again, twice. What goes first is needed most. How much the
  squares lower the log-odds counts too.

A map that answers one question alone is less faithful by the measure of the other one (`benchmarks/explain.py`).
Only answers are used: it works for every network, from a linear one to an imported graph.

Source: Petsiuk et al. 2018, "RISE" (random masks, and how to measure maps); Hammer and Holzman 1992, "Approximations of
pseudo-Boolean functions" (the Banzhaf value is the best linear approximation); Fong and Vedaldi 2017, "Interpretable
explanations of black boxes by meaningful perturbation" (the smallest region whose loss changes the answer). Where we
differ: the copies are blurred in opposite pairs, and the coefficients have a smooth prior; the region grows greedily,
and only the cells that were best before are tried again (Minoux 1978, "Accelerated greedy algorithms").
"""

import functools
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

CELLS = 6  # down and across
BLURRED = 16  # copies with a random half of the cells blurred
_SQUARES, _SQUARE = 5, 1 / 3  # covered squares, down and across, and their sides as a share of the image
_ROUNDS, _TAKEN, _TRIED = 2, 4, 6  # of the greedy search; cells that stay covered, and that are tried, in each
COPIES = BLURRED + _SQUARES**2 + _ROUNDS * _TRIED  # of each image
BLUR = 0.1  # standard deviation, as a share of the larger side: details of objects are gone, colours remain
GREY = 127
_ORDER = 2.0  # weight of the order in which cells are covered
_NO_CHANGE = 1e-6  # of log-odds
_LEAST = 1e-12  # probability, so that its logarithm is finite
_REACH = 1 / 6  # of the image: how far cells are expected to be alike
_NOISE = 1.0  # variance of what cells do not explain, in units of what they do
_BATCH = 8  # in bfloat16, larger ones take longer for each copy

Predict: TypeAlias = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""From prepared images `(N, H, W, C)` to probabilities `(N, classes)`."""
_Ask: TypeAlias = Callable[[NDArray[np.uint8]], NDArray[np.float64]]
"""From copies of an image to the log-odds of the class that is explained `(N,)`."""


def explain(predict: Predict, images: NDArray[np.uint8], classes: NDArray[np.int64]) -> NDArray[np.float32]:
    """How much each part of each image matters for the probability of a class.

    Args:
        predict: The network: what gives probabilities, such as `Predictor.quick_probabilities`.
        images: Prepared images `(N, H, W, C)`, uint8.
        classes: The class asked about for each image, as its position in the probabilities `(N,)`.

    Returns:
        Maps `(N, H, W)`, float32: 0 for the average part of the image; above 0 what matters more; below 0 what matters
        less or lowers the probability. A map is 0 everywhere if the answer is the same whatever is hidden.
    """
    plan = plan_for(*images.shape[1:3])
    found = np.empty(images.shape[:3], np.float32)
    for number, (image, label) in enumerate(zip(images, classes, strict=True)):
        cells = importance_of_cells(functools.partial(_log_odds, predict, int(label)), image, plan)
        found[number] = _enlarged(cells, images.shape[2], images.shape[1])
    return found


def importance_of_cells(ask: _Ask, image: NDArray[np.uint8], plan: "HidingPlan") -> NDArray[np.float64]:
    """The answers to both questions together, `(CELLS, CELLS)`, each standardised."""
    enough = plan.fit(ask(plan.copies(image)))
    alone = plan.in_cells(-ask(_covered(image, plan.squares)))
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
    """The place of each cell when they are covered greedily, four at a time: the highest for the first.

    Args:
        ask: The log-odds for copies of the image.
        image: The image `(H, W, C)`.
        cells: The cell of each pixel, `(H, W)`.
        enough: The answer to the first question, `(cells,)`: it decides between equals, and orders the cells that are
            left in the end.
        alone: How low the log-odds are when a square around a cell alone is covered, `(cells,)`.
    """
    left, taken = np.lexsort((-enough, -alone)), list[int]()  # left: those that lowered the log-odds most come first
    for _ in range(_ROUNDS):
        taken, left = taken + left[:_TAKEN].tolist(), left[_TAKEN:]
        tried = left[:_TRIED]
        rest = _covered(image, np.isin(cells, taken)[None])[0]
        lost = -ask(_covered(rest, cells == tried[:, None, None]))
        left = np.concatenate([tried[np.lexsort((-enough[tried], -lost))], left[_TRIED:]])
    last = left[_TAKEN:]
    order = [*taken, *left[:_TAKEN], *last[np.argsort(-enough[last], kind="stable")]]
    places = np.empty(len(enough))
    places[order] = np.arange(len(enough))[::-1]
    return places


def _covered(image: NDArray[np.uint8], where: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Copies of an image with grey pixels where it is said, `(n, H, W)`; `(n, H, W, C)`."""
    return np.where(where[..., None], np.uint8(GREY), image)


def blurred(image: NDArray[np.uint8], share: float = BLUR) -> NDArray[np.uint8]:
    """The image `(H, W, C)` without its details: Gaussian blur whose deviation is a share of the larger side."""
    deviation = share * max(image.shape[:2])
    soft = Image.fromarray(image.squeeze(axis=2) if image.shape[2] == 1 else image)
    return np.asarray(soft.filter(ImageFilter.GaussianBlur(deviation)), np.uint8).reshape(image.shape)


def _log_odds(predict: Predict, label: int, copies: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Log-odds of a class by the sum of the others: exact also where its probability is 1 after rounding."""
    parts = [predict(copies[at : at + _BATCH]) for at in range(0, len(copies), _BATCH)]
    probabilities = np.concatenate(parts).astype(np.float64)
    own, others = probabilities[:, label], np.delete(probabilities, label, axis=1).sum(axis=1)
    return np.asarray(np.log(np.maximum(own, _LEAST)) - np.log(np.maximum(others, _LEAST)))


def _enlarged(cells: NDArray[np.float64], width: int, height: int) -> NDArray[np.float32]:
    smooth = Image.fromarray(cells.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(smooth, np.float32)


def _standardised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean 0 and standard deviation 1; 0 where all values are the same."""
    spread = values.std()
    return np.asarray((values - values.mean()) / (spread if spread > 1e-9 else 1.0))


class HidingPlan(NamedTuple):
    """What is hidden in which copy, and how the answers become coefficients.

    Args:
        cells: The cell of each pixel, `(H, W)`.
        visible: How visible each pixel is in each blurred copy, `(copies, H, W)`, 0 to 1.
        weights: Of each answer in the coefficient of each cell, `(copies, cells)`.
        squares: Where the covered squares are, `(squares, H, W)`.
    """

    cells: NDArray[np.int64]
    visible: NDArray[np.float32]
    weights: NDArray[np.float64]
    squares: NDArray[np.bool_]

    def copies(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The partly blurred copies of an image, `(copies, H, W, C)`."""
        soft = blurred(image).astype(np.float32)
        return (soft + self.visible[..., None] * (image - soft) + 0.5).astype(np.uint8)

    def fit(self, log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
        """How much each visible cell raises the log-odds of the copies, `(cells,)`."""
        return np.asarray((log_odds - log_odds.mean()) @ self.weights)

    def in_cells(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values of the squares at the middles of the cells, `(cells,)`, linear between the middles of the squares."""
        shares = _shares(CELLS, _SQUARES)
        return np.asarray(shares @ values.reshape(_SQUARES, _SQUARES) @ shares.T).ravel()


@functools.cache
def plan_for(height: int, width: int) -> HidingPlan:
    """The plan for images of a size; always the same."""
    half = np.random.Generator(np.random.PCG64(0)).random((BLURRED // 2, CELLS, CELLS)) < 0.5
    shown = np.concatenate([half, ~half]).astype(np.float64)
    visible = np.einsum("nab,ha,wb->nhw", shown, _shares(height, CELLS), _shares(width, CELLS), optimize=True)
    down, across = (np.arange(size) * CELLS // size for size in (height, width))
    return HidingPlan(
        cells=down[:, None] * CELLS + across,
        visible=visible.astype(np.float32),
        weights=_ridge(shown.reshape(BLURRED, -1)),
        squares=(_near(height)[:, None, :, None] & _near(width)[None, :, None, :]).reshape(-1, height, width),
    )


def _middles(count: int) -> NDArray[np.float64]:
    """The middles of so many equal parts of a side of length 1."""
    return (np.arange(count) + 0.5) / count


def _shares(size: int, count: int) -> NDArray[np.float64]:
    """The share of so many parts of a side in each of its pixels, `(size, count)`: linear from middle to middle."""
    return np.stack([np.interp(_middles(size), _middles(count), row) for row in np.eye(count)], axis=1)


def _near(size: int) -> NDArray[np.bool_]:
    """Which pixels of a side the squares cover, `(_SQUARES, size)`; at the borders they are cut off."""
    return np.abs(_middles(_SQUARES)[:, None] - _middles(size)) < _SQUARE / 2


def _ridge(shown: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights of the answers by ridge regression under a Gaussian prior, in which near cells are alike."""
    apart = _middles(CELLS)[:, None] - _middles(CELLS)
    side = np.exp(-(apart**2) / (2 * _REACH**2))
    prior, centred = np.kron(side, side), shown - shown.mean(axis=0)
    gram = centred @ prior @ centred.T
    return np.asarray(np.linalg.solve(gram + _NOISE * np.trace(gram) / len(gram) * np.eye(len(gram)), centred @ prior))
