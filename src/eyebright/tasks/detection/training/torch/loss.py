"""The loss of a detector: focal loss of the classes, and GIoU of the boxes.

Sources: Law and Deng 2018, "CornerNet", equation 1 (a focal loss with Gaussians around the objects); Rezatofighi et al.
2019, "Generalized Intersection over Union"; the weights are those of Liu et al. 2020 (TTFNet), section 3.
"""

import torch
from torch import Tensor
from torch.nn import functional

BOX_WEIGHT = 5.0
"""The weight of the loss of the boxes beside that of the classes."""


def focal(logits: Tensor, heatmaps: Tensor) -> Tensor:
    """The focal loss, a sum over all pixels divided by the number of objects (at least 1).

    Args:
        logits: `(N, classes, h, w)`.
        heatmaps: 1 at the centres of objects, less around them, 0 elsewhere; of the same shape.
    """
    probabilities = logits.sigmoid()
    peaks = heatmaps == 1
    missed = (1 - probabilities) ** 2 * functional.logsigmoid(logits)
    false = (1 - heatmaps) ** 4 * probabilities**2 * functional.logsigmoid(-logits)
    return -torch.where(peaks, missed, false).sum() / peaks.sum().clamp(min=1)


def giou(found: Tensor, wanted: Tensor) -> Tensor:
    """The generalised intersection over union of boxes in pairs, -1 to 1: `(N, h, w)` of two `(N, 4, h, w)`."""
    low, high = torch.maximum(found[:, :2], wanted[:, :2]), torch.minimum(found[:, 2:], wanted[:, 2:])
    common = (high - low).clamp(min=0).prod(dim=1)
    union = _area(found) + _area(wanted) - common
    around = (torch.maximum(found[:, 2:], wanted[:, 2:]) - torch.minimum(found[:, :2], wanted[:, :2])).prod(dim=1)
    return common / union.clamp(min=1e-6) - (around - union) / around.clamp(min=1e-6)


def box_loss(found: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """The weighted mean of 1 - GIoU; 0 without boxes.

    Args:
        found: Corners that each pixel gives, `(N, 4, h, w)`.
        wanted: Corners that it should give.
        weight: `(N, h, w)`, 0 where a pixel learns no box.
    """
    return ((1 - giou(found, wanted)) * weight).sum() / weight.sum().clamp(min=1e-6)


def _area(corners: Tensor) -> Tensor:
    return (corners[:, 2:] - corners[:, :2]).prod(dim=1)
