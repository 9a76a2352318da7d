import numpy as np
import onnx
import pytest
import torch

from eyebright.model.engine import Engine
from eyebright.network import initial_weights, zoo
from eyebright.network.detecting import Detecting, detected
from eyebright.network.onnx import to_onnx
from eyebright.network.torch import TorchNetwork, as_input


@pytest.fixture
def detector():
    """A detector of three classes on images of 64 pixels, with weights whose maps vary."""
    network = zoo.lite0_detector(3, input_size=64)
    return network, initial_weights(network, 3)


def test_scores_and_boxes_are_those_of_torch_and_numpy(detector, noise):
    network, weights = detector
    pictures, after = noise(3, 64, 64), Detecting(8)
    model = to_onnx(network, weights, answering=after)
    found = Engine.of_bytes(model.SerializeToString()).outputs(pictures)
    with torch.no_grad():
        maps = TorchNetwork(network, weights).eval()(as_input(pictures)).numpy()
    scores, boxes = detected(maps, after)
    assert {name: values.shape for name, values in found.items()} == {"scores": (2, 3, 8, 8), "boxes": (2, 4, 8, 8)}
    np.testing.assert_allclose(found["scores"], scores, atol=1e-4)
    np.testing.assert_allclose(found["boxes"], boxes, rtol=1e-4, atol=1e-3)
    assert np.ptp(scores) > 0.05


def test_the_outputs_are_described(detector):
    graph = to_onnx(*detector, answering=Detecting()).graph
    shapes = {
        port.name: [size.dim_param or size.dim_value for size in port.type.tensor_type.shape.dim]
        for port in (*graph.input, *graph.output)
    }
    assert shapes == {"pictures": ["N", 64, 64, 3], "scores": ["N", 3, 8, 8], "boxes": ["N", 4, 8, 8]}
    assert graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8
