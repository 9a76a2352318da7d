import numpy as np
import pytest

from eyebright.model.engine import Engine, onnx_graph
from eyebright.model.importing.logits import with_logits
from eyebright.network import (
    Flatten,
    GlobalAvgPool2d,
    Input,
    Linear,
    Network,
    ReLU,
    Sigmoid,
    Softmax,
    initial_weights,
)
from eyebright.system.errors import ModelError


def of(*layers):
    network = Network.sequential(Input((3, 4, 4)), Flatten(), *layers)
    return network, initial_weights(network)


def test_a_softmax_at_the_end_is_left_out():
    network, weights = of(Linear(3, name="head"), Softmax())
    found, own = with_logits(network, weights)
    assert found.output == "head" and own.keys() == weights.keys()


@pytest.mark.parametrize("end", [[Sigmoid()], []])
def test_one_output_becomes_two_with_the_same_probability(end):
    """`sigmoid(z)` is the second value of a softmax of 0 and z."""
    network, weights = of(Linear(1, name="head"), *end)
    weights["head.bias"] += 0.5
    samples = np.random.default_rng(0).integers(0, 2, (5, 4, 4, 3), np.uint8)
    given = Engine.of_bytes(onnx_graph(network, weights))(samples)[:, 0]
    single = given if end else 1 / (1 + np.exp(-given))
    logits = Engine.of_bytes(onnx_graph(*with_logits(network, weights)))(samples)
    pair = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(pair[:, 1], single, rtol=1e-5)
    assert np.ptp(single) > 0.1


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([Linear(3), Sigmoid()], "a sigmoid for each of 3 classes, which do not exclude each other"),
        ([Linear(1), ReLU()], "its only output comes from a ReLU"),
    ],
)
def test_other_ends_are_refused(layers, message):
    with pytest.raises(ModelError, match=message):
        with_logits(*of(*layers))


def test_maps_are_no_classes():
    with pytest.raises(ModelError, match=r"gives \(3, 4, 4\) for an image"):
        with_logits(Network.sequential(Input((3, 4, 4)), ReLU()), {})
    pooled = Network.sequential(Input((3, 4, 4)), GlobalAvgPool2d())
    assert with_logits(pooled, {}) == (pooled, {})
