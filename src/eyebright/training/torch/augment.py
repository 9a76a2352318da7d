"""Augmentation of a whole batch: one bilinear resampling, one colour matrix per image, random erasing.

What happens to an image is a pure function of the seed, the epoch and the image's content. It depends neither on the
batch nor on threads, nor on whether the training was interrupted.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from eyebright.data.batches import seed_of
from eyebright.training.settings import ERASED_AREA, ERASED_ASPECT, Settings
from eyebright.training.torch.transfer import uploaded

_LUMA = np.array([0.299, 0.587, 0.114])  # of red, green and blue: ITU-R BT.601, as in Pillow


def augment(pictures: Tensor, keys: NDArray[np.uint64], settings: Settings, epoch: int) -> Tensor:
    """Augment a batch as the settings say.

    Args:
        pictures: float32, `(N, C, H, W)`, values 0 to 255.
        keys: A number for the content of each image, `(N,)`.
        settings: Which changes, and the seed.
        epoch: Each epoch changes the images differently.

    Returns:
        float32, `(N, C, H, W)`; the batch itself if the settings change nothing.
    """
    for change in (move, recolour, erase):
        pictures = change(pictures, keys, settings, epoch)
    return pictures


def move(pictures: Tensor, keys: NDArray[np.uint64], settings: Settings, epoch: int) -> Tensor:
    """Flip, rotate, zoom, shear and shift in one resampling; arguments as in `augment`.

    What lies outside the frame is filled with the image mirrored at its edge.
    """
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
    # Where each pixel of the result lies in the image, -1 to 1: across as the real part, down as the imaginary part.
    by_column = np.outer(mirror * cosine, _centres(width)) + 1j * np.outer(sine, across)
    by_row = np.outer(mirror * (shear * cosine - sine), down) + 1j * np.outer(shear * sine + cosine, _centres(height))
    by_row += (shift @ (1, 1j))[:, None]
    columns, rows = (uploaded(places.astype(np.complex64), pictures.device) for places in (by_column, by_row))
    grid = torch.view_as_real(rows[:, :, None] + columns[:, None, :])  # (N, H, W, 2)
    grid = _mirrored_at_edges(grid, reach=np.abs(by_row).max() + np.abs(by_column).max())
    return functional.grid_sample(pictures, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _mirrored_at_edges(places: Tensor, reach: float) -> Tensor:
    """Coordinates beyond -1 and 1 mirrored there: what `grid_sample` calls reflection, in half the time.

    Args:
        places: Coordinates; from -1 to 1 they lie in the image.
        reach: The largest distance from 0.
    """
    while reach > 1:
        places = places.clamp(-1, 1).mul_(2).sub_(places)
        reach -= 2
    return places


def _centres(size: int) -> NDArray[np.float64]:
    """Centres of the pixels of a line, from -1 to 1."""
    return (2 * np.arange(size) + 1) / size - 1


def recolour(pictures: Tensor, keys: NDArray[np.uint64], settings: Settings, epoch: int) -> Tensor:
    """Change saturation, hue, contrast and brightness, in this order; arguments as in `augment`.

    Brightness and saturation are factors, contrast is the factor of the distance to the image's mean luma, hue is a
    rotation around the axis of greys. Of greyscale images, `(N, 1, H, W)`, only brightness and contrast change. Only
    the result is clipped to 0 to 255.
    """
    asked = np.array([settings.brightness, settings.contrast, settings.saturation, settings.hue])
    if not asked.any():
        return pictures
    draws = (2 * uniforms(keys, settings.seed, epoch, 4, what="recolour") - 1) * asked
    brightness, contrast, saturation = (1 + draws[:, :3]).T
    matrices = _matrices(saturation, draws[:, 3]) if pictures.shape[1] == 3 else np.ones((len(keys), 1, 1))
    factor, shares = brightness * contrast, brightness * (1 - contrast)
    linear, share, weights = (
        uploaded(values.astype(np.float32), pictures.device)
        for values in (factor[:, None, None] * matrices, shares, _LUMA if pictures.shape[1] == 3 else np.ones(1))
    )
    offset = share * torch.einsum("nchw,c->n", pictures, weights) / pictures[0, 0].numel()
    flat = pictures.flatten(2)  # (N, C, H * W)
    return torch.baddbmm(offset[:, None, None], linear, flat).clamp_(0, 255).view(pictures.shape)


def _matrices(saturation: NDArray[np.float64], hue: NDArray[np.float64]) -> NDArray[np.float64]:
    """`(N, 3, 3)`: colours blended with their grey, then rotated around the axis of greys by a share of a full turn."""
    grey = np.broadcast_to(_LUMA, (3, 3))
    blended = saturation[:, None, None] * np.eye(3) + (1 - saturation)[:, None, None] * grey
    angle = 2 * math.pi * hue[:, None, None]
    across = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)  # the cross product with (1, 1, 1) / sqrt(3)
    rotated = np.cos(angle) * np.eye(3) + np.sin(angle) * across + (1 - np.cos(angle)) * np.full((3, 3), 1 / 3)
    result: NDArray[np.float64] = rotated @ blended
    return result


def erase(pictures: Tensor, keys: NDArray[np.uint64], settings: Settings, epoch: int) -> Tensor:
    """Cover a rectangle in a share of the images; arguments as in `augment`.

    Source: Zhong et al. 2017, "Random Erasing Data Augmentation", section 3.2: 2 to 40% of the area, with aspect
    ratios from 0.3 to 3.3. Here the rectangle has the image's mean colour and may be cut off at the edge.
    """
    if not settings.erasing:
        return pictures
    draws = uniforms(keys, settings.seed, epoch, 5, what="erase")
    area = ERASED_AREA[0] + draws[:, 0] * (ERASED_AREA[1] - ERASED_AREA[0])
    aspect = np.exp((2 * draws[:, 1] - 1) * -math.log(ERASED_ASPECT))
    inside = rectangles(pictures, draws[:, 2:4], np.sqrt(area * aspect), np.sqrt(area / aspect))
    inside &= uploaded(draws[:, 4] < settings.erasing, pictures.device)[:, None, None, None]
    return torch.where(inside, pictures.mean(dim=(2, 3), keepdim=True), pictures)


def rectangles(
    pictures: Tensor, centres: NDArray[np.float64], heights: NDArray[np.float64], widths: NDArray[np.float64]
) -> Tensor:
    """Which pixels lie in each image's rectangle, bool `(N, 1, H, W)`.

    Args:
        pictures: `(N, C, H, W)`.
        centres: (down, across), `(N, 2)`, 0 to 1.
        heights: Shares of the image's height, `(N,)`.
        widths: Shares of the image's width, `(N,)`.
    """
    rows, columns = ((np.arange(size) + 0.5) / size for size in pictures.shape[2:])
    down = np.abs(rows - centres[:, :1]) <= heights[:, None] / 2  # (N, H)
    across = np.abs(columns - centres[:, 1:]) <= widths[:, None] / 2  # (N, W)
    return uploaded(down[:, None, :, None], pictures.device) & uploaded(across[:, None, None, :], pictures.device)


def uniforms(
    keys: NDArray[np.uint64], seed: int, epoch: int, count: int, *, what: str = "augment"
) -> NDArray[np.float64]:
    """Random numbers from 0 to 1, `(N, count)`: a pure function of (what, seed, epoch, key, column).

    Source: the mixing function of SplitMix64 (Steele, Lea and Flood 2014, "Fast Splittable Pseudorandom Number
    Generators", figure 16), here applied to keys instead of a running state.
    """
    start = keys ^ np.uint64(seed_of(f"{what} {seed} {epoch}"))
    columns = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    values = _mix(start)[:, None] + columns[None, :]
    return (_mix(values) >> np.uint64(11)).astype(np.float64) / 2.0**53


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
