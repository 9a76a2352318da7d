import numpy as np
import pytest

from eyebright.network import ELU, GELU, Flatten, Hardsigmoid, Input, LeakyReLU, Network, ReLU, ReLU6, SiLU, Softmax
from eyebright.network.onnx import to_onnx


@pytest.mark.parametrize(
    ("layer", "operators"),
    [
        (ReLU(), ["Relu"]),
        (ReLU6(), ["Clip"]),
        (LeakyReLU(), ["LeakyRelu"]),
        (ELU(), ["Elu"]),
        (Hardsigmoid(), ["HardSigmoid"]),
        (SiLU(), ["Sigmoid", "Mul"]),
        (GELU(), ["Div", "Erf", "Add", "Mul", "Mul"]),  # the operator Gelu came with opset 20
    ],
)
def test_activations_use_operators_of_the_opset(layer, operators):
    graph = to_onnx(Network.sequential(Input((4,)), layer), {}).graph
    assert [node.op_type for node in graph.node] == operators


def test_softmax_is_over_channels_at_each_pixel(run, pictures):
    result = run(Network.sequential(Input((3, 9, 8)), Softmax()), {}, pictures)
    np.testing.assert_allclose(result.sum(axis=1), np.ones((2, 9, 8)), rtol=1e-5)


def test_softmax_of_a_vector_is_over_its_features(run, pictures):
    result = run(Network.sequential(Input((3, 9, 8)), Flatten(), Softmax()), {}, pictures)
    np.testing.assert_allclose(result.sum(axis=1), np.ones(2), rtol=1e-5)
