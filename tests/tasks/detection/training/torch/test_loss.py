"""The losses of a detector, against torchvision-free formulas."""

import numpy as np
import pytest
import torch

from eyebright.tasks.detection.geometry.boxes import iou
from eyebright.tasks.detection.training.torch.loss import box_loss, focal, giou


def test_giou_is_iou_less_the_empty_share_of_the_box_around():
    random = np.random.default_rng(0)
    low = random.uniform(0, 50, (2, 30, 2))
    boxes = np.concatenate([low, low + random.uniform(1, 40, (2, 30, 2))], axis=2)
    one, other = (torch.from_numpy(each.T[None, :, None]) for each in boxes)
    found = giou(one, other)[0, 0].numpy()
    highest, lowest = np.maximum(*boxes[..., 2:]), np.minimum(*boxes[..., :2])
    around = np.prod(highest - lowest, axis=1)
    areas = [np.prod(each[:, 2:] - each[:, :2], axis=1) for each in boxes]
    overlap = np.diag(iou(*boxes))
    union = sum(areas) / (1 + overlap)
    assert found == pytest.approx(overlap - (around - union) / around)


def test_the_focal_loss_is_that_of_its_formula_pixel_by_pixel():
    logits = torch.tensor([[[[2.0, -1.0]]]])
    heatmaps = torch.tensor([[[[1.0, 0.5]]]])
    chance = 1 / (1 + np.exp([-2.0, 1.0]))
    expected = -((1 - chance[0]) ** 2) * np.log(chance[0]) - 0.5**4 * chance[1] ** 2 * np.log(1 - chance[1])
    assert focal(logits, heatmaps).item() == pytest.approx(expected, rel=1e-5)


def test_without_boxes_their_loss_is_zero():
    boxes = torch.rand(1, 4, 3, 3)
    assert box_loss(boxes, torch.zeros(1, 4, 3, 3), torch.zeros(1, 3, 3)).item() == 0
