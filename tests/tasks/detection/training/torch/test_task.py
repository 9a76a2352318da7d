"""What a detector learns from, its loss, and its score in the training."""

import numpy as np
import pytest
import torch

from eyebright.data.pictures import Preparation
from eyebright.network.detecting import Detecting
from eyebright.tasks.detection.data.dataset import BoxDataset
from eyebright.tasks.detection.data.prepare import prepare
from eyebright.tasks.detection.training.augmentation import boxes_in
from eyebright.tasks.detection.training.torch.targets import targets
from eyebright.tasks.detection.training.torch.task import Detection, FoundTally, KeptViews, Objects
from eyebright.tasks.detection.training.views import Views
from eyebright.training.settings import Settings


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


class _Numbered:
    """Rows that say which view of which image they are of."""

    def read(self, indices, views):
        return np.stack([indices, views], 1).astype(np.float32)


@pytest.fixture
def objects(squares) -> Objects:
    prepared = prepare(BoxDataset.open(squares), Preparation(width=64, height=64, fit="pad"))
    views = Views(Settings(shift=0.1, flip=False), 3, (("x", (2, 1, 1), slice(0, 2)),), _Numbered())
    return Objects(prepared, views, Detecting())


def test_an_image_shows_each_of_its_views_once_in_as_many_epochs_and_another_one_first(objects):
    part, supply = np.arange(12), KeptViews(objects, 1, torch.device("cpu"))
    seen = []
    for epoch in (1, 2, 3):
        ((rows, wanted),) = supply.changed([part], [np.zeros(12, np.uint64)], epoch)
        assert rows[:, 0].tolist() == part.tolist()
        seen.append(rows[:, 1].int().tolist())
        for index, view in enumerate(seen[-1]):
            assert (wanted[index].numpy() == objects.target(index, view, 1)).all()
    assert all(sorted(views) == [0, 1, 2] for views in zip(*seen, strict=True))
    assert len(set(seen[0])) > 1
    ((again, _),) = supply.changed([part], [np.ones(12, np.uint64)], 1)  # the second time in an epoch
    assert again[:, 1].int().tolist() == seen[1]


def test_images_that_are_evaluated_are_as_they_are_and_come_with_their_positions(objects):
    ((rows, positions),) = KeptViews(objects, 1, torch.device("cpu")).plain([np.array([5, 2])])
    assert rows.tolist() == [[5, 0], [2, 0]] and positions.tolist() == [5, 2]


def test_the_target_of_a_view_has_its_peak_where_the_square_went(objects):
    size = objects.pack.preparation.width
    for view in (0, 1, 2):
        (corners,) = boxes_in(objects.prepared, objects.views.settings, 4, view)[0].corners
        across, down = (corners[:2] + corners[2:]) / 2 // (size / 8)
        assert objects.target(4, view, 1)[0].argmax() == down * 8 + across


def test_one_of_two_objects_found_is_half_of_the_recall_at_full_precision(objects):
    objective = Detection(objects, 1, torch.device("cpu"))
    tally, maps = FoundTally(objective), np.full((2, 5, 8, 8), -12.0, np.float32)
    positions = np.array([3, 7])
    x1, y1, x2, y2 = objects.prepared.boxes[3].corners[0]
    centre = (np.arange(8) + 0.5) * 8
    for number, distance in enumerate([centre - x1, centre[:, None] - y1, x2 - centre, y2 - centre[:, None]]):
        maps[0, 1 + number] = np.log(np.maximum(np.broadcast_to(distance, (8, 8)), 1) / 8)
    maps[0, 0, int((y1 + y2) / 16), int((x1 + x2) / 16)] = 12
    tally.add(maps, positions)
    assert tally.score.accuracy == pytest.approx(51 / 101)  # precision 1 up to a recall of 0.5, 0 beyond it
    wanted = torch.from_numpy(np.stack([objects.target(index, 0, 1) for index in positions]))
    assert tally.score.loss == pytest.approx(objective.loss(torch.from_numpy(maps), wanted).item(), rel=1e-6)
