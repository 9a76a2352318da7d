"""Answers in torch are those of the ONNX graph; on a GPU they need one."""

import numpy as np
import pytest

from eyebright.model.engine import TOLERANCE, Engine, onnx_graph
from eyebright.network import initial_weights, zoo
from eyebright.training.torch.answers import Answers


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("temperature", [None, 1.7])
def test_answers_are_those_of_the_graph(device, temperature):
    network = zoo.build("resnet18", num_classes=4, input_size=48)
    weights = initial_weights(network, 1)
    pictures = np.random.default_rng(0).integers(0, 256, (16, 48, 48, 3), np.uint8)
    answers = Answers(network, weights, device)
    answers.temperature = temperature
    expected = Engine.of_bytes(onnx_graph(network, weights, temperature=temperature))(pictures)
    assert answers.on_gpu == (device == "cuda")
    assert np.abs(answers(pictures) - expected).max() < TOLERANCE
