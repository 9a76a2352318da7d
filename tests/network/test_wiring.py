import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyebright.network import Add, Input, Linear, Network, ReLU
from eyebright.network.wiring import Names, ancestors, chained, depends, names_of, sorted_layers, traced
from eyebright.system.errors import NetworkError


def layers_and_wiring(**wiring: tuple[str, ...]):
    """A ReLU for each name, an Add where there are two inputs and an Input where there are none."""
    kinds = [lambda name: Input((4,), name=name), lambda name: ReLU(name=name), lambda name: Add(name=name)]
    return [kinds[len(sources)](name) for name, sources in wiring.items()], wiring


def test_a_fresh_name_has_only_allowed_characters_and_is_never_given_twice():
    names = Names(["features"], allowed="./-")
    given = ["features", "features", "_bn", "layer.0/a-b", "two words", ""]
    assert [names.fresh(name) for name in given] == [
        "features_", "features__", "layer_bn", "layer.0/a-b", "two_words", "layer"
    ]  # fmt: skip
    assert Names().fresh("a name of any kind: é") == "a name of any kind: é"


def test_unnamed_layers_are_numbered_and_skip_names_that_are_taken():
    layers = [Input((4,)), ReLU(), ReLU(name="relu_2"), ReLU(), Linear(3)]
    assert names_of(layers) == ["input_1", "relu_1", "relu_2", "relu_3", "linear_1"]


def test_two_layers_with_one_name_are_refused():
    with pytest.raises(NetworkError, match=r"two layers are named 'r': the names .* must be unique"):
        names_of([ReLU(name="r"), ReLU(), ReLU(name="r")])


def test_a_chain_reads_each_layer_from_the_one_before():
    layers, wiring, output = chained([Input((4,)), ReLU(name="r"), Linear(3)])
    assert layers == [Input((4,), name="input_1"), ReLU(name="r"), Linear(3, name="linear_1")]
    assert (wiring, output) == ({"input_1": (), "r": ("input_1",), "linear_1": ("r",)}, "linear_1")


def test_a_graph_is_traced_from_its_output_and_leaves_out_what_that_does_not_need():
    inputs = Input((4,))()
    trunk = Linear(4, name="trunk")(inputs)
    Linear(9)(trunk)
    layers, wiring, output = traced(Add()(ReLU()(trunk), trunk))
    assert [layer.name for layer in layers] == ["input_1", "trunk", "relu_1", "add_1"]
    assert (wiring["add_1"], output) == (("relu_1", "trunk"), "add_1")


def test_a_very_deep_network_needs_no_recursion():
    inputs = node = Input((4,))()
    for _ in range(3 * sys.getrecursionlimit()):
        node = ReLU()(node)
    network = Network(inputs, node)
    assert Network.from_json(network.to_json()) == network


def test_a_node_depends_on_what_it_reads_directly_or_not():
    inputs, other = Input((4,))(), Input((4,))()
    node = ReLU()(ReLU()(inputs))
    assert depends(node, inputs) and depends(node, node)
    assert not depends(node, other) and not depends(inputs, node)


def test_ancestors_are_the_layer_and_all_that_it_needs():
    _, wiring = layers_and_wiring(a=(), b=("a",), c=("a",), d=("b", "c"), e=("c",))
    assert (ancestors("e", wiring), ancestors("d", wiring)) == ({"a", "c", "e"}, {"a", "b", "c", "d"})


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), order=st.randoms(use_true_random=False))
def test_layers_in_any_order_are_sorted_after_their_inputs(random_network, seed, order):
    network = random_network(seed)
    layers = [place.layer for place in network.places.values()]
    order.shuffle(layers)
    seen: set[str] = set()
    for layer in sorted_layers(layers, network.wiring, network.output):
        assert seen.issuperset(network.wiring[layer.name])
        seen.add(layer.name)
    assert seen == network.places.keys()


def test_an_order_that_works_is_kept():
    layers, wiring = layers_and_wiring(a=(), c=("a",), b=("a",), d=("b", "c"))
    assert sorted_layers(layers, wiring, "d") == layers


@pytest.mark.parametrize(
    ("wiring", "message"),
    [
        ({"a": (), "r": ("as",)}, "layer 'r' has the unknown input 'as': did you mean 'a'"),
        ({"a": (), "r": ("r",)}, "the layers form a cycle: r <- r$"),
        ({"in": (), "a": ("c",), "b": ("a",), "c": ("b",), "r": ("c",)}, "the layers form a cycle: a <- c <- b <- a$"),
        ({"a": (), "idle": ("a",), "r": ("a",)}, "the output 'r' does not depend on idle: remove or connect"),
    ],
)
def test_wiring_that_cannot_be_computed_or_is_not_needed_is_refused(wiring, message):
    layers, wiring = layers_and_wiring(**wiring)
    with pytest.raises(NetworkError, match=message):
        sorted_layers(layers, wiring, "r")


def test_sorting_takes_work_in_proportion_to_the_number_of_layers():
    def calls(count: int) -> int:
        names = [f"r{index}" for index in range(count)]
        layers, wiring = layers_and_wiring(a=(), **dict(zip(names, [(name,) for name in ["a", *names]], strict=False)))
        counted = 0

        def count_call(*_: object) -> None:
            nonlocal counted
            counted += 1

        sys.setprofile(count_call)
        try:
            sorted_layers(layers[::-1], wiring, names[-1])
        finally:
            sys.setprofile(None)
        return counted

    assert calls(400) < 3 * calls(200)
