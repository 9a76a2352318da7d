"""Changes of light and colour, of a whole batch at once: one matrix and one constant for each picture."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eyebright.training.drawing import uniforms
from eyebright.training.settings import Settings

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
