"""The score of a detector in its training."""

import numpy as np
import torch

from eyebright.network.detecting import Detecting
from eyebright.tasks.detection.training.torch.targets import targets
from eyebright.tasks.detection.training.torch.task import Detection


class _Pack:
    class preparation:  # noqa: N801 - stands for one
        width = 128


class _Task:
    pack, detecting = _Pack, Detecting()


def test_maps_that_are_the_targets_have_almost_no_loss_and_others_have_more():
    corners = np.array([[20.0, 40, 100, 88]])
    wanted = targets(corners, np.array([0]), np.empty((0, 4)), num_classes=1, size=16, stride=8)[None]
    centre = (np.arange(16) + 0.5) * 8
    maps = np.full((1, 5, 16, 16), -12.0, np.float32)
    maps[0, 0, 8, 7] = 12
    distances = [centre - 20, centre[:, None] - 40, 100 - centre, 88 - centre[:, None]]
    for number, distance in enumerate(distances):
        maps[0, 1 + number] = np.log(np.maximum(np.broadcast_to(distance, (16, 16)), 1) / 8)
    objective = Detection(_Task, 1, torch.device("cpu"))
    perfect = objective.loss(torch.from_numpy(maps), torch.from_numpy(wanted)).item()
    assert perfect < 1e-3
    maps[0, 0] = -12
    assert objective.loss(torch.from_numpy(maps), torch.from_numpy(wanted)).item() > 10
