import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyebright import zoo
from eyebright.network import Add, Conv2d, Input, MaxPool2d, Network, ReLU, initial_weights
from eyebright.network.rewrites import faster, pool_before_activation


def wires(network: Network) -> dict[str, tuple[str, ...]]:
    return {name: place.inputs for name, place in network.places.items()}


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_function_stays_the_same_bit_by_bit(random_network, run, pictures, seed):
    network = random_network(seed)
    weights = initial_weights(network, seed)
    expected = run(network, weights, pictures)
    assert np.array_equal(run(pool_before_activation(network), weights, pictures), expected)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_what_is_learned_and_what_is_given_stay_the_same(random_network, seed):
    network = random_network(seed)
    rewritten = pool_before_activation(network)
    assert rewritten.parameters == network.parameters
    assert rewritten.output_shape == network.output_shape
    assert rewritten.places.keys() == network.places.keys()


def test_the_pool_comes_before_the_activation():
    network = Network.sequential(Input((3, 8, 8)), Conv2d(4, 3, name="c"), ReLU(name="r"), MaxPool2d(2, name="p"))
    rewritten = pool_before_activation(network)
    assert wires(rewritten) == {"input_1": (), "c": ("input_1",), "p": ("c",), "r": ("p",)}
    assert rewritten.output == "r" and rewritten.places["r"].shape == (4, 3, 3)


def test_an_activation_that_something_else_reads_stays_where_it_is():
    pictures = Input((3, 8, 8))()
    relu = ReLU(name="r")(pictures)
    network = Network(pictures, Add()(MaxPool2d(3, 1, padding="same", name="p")(relu), relu))
    assert pool_before_activation(network) == network


def test_only_the_side_with_a_single_reader_is_rewritten():
    pictures = Input((3, 8, 8))()
    shared = ReLU(name="shared")(pictures)
    own = ReLU(name="own")(Conv2d(3, 3, padding="same", name="c")(shared))
    network = Network(pictures, Add(name="sum")(MaxPool2d(2, name="p")(shared), MaxPool2d(2, name="q")(own)))
    rewritten = wires(pool_before_activation(network))
    assert (rewritten["p"], rewritten["q"], rewritten["own"]) == (("shared",), ("c",), ("q",))
    assert rewritten["sum"] == ("p", "own")


def test_an_activation_after_a_rewritten_one_is_rewritten_too():
    relu, pool = ReLU(), MaxPool2d(2)
    network = Network.sequential(Input((1, 8, 8)), relu, pool, relu, pool)
    assert list(pool_before_activation(network).places) == ["input_1", "max_pool_1", "relu_1", "max_pool_2", "relu_2"]


@pytest.mark.parametrize("size", [16, 180])
def test_the_flower_network_is_made_faster(size):
    places = list(faster(zoo.flowers_cnn(input_size=size)).places)
    assert places[2:11] == [f"{kind}_{index}" for index in (1, 2, 3) for kind in ("conv", "pool", "relu")]
