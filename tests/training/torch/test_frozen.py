"""Frozen layers that an engine computes: the training is as if torch had computed them."""

import numpy as np
import pytest

from eyebright.model.engine import layers_engine
from eyebright.network import (
    BatchNorm,
    Conv2d,
    GlobalAvgPool2d,
    Input,
    Linear,
    MaxPool2d,
    Network,
    ReLU,
    initial_weights,
)
from eyebright.training.settings import Settings
from eyebright.training.torch.feed import Material
from eyebright.training.torch.fit import fit
from eyebright.training.torch.frozen import TopClassification
from eyebright.training.torch.hardware import CPU
from eyebright.training.torch.objective import Classification

NETWORK = Network.sequential(
    Input((3, 16, 16)),
    Conv2d(8, 3),
    BatchNorm(),
    ReLU(),
    MaxPool2d(2),
    Conv2d(8, 3),
    ReLU(),
    GlobalAvgPool2d(),
    Linear(3),
)
FROZEN = {"frozen": ("conv_1",)}


@pytest.mark.parametrize("changes", [{"ema": 0.9}, {"keep_start_if_better": True}])
def test_the_weights_are_those_of_a_training_in_torch_alone(job, changes):
    """Without augmentation, since augmented images are rounded for an engine; AdamW would enlarge tiny gradients."""
    calm = {"rotation": 0.0, "zoom": 0.0, "epochs": 2, "optimizer": "sgd", "weight_decay": 0.0} | FROZEN | changes
    weights = initial_weights(NETWORK, 0)
    job = job._replace(network=NETWORK, weights=weights, settings=job.settings.changed(calm))
    asked = []

    def recording(network, weights, layers, precision):
        asked.append((layers, precision))
        return layers_engine(network, weights, layers, precision)

    alone = fit(*job, emit=lambda event: None).weights
    material = job.material._replace(make_engine=recording)
    found = fit(*job._replace(material=material), emit=lambda event: None).weights
    ((layers, precision),) = asked
    assert (layers, precision) == (("relu_1",), "float32")  # the pool comes before the activation in training
    for name, value in alone.items():
        if name.startswith(("conv_1", "batch_norm_1")):
            assert np.array_equal(found[name], weights[name]), name
        assert np.abs(found[name] - value).max() < 1e-5, name
    assert any(not np.array_equal(value, weights[name]) for name, value in found.items())


def test_without_frozen_layers_torch_computes_all(job):
    material: Material = job.material._replace(make_engine=layers_engine)
    frozen = Settings().changed(FROZEN)
    assert type(material.objective(3, Settings(), CPU)) is Classification
    assert type(material.objective(3, frozen, CPU)) is TopClassification
    assert type(job.material.objective(3, frozen, CPU)) is Classification
