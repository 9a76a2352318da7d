import os

import numpy as np
import pytest

from eyebright.model.engine import Engine, onnx_graph
from eyebright.network import initial_weights, zoo
from eyebright.network.answering import Answering
from eyebright.network.tensorflow import to_saved_model
from eyebright.system.errors import NetworkError


@pytest.mark.parametrize(
    ("name", "size"), [("lenet5", 28), ("mlp", 8), ("flowers_cnn", 24), ("compact", 16), ("efficientnet_lite0", 32)]
)
def test_a_saved_model_computes_what_the_onnx_graph_does(outputs, noise, name, size):
    network = zoo.build(name, num_classes=4, input_size=size)
    weights = initial_weights(network, 1)
    samples = noise(*network.input_shape)
    found = outputs(network, weights, samples)["logits"]
    expected = Engine.of_bytes(onnx_graph(network, weights))(samples)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_the_files_are_the_same_whenever_they_are_written():
    network = zoo.compact(2, input_size=8)
    weights = initial_weights(network)
    files = to_saved_model(network, weights, answering=Answering())
    assert files == to_saved_model(network, dict(reversed(weights.items())), answering=Answering())
    assert [*files] == ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"]


def test_the_weights_are_in_the_variables_only():
    """So that the graph is small, and TensorFlow can train them further."""
    network = zoo.mlp(10, input_size=28)
    files = to_saved_model(network, initial_weights(network))
    assert len(files["saved_model.pb"]) < 10_000
    assert len(files["variables/variables.data-00000-of-00001"]) == 4 * network.parameter_count


def test_tensorflow_itself_reads_it(saved, noise):
    """TensorFlow verifies the checksums; it is not among the packages for development: benchmarks/ has it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    tensorflow = pytest.importorskip("tensorflow")
    network = zoo.compact(3, input_size=16)
    weights = initial_weights(network, 1)
    samples = noise(3, 16, 16)
    model = tensorflow.saved_model.load(str(saved(network, weights, answering=Answering())))
    found = model.signatures["serving_default"](tensorflow.constant(samples))
    expected = Engine.of_bytes(onnx_graph(network, weights, answering=Answering())).outputs(samples)
    np.testing.assert_allclose(found["probabilities"].numpy(), expected["probabilities"], atol=1e-5)
    assert len(model.variables) == len(network.tensors)


def test_weights_that_do_not_fit_are_refused():
    with pytest.raises(NetworkError, match=r"missing \(dense_1.weight"):
        to_saved_model(zoo.mlp(2, input_size=4), {})
