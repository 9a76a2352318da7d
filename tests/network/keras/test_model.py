import io
import json
import sys
import zipfile

import msgspec
import numpy as np
import pytest

from eyebright.model.engine import Engine, onnx_graph
from eyebright.network import Add, Concat, Conv2d, GlobalAvgPool2d, Input, Linear, Network, ReLU, initial_weights, zoo
from eyebright.network.answering import Answering, features_place
from eyebright.network.keras import to_keras
from eyebright.system.errors import MissingExtraError, NetworkError


@pytest.mark.parametrize(
    ("name", "size"),
    [("lenet5", 28), ("mlp", 8), ("flowers_cnn", 24), ("compact", 16), ("efficientnet_lite0", 32), ("googlenet", 64)],
)
def test_keras_gives_the_probabilities_of_the_onnx_graph(opened, noise, name, size):
    network = zoo.build(name, num_classes=4, input_size=size)
    weights = initial_weights(network, 1)
    answering = Answering(temperature=1.7)
    samples = noise(*network.input_shape)
    found = opened(network, weights, answering=answering).predict(samples, verbose=0)
    expected = Engine.of_bytes(onnx_graph(network, weights, answering=answering))(samples)
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_weights_of_branches_of_the_same_shape_stay_apart(opened, noise):
    """The order of the file is neither that of the names nor that in which the branches were made."""

    def branches(node, depth, names):
        for name in names:
            for number in range(depth):
                node = ReLU()(Conv2d(3, 1, name=f"{name}{number}")(node))
            yield node

    images = Input((3, 5, 4))()
    first, second = (list(branches(images, depth, names)) for depth, names in ((1, "zy"), (3, "ab")))
    joined = Concat()(Add()(first[1], second[0]), first[0], second[1])
    network = Network(images, Linear(3)(GlobalAvgPool2d()(joined)))
    weights = initial_weights(network, 5)
    samples = noise(3, 5, 4)
    expected = Engine.of_bytes(onnx_graph(network, weights))(samples)
    np.testing.assert_allclose(opened(network, weights).predict(samples, verbose=0), expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("kind", ["uint8", "float32", "float64"])
def test_images_may_enter_as_any_type(opened, noise, kind):
    network = zoo.mlp(3, input_size=8)
    model = opened(network, initial_weights(network), answering=Answering())
    samples = noise(3, 8, 8)
    np.testing.assert_array_equal(
        model.predict(samples.astype(kind), verbose=0), model.predict(samples.astype("float32"), verbose=0)
    )


def test_logits_and_features_have_layers_of_their_own(keras, opened, run, noise):
    """From these the rest of an answer is computed."""
    network = zoo.lenet5(3, input_size=28)
    weights, samples = initial_weights(network), noise(1, 28, 28)
    model = opened(network, weights, answering=Answering(temperature=2.0))
    inner = keras.Model(model.input, [model.get_layer(name).output for name in ("logits", "features", "probabilities")])
    logits, features, probabilities = inner.predict(samples, verbose=0)
    exponentials = np.exp(logits / 2)
    np.testing.assert_allclose(probabilities, exponentials / exponentials.sum(1, keepdims=True), atol=1e-6)
    part = network.up_to(features_place(network)[0])
    maps = run(part, {name: weights[name] for name in part.tensors}, samples)
    np.testing.assert_allclose(features.transpose(0, 3, 1, 2), maps, atol=1e-5)


def test_a_loaded_model_can_be_trained(opened, noise):
    network = zoo.compact(2, input_size=8)
    model = opened(network, initial_weights(network), answering=Answering())
    model.compile("sgd", "sparse_categorical_crossentropy")
    before = model.get_layer("fc").get_weights()[0]
    model.fit(noise(3, 8, 8), np.array([0, 1]), verbose=0)
    assert not np.array_equal(model.get_layer("fc").get_weights()[0], before)


def test_the_file_is_the_same_whenever_it_is_written():
    network = zoo.compact(2, input_size=8)
    weights = initial_weights(network)
    assert to_keras(network, weights) == to_keras(network, dict(reversed(weights.items())))


def test_the_file_has_what_keras_writes():
    network = zoo.mlp(2, input_size=4)
    with zipfile.ZipFile(io.BytesIO(to_keras(network, initial_weights(network)))) as archive:
        assert archive.namelist() == ["metadata.json", "config.json", "model.weights.h5"]
        config = json.loads(archive.read("config.json"))
    assert config["class_name"] == "Functional"
    assert [layer["name"] for layer in config["config"]["layers"]] == [
        "input", "normalize", "flatten_channels_first", "flatten", "dense_1", "relu_1", "dense_2"
    ]  # fmt: skip


def test_names_that_keras_does_not_allow_or_that_are_taken_are_changed(opened):
    names = ["_in", "a.b", "a/b", "probabilities"]
    kinds = [Linear(3), ReLU(), Linear(3)]
    layers = [msgspec.structs.replace(kind, name=name) for kind, name in zip(kinds, names[1:], strict=True)]
    network = Network.sequential(Input((3,), name=names[0]), *layers)
    model = opened(network, initial_weights(network), answering=Answering())
    found = [layer.name for layer in model.layers]
    assert found == ["layer_in", "a_b", "a_b_", "features", "probabilities_", "logits", "probabilities"]


def test_weights_that_do_not_fit_are_refused():
    with pytest.raises(NetworkError, match=r"missing \(dense_1.weight"):
        to_keras(zoo.mlp(2, input_size=4), {})


def test_without_h5py_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    network = Network.sequential(Input((3,)), ReLU())
    with pytest.raises(MissingExtraError, match=r"pip install 'eyebright\[keras\]'"):
        to_keras(network, {})
