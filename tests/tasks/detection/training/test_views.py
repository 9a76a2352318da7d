"""What the frozen layers give for views, kept in the cache or computed each time."""

import pickle
from typing import NamedTuple

import numpy as np
import pytest
import torch

from eyebright.data.pictures import Preparation
from eyebright.network import Weights
from eyebright.network.torch import TorchNetwork, as_input
from eyebright.network.zoo.detection import detector_weights, lite0_detector
from eyebright.system import files
from eyebright.tasks.detection.data.dataset import BoxDataset
from eyebright.tasks.detection.data.prepare import PreparedBoxes, prepare
from eyebright.tasks.detection.training.augmentation import changed
from eyebright.tasks.detection.training.views import ViewCache, ViewFeatures
from eyebright.training import trainer
from eyebright.training.settings import Settings

TRAIN, VALIDATION = np.array([4, 1, 7]), np.array([2, 4])


class Made(NamedTuple):
    prepared: PreparedBoxes
    features: ViewFeatures
    weights: Weights


@pytest.fixture
def made(squares):
    prepared = prepare(BoxDataset.open(squares), Preparation(width=64, height=64, fit="pad"))
    network = lite0_detector(1, input_size=64)
    weights = detector_weights(network)
    return Made(prepared, ViewFeatures(prepared, network, weights, Settings(seed=3, zoom=0.2)), weights)


def test_the_network_gives_from_rows_what_it_gives_for_the_changed_images(made):
    pack, views = made.prepared.pack, ViewCache(made.features, TRAIN, VALIDATION).views(2)
    images, numbers = np.array([7, 4, 2]), np.array([1, 0, 0])
    pictures = [
        changed(pack.read([index])[0], pack.digests[index], made.features.settings, view)
        for index, view in zip(images.tolist(), numbers.tolist(), strict=True)
    ]
    rows = torch.from_numpy(views.rows.read(images, numbers)).float()
    values = {
        name: rows[:, part].reshape(-1, *shape[1:], shape[0]).permute(0, 3, 1, 2) for name, shape, part in views.layout
    }
    module = TorchNetwork(lite0_detector(1, input_size=64), made.weights).eval()
    with torch.no_grad():
        expected, found = module(as_input(torch.from_numpy(np.stack(pictures)))), module.from_values(values)
    alike = np.corrcoef(expected.flatten(1).numpy(), found.flatten(1).numpy())[:3, 3:]
    assert alike.diagonal().min() > 0.97 and alike.argmax(axis=1).tolist() == [0, 1, 2]  # bfloat16 has 8 bits


def test_rows_are_computed_once_and_the_same_when_nothing_is_kept(made):
    found = list[tuple[str, int, int | None]]()
    views = ViewCache(made.features, TRAIN, VALIDATION).views(2, lambda *progress: found.append(progress))
    assert found[-1] == ("computing features", 7, 7)  # image 4 as it is serves both
    found.clear()
    again = ViewCache(made.features, TRAIN, VALIDATION).views(2, lambda *progress: found.append(progress))
    assert not found
    images, numbers = np.array([1, 1, 4]), np.array([0, 1, 1])
    kept = views.rows.read(images, numbers)
    assert (again.rows.read(images, numbers) == kept).all()
    assert (pickle.loads(pickle.dumps(views.rows)).read(images, numbers) == kept).all()  # for another process
    assert made.features.read(images, numbers) == pytest.approx(kept, rel=0.02, abs=0.02)


def test_other_changes_are_other_views_but_the_image_itself_stays(made):
    other = ViewFeatures(
        made.prepared, lite0_detector(1, input_size=64), made.weights, made.features.settings.changed({"zoom": 0.3})
    )
    assert other.digest == made.features.digest
    assert other.key(4, 0) == made.features.key(4, 0)
    assert other.key(4, 1) != made.features.key(4, 1)


def test_as_many_views_as_half_of_the_free_disk_has_room_for(made, monkeypatch):
    cache = ViewCache(made.features, TRAIN, VALIDATION)
    row = cache.size_bytes(2) - cache.size_bytes(1)
    assert row % 3 == 0 and row // 3 > 2 * made.features.width
    row //= 3

    def free(rows):
        monkeypatch.setattr(files, "free_bytes", lambda path: 2 * rows * row)
        return ViewCache(made.features, TRAIN, VALIDATION).fitting(3)

    assert [free(rows) for rows in (3, 4, 6, 7, 9, 10, 50)] == [0, 1, 1, 2, 2, 3, 3]  # 4 images, 3 of them changed
    cache.views(2)
    assert free(3) == 3 and free(2) == 2  # what is there takes no more room


@pytest.mark.parametrize("gpu", [False, pytest.param(True, marks=pytest.mark.gpu)])
def test_a_gpu_gives_the_same_views_which_are_kept_apart(made, monkeypatch, gpu):
    if not gpu:  # another processor in its place
        monkeypatch.setattr("eyebright.tasks.detection.training.views.finds_gpu", lambda device: device == "auto")
        engine = trainer().TorchEngine
        monkeypatch.setattr(trainer(), "TorchEngine", lambda network, weights, device: engine(network, weights, "cpu"))
    images, numbers = np.array([7, 4, 2]), np.array([1, 0, 0])
    kept = [
        ViewFeatures(made.prepared, lite0_detector(1, input_size=64), made.weights, Settings(seed=3, device=device))
        for device in ("cpu", "auto")
    ]
    assert [each.on_gpu for each in kept] == [False, True] and kept[0].digest != kept[1].digest
    assert np.corrcoef(*(each.read(images, numbers).ravel() for each in kept))[0, 1] > 0.995  # bfloat16 has 8 bits
