import io
import json
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyebright.network import Input, Layer, Network, initial_weights
from eyebright.network.keras import Graph, emit, to_keras
from eyebright.network.keras.graph import weight_groups
from eyebright.system.errors import NetworkError

h5py = pytest.importorskip("h5py")


@pytest.mark.parametrize("seed", range(4))
def test_layers_and_weights_are_in_the_order_of_keras(opened, random_network, seed):
    """Keras orders the layers itself when it opens the file, and reads the weights in this order."""
    network = random_network(seed)
    weights = initial_weights(network)
    expected = [layer.name for layer in opened(network, weights).layers]
    with zipfile.ZipFile(io.BytesIO(to_keras(network, weights))) as archive:
        config = json.loads(archive.read("config.json"))
        stored = h5py.File(io.BytesIO(archive.read("model.weights.h5")))["layers"]
    assert [layer["name"] for layer in config["config"]["layers"]] == expected
    convolutions = [name for name in expected if name.startswith("conv_")]
    groups = ["conv2d", *(f"conv2d_{number}" for number in range(1, len(convolutions)))]
    assert [stored[group]["vars"].attrs["name"] for group in groups] == convolutions


@given(st.lists(st.text(), max_size=8))
def test_names_are_those_that_keras_allows_and_never_the_same(names):
    graph = Graph("probabilities")
    found = [graph.fresh(name) for name in names]
    assert len({*found, "probabilities"}) == len(names) + 1
    assert all(name[0].isalnum() and name.isascii() and not set(name) & set("./ ") for name in found)


def test_a_layer_that_was_not_registered_is_refused_by_name():
    class Softsign(Layer, frozen=True):
        stem = "softsign"

    network = Network.sequential(Input((3,)), Softsign(name="own"))
    with pytest.raises(NetworkError, match="Softsign 'own' has no counterpart among Keras's layers"):
        to_keras(network, {})


def test_only_normalisations_over_a_neighbourhood_are_missing():
    own = [kind for kind in Layer.types.values() if kind.__module__.startswith("eyebright.network.layers")]
    missing = {kind.__name__ for kind in own if emit.dispatch(kind) is emit.dispatch(object)}
    assert missing == {"LocalResponseNorm", "LocalContrastNorm"}


def test_the_groups_of_weights_are_numbered_by_class_in_snake_case():
    kinds = [("a", "Conv2D"), ("b", "BatchNormalization"), ("c", "Conv2D"), ("d", "DepthwiseConv2D"), ("e", "ReLU")]
    expected = ["conv2d", "batch_normalization", "conv2d_1", "depthwise_conv2d", "re_lu"]  # as Keras names them
    assert list(weight_groups(kinds).values()) == [f"layers/{group}" for group in expected]
