"""Mixup and CutMix: each image is mixed with the next one in the batch, and so are their labels.

Sources: Zhang et al. 2017, "mixup: Beyond Empirical Risk Minimization"; Yun et al. 2019, "CutMix", both with shares
from Beta(alpha, alpha). If both are set, each is used for about half of the batches.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import betaincinv
from torch import Tensor
from torch.nn import functional

from eyebright.training.settings import Settings
from eyebright.training.torch.augment import rectangles, uniforms
from eyebright.training.torch.transfer import uploaded


def mix(
    pictures: Tensor, labels: Tensor, num_classes: int, keys: NDArray[np.uint64], settings: Settings, epoch: int
) -> tuple[Tensor, Tensor]:
    """Mix each image with the next one in the batch.

    Args:
        pictures: `(N, C, H, W)`.
        labels: `(N,)`, int64.
        num_classes: The number of classes.
        keys: A number for the content of each image, `(N,)`.
        settings: `mixup` and `cutmix`, the alpha of each; 0 turns it off.
        epoch: Each epoch mixes differently.

    Returns:
        Images and labels; if they are mixed, labels are shares of the classes, float32 `(N, num_classes)`.
    """
    if not (settings.mixup or settings.cutmix) or len(pictures) < 2:
        return pictures, labels
    draws = uniforms(keys, settings.seed, epoch, 4, what="mix")
    cut = bool(settings.cutmix) and (not settings.mixup or draws[0, 3] < 0.5)
    alpha = settings.cutmix if cut else settings.mixup
    drawn = betaincinv(alpha, alpha, draws[:, 0])
    share = np.maximum(drawn, 1 - drawn)  # the image itself keeps the larger part
    others = pictures.roll(-1, 0)
    if cut:
        side = np.sqrt(1 - share)
        inside = rectangles(pictures, draws[:, 1:3], side, side)
        mixed = torch.where(inside, others, pictures)
        kept = 1 - inside.flatten(1).float().mean(dim=1)
    else:
        kept = uploaded(share.astype(np.float32), pictures.device)
        mixed = torch.lerp(others, pictures, kept[:, None, None, None])
    ones = functional.one_hot(labels, num_classes).float()
    return mixed, torch.lerp(ones.roll(-1, 0), ones, kept[:, None])
