import numpy as np
import pytest

from eyebright.model.engine import Engine, onnx_graph
from eyebright.network import initial_weights, zoo
from eyebright.network.answering import Answering, Familiar


def familiar(features):
    """Some images are more unlike the training images than the limit, others less."""
    random = np.random.default_rng(3)
    directions = np.linalg.qr(random.normal(size=(features, 4)))[0].T
    values = (np.full(features, 0.1), directions, [1.0, 2.0, 3.0, 0.5], 0.3, -1.4, 0.5, 3.2)
    return Familiar(*(np.asarray(value, np.float32) for value in values))


@pytest.mark.parametrize("knows", [True, False])
@pytest.mark.parametrize("thresholds", [None, [0.2, 0.3, 0.35, 0.4]])
def test_answers_are_those_of_the_onnx_graph(outputs, knows, thresholds):
    network = zoo.lenet5(4, input_size=28)
    weights = initial_weights(network, 3)
    needed = None if thresholds is None else np.array(thresholds, np.float32)
    answering = Answering(0.2, familiar(16) if knows else None, needed)
    samples = np.random.default_rng(1).integers(0, 256, (40, 28, 28, 1), np.uint8)
    samples[::2] = samples[::2] // 8 + 100
    expected = Engine.of_bytes(onnx_graph(network, weights, answering=answering)).outputs(samples)
    found = outputs(network, weights, samples, answering=answering)
    assert found.keys() == expected.keys()
    if thresholds or knows:
        assert {-1} < {*expected["answer"].tolist()}
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=1e-5, rtol=1e-5, err_msg=name)
