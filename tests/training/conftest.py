"""A small training that takes a fraction of a second."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from eyebright.data.dataset import Dataset
from eyebright.data.pictures import Preparation
from eyebright.data.prepare import split
from eyebright.network import Network, Weights, initial_weights, zoo
from eyebright.training.settings import Settings
from eyebright.training.torch.feed import Material


class Job(NamedTuple):
    """The arguments of `fit`."""

    network: Network
    weights: Weights
    material: Material
    settings: Settings


@pytest.fixture
def job(make_folder: Callable[..., Path]) -> Job:
    dataset = Dataset.from_folder(make_folder())
    pack = dataset.pack(Preparation(width=16, height=16))
    sides = split(dataset, pack)
    material = Material(pack, dataset.labels, np.flatnonzero(sides == 0), np.flatnonzero(sides == 1))
    network = zoo.flowers_cnn(3, input_size=16)
    settings = Settings(epochs=4, batch_size=8, learning_rate=3e-3, precision="float32", seed=5)
    return Job(network, initial_weights(network, 5), material, settings)
