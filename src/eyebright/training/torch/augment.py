"""Numbers drawn for each picture from (seed, epoch, content) alone: not from a generator, whose state would matter.

Changes of light and colour, of a whole batch at once: one matrix and one constant for each picture.

Random erasing: a rectangle of the picture is covered, so that no single part of an object is relied upon.

Source: Zhong et al. 2017, "Random Erasing Data Augmentation", section 3.2: area 2 to 40 % of the picture, sides 0.3 to
3.3 of each other. Here the rectangle is filled with the picture's mean colour and may be cut off at the edge.

Augmentation of a whole batch at once: moved in one bilinear resampling, recoloured by one matrix, partly erased.

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


def uniforms(
    keys: NDArray[np.uint64], seed: int, epoch: int, count: int, *, what: str = "augment"
) -> NDArray[np.float64]:
    """Numbers from 0 to 1, `(N, count)`, that depend on (what, seed, epoch, key, column) alone.

    Source: the mixing function of SplitMix64 (Steele, Lea and Flood 2014, "Fast Splittable Pseudorandom Number
    Generators", figure 16), here applied to keys instead of a running state.
    """
    digest = hashlib.blake2b(f"{what} {seed} {epoch}".encode(), digest_size=8).digest()
    start = keys ^ np.uint64(int.from_bytes(digest, "little"))
    columns = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    values = _mix(start)[:, None] + columns[None, :]
    return (_mix(values) >> np.uint64(11)).astype(np.float64) / 2.0**53


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


_LIGHT = np.array([0.299, 0.587, 0.114])  # of red, green, blue: ITU-R BT.601, as Pillow has it


def recolour(pictures: Tensor, keys: NDArray[np.uint64], settings: Settings, epoch: int) -> Tensor:
    """Change brightness, contrast, saturation and hue.

    Brightness and saturation are factors, contrast the factor of the distance to the picture's mean light, hue a turn
    around the axis of greys.

    Args:
        pictures: float32, `(N, 3, H, W)`, 0 to 255; of grey ones, `(N, 1, H, W)`, only brightness and contrast change.
        keys: What stands for each picture's content, `(N,)`.
        settings: By how much, and the seed.
        epoch: Another epoch gives other changes.

    Returns:
        The same shape, 0 to 255.
    """
    asked = np.array([settings.brightness, settings.contrast, settings.saturation, settings.hue])
    if not asked.any():
        return pictures
    draws = (2 * uniforms(keys, settings.seed, epoch, 4, what="recolour") - 1) * asked
    brightness, contrast, saturation = (1 + draws[:, :3]).T
    matrices = _matrices(saturation, draws[:, 3]) if pictures.shape[1] == 3 else np.ones((len(keys), 1, 1))
    light = torch.from_numpy(_LIGHT if pictures.shape[1] == 3 else np.ones(1)).float()
    means = torch.einsum("nchw,c->n", pictures, light) / pictures[0, 0].numel()
    factor, offset = brightness * contrast, torch.from_numpy(brightness * (1 - contrast)).float() * means
    flat = pictures.flatten(2)  # (N, C, H * W)
    linear = torch.from_numpy(factor[:, None, None] * matrices).float()
    return torch.baddbmm(offset[:, None, None], linear, flat).clamp_(0, 255).view(pictures.shape)


def _matrices(saturation: NDArray[np.float64], hue: NDArray[np.float64]) -> NDArray[np.float64]:
    """`(N, 3, 3)`: towards grey or away from it, and turned around the axis of greys by a share of a full turn."""
    grey = np.broadcast_to(_LIGHT, (3, 3))
    towards = saturation[:, None, None] * np.eye(3) + (1 - saturation)[:, None, None] * grey
    angle = 2 * math.pi * hue[:, None, None]
    across = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)  # the cross product with (1, 1, 1) / sqrt(3)
    turned = np.cos(angle) * np.eye(3) + np.sin(angle) * across + (1 - np.cos(angle)) * np.full((3, 3), 1 / 3)
    result: NDArray[np.float64] = turned @ towards
    return result


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
