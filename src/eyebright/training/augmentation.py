"""Augmentation of a whole batch at once: mirroring, turning and zooming in one bilinear resampling.

What happens to a picture is a pure function of (seed, epoch, the picture's content), so that it does not depend on the
batch it is in, on threads, or on whether the run was interrupted. Where the moved picture leaves the frame uncovered,
the picture is mirrored at its edge.
"""

import hashlib
import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

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
    if not settings.augmented:
        return pictures
    draws = uniforms(keys, settings.seed, epoch, 3)
    mirror = np.where(settings.flip & (draws[:, 0] < 0.5), -1.0, 1.0)
    angle = (2 * draws[:, 1] - 1) * settings.rotation * 2 * math.pi
    height, width = pictures.shape[2:]
    scale = 1 + (2 * draws[:, 2] - 1) * settings.zoom
    sine, cosine = scale * np.sin(angle), scale * np.cos(angle)
    across, down = _centres(width) * width / height, _centres(height) * height / width
    # Where each pixel of the result lies in its picture, -1 to 1: across as the real part, down as the imaginary one.
    by_column = np.outer(mirror * cosine, _centres(width)) + 1j * np.outer(sine, across)
    by_row = np.outer(-mirror * sine, down) + 1j * np.outer(cosine, _centres(height))
    columns, rows = (torch.from_numpy(places.astype(np.complex64)) for places in (by_column, by_row))
    grid = torch.view_as_real(rows[:, :, None] + columns[:, None, :])  # (N, H, W, 2)
    return functional.grid_sample(pictures, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def _centres(size: int) -> NDArray[np.float64]:
    """Centres of so many pixels in a range from -1 to 1."""
    return (2 * np.arange(size) + 1) / size - 1


def uniforms(keys: NDArray[np.uint64], seed: int, epoch: int, count: int) -> NDArray[np.float64]:
    """Numbers from 0 to 1, `(N, count)`, that depend on (seed, epoch, key, column) alone.

    Source: the mixing function of SplitMix64 (Steele, Lea and Flood 2014, "Fast Splittable Pseudorandom Number
    Generators", figure 16), here applied to keys instead of a running state.
    """
    digest = hashlib.blake2b(f"augment {seed} {epoch}".encode(), digest_size=8).digest()
    start = keys ^ np.uint64(int.from_bytes(digest, "little"))
    columns = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    values = _mix(start)[:, None] + columns[None, :]
    return (_mix(values) >> np.uint64(11)).astype(np.float64) / 2.0**53


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
