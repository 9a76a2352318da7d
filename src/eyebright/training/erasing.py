"""Random erasing: a rectangle of the picture is covered, so that no single part of an object is relied upon.

Source: Zhong et al. 2017, "Random Erasing Data Augmentation", section 3.2: area 2 to 40 % of the picture, sides 0.3 to
3.3 of each other. Here the rectangle is filled with the picture's mean colour and may be cut off at the edge.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eyebright.training.drawing import uniforms
from eyebright.training.settings import Settings

_AREA, _PROPORTION = (0.02, 0.4), 0.3


def erase(pictures: Tensor, keys: NDArray[np.uint64], settings: Settings, epoch: int) -> Tensor:
    """Cover a rectangle in a share of the pictures, `(N, C, H, W)`; arguments as in `augment`."""
    if not settings.erasing:
        return pictures
    draws = uniforms(keys, settings.seed, epoch, 5, what="erase")
    area = _AREA[0] + draws[:, 0] * (_AREA[1] - _AREA[0])
    proportion = np.exp((2 * draws[:, 1] - 1) * -math.log(_PROPORTION))
    inside = rectangles(pictures, draws[:, 2:4], np.sqrt(area * proportion), np.sqrt(area / proportion))
    inside &= torch.from_numpy(draws[:, 4] < settings.erasing)[:, None, None, None]
    return torch.where(inside, pictures.mean(dim=(2, 3), keepdim=True), pictures)


def rectangles(
    pictures: Tensor, centres: NDArray[np.float64], heights: NDArray[np.float64], widths: NDArray[np.float64]
) -> Tensor:
    """Which pixels lie in each picture's rectangle, bool `(N, 1, H, W)`.

    Args:
        pictures: `(N, C, H, W)`.
        centres: (down, across), `(N, 2)`, 0 to 1.
        heights: Shares of the picture's height, `(N,)`.
        widths: Shares of its width, `(N,)`.
    """
    rows, columns = ((np.arange(size) + 0.5) / size for size in pictures.shape[2:])
    down = np.abs(rows - centres[:, :1]) <= heights[:, None] / 2  # (N, H)
    across = np.abs(columns - centres[:, 1:]) <= widths[:, None] / 2  # (N, W)
    return torch.from_numpy(down[:, None, :, None] & across[:, None, None, :])
