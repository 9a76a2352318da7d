"""Augmentation of a whole batch at once: moved in one bilinear resampling, recoloured by one matrix, partly erased.

What happens to a picture is a pure function of (seed, epoch, the picture's content), so that it does not depend on the
batch it is in, on threads, or on whether the run was interrupted. Where the moved picture leaves the frame uncovered,
the picture is mirrored at its edge.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from eyebright.training.colours import recolour
from eyebright.training.drawing import uniforms
from eyebright.training.erasing import erase
from eyebright.training.settings import Settings


def augment(pictures: Tensor, keys: NDArray[np.uint64], settings: Settings, epoch: int) -> Tensor:
    """Augment a batch as the settings say.

    Args:
        pictures: float32, `(N, C, H, W)`.
        keys: What stands for each picture's content, `(N,)`.
        settings: Which changes, and the seed.
        epoch: Another epoch gives other changes.

    Returns:
        float32, `(N, C, H, W)`; the batch itself where nothing is to be changed.
    """
    for change in (_move, recolour, erase):
        pictures = change(pictures, keys, settings, epoch)
    return pictures


def _move(pictures: Tensor, keys: NDArray[np.uint64], settings: Settings, epoch: int) -> Tensor:
    """Mirror, turn, zoom, shear and shift in one resampling."""
    if not (settings.flip or settings.rotation or settings.zoom or settings.shear or settings.shift):
        return pictures
    draws = uniforms(keys, settings.seed, epoch, 6)
    mirror = np.where(settings.flip & (draws[:, 0] < 0.5), -1.0, 1.0)
    angle = (2 * draws[:, 1] - 1) * settings.rotation * 2 * math.pi
    height, width = pictures.shape[2:]
    scale = 1 + (2 * draws[:, 2] - 1) * settings.zoom
    sine, cosine = scale * np.sin(angle), scale * np.cos(angle)
    shear = (2 * draws[:, 3] - 1) * settings.shear
    shift = (2 * draws[:, 4:6] - 1) * 2 * settings.shift  # the frame is 2 wide and 2 high
    across, down = _centres(width) * width / height, _centres(height) * height / width
    # Where each pixel of the result lies in its picture, -1 to 1: across as the real part, down as the imaginary one.
    by_column = np.outer(mirror * cosine, _centres(width)) + 1j * np.outer(sine, across)
    by_row = np.outer(mirror * (shear * cosine - sine), down) + 1j * np.outer(shear * sine + cosine, _centres(height))
    by_row += (shift @ (1, 1j))[:, None]
    columns, rows = (torch.from_numpy(places.astype(np.complex64)) for places in (by_column, by_row))
    grid = torch.view_as_real(rows[:, :, None] + columns[:, None, :])  # (N, H, W, 2)
    grid = _mirrored_at_edges(grid, reach=np.abs(by_row).max() + np.abs(by_column).max())
    return functional.grid_sample(pictures, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _mirrored_at_edges(places: Tensor, reach: float) -> Tensor:
    """Places beyond -1 and 1 mirrored there; what `grid_sample` calls reflection, in half its time.

    Args:
        places: In a range from -1 to 1 where they lie in the picture.
        reach: How far from 0 they are at most.
    """
    while reach > 1:
        places = places.clamp(-1, 1).mul_(2).sub_(places)
        reach -= 2
    return places


def _centres(size: int) -> NDArray[np.float64]:
    """Centres of so many pixels in a range from -1 to 1."""
    return (2 * np.arange(size) + 1) / size - 1
