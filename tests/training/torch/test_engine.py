"""Answers in torch are those of the ONNX graph; on a GPU they need one."""

import numpy as np
import pytest
import torch

from eyebright.model.engine import TOLERANCE, Engine, onnx_graph
from eyebright.network import initial_weights, zoo
from eyebright.network.answering import Answering
from eyebright.training.torch.engine import TorchEngine
from eyebright.trust.unknown import fit_familiar


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize(
    ("name", "size", "temperature"),
    [("resnet18", 48, 1.0), ("resnet18", 48, 1.7), ("flowers_cnn", 14, 1.0)],  # the last pool of 14 leaves one value
)
def test_answers_are_those_of_the_graph(device, name, size, temperature):
    network = zoo.build(name, num_classes=4, input_size=size)
    weights = initial_weights(network, 1)
    pictures = np.random.default_rng(0).integers(0, 256, (16, size, size, 3), np.uint8)
    engine = TorchEngine(network, weights, device)
    logits, features = engine.with_features(pictures)
    graph = Engine.of_bytes(onnx_graph(network, weights, with_features=True)).outputs(pictures)
    for found, expected in zip((logits, features), graph.values(), strict=True):
        assert np.abs(found - expected).max() < TOLERANCE
    assert np.array_equal(engine(pictures), logits)
    familiar = fit_familiar(features[:8], features[8:], logits[8:] / temperature)
    engine.answering = Answering(temperature, familiar, np.array([0.9, 0, 0, 0], np.float32))
    expected = Engine.of_bytes(onnx_graph(network, weights, answering=engine.answering)).answers(pictures)
    found = engine.answers(pictures)
    assert engine.on_gpu == (device == "cuda")
    assert np.abs(found.probabilities - expected.probabilities).max() < TOLERANCE
    assert np.abs(found.unfamiliarity - expected.unfamiliarity).max() < 1e-3
    assert np.array_equal(found.answer, expected.answer)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_inner_layers_are_those_of_the_graph(device):
    network = zoo.build("resnet18", num_classes=4, input_size=48)
    weights, names = initial_weights(network, 1), list(network.places)[5:60:20]
    pictures = np.random.default_rng(0).integers(0, 256, (3, 48, 48, 3), np.uint8)
    engine = TorchEngine(network, weights, device)
    with torch.autocast(device, torch.bfloat16):  # as in a training that computes views meanwhile
        found = engine.layers(pictures, names)
    expected = Engine.of_bytes(onnx_graph(network, weights, layers=names)).outputs(pictures)
    assert found.keys() == expected.keys()
    for name in names:
        assert np.abs(found[name] - expected[name]).max() < 1e-3 * np.abs(expected[name]).max(), name
