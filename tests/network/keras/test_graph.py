import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyebright.network import Input, Layer, Network, initial_weights
from eyebright.network.keras import Graph, built, layer_names, to_keras
from eyebright.network.keras.graph import saved_order
from eyebright.system.errors import NetworkError


@pytest.mark.parametrize("seed", range(4))
def test_weights_are_in_the_order_of_keras(opened, random_network, seed):
    network = random_network(seed)
    weights = initial_weights(network)
    expected = [layer.name for layer in opened(network, weights).layers]
    graph = built(network, weights, layer_names(network))
    assert saved_order(graph.layers, network.output) == expected


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
