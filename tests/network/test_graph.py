import json
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyebright.network import (
    Add,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    Input,
    Linear,
    MaxPool2d,
    Network,
    Normalize,
    ReLU,
)
from eyebright.system.errors import NetworkError

PICTURES = {"type": "Input", "name": "in", "shape": [3, 8, 8], "inputs": []}
SUM = {"type": "Add", "name": "sum", "inputs": ["in", "r"]}


def relu(name: str, *inputs: str) -> dict[str, object]:
    return {"type": "ReLU", "name": name, "inputs": list(inputs)}


def document(*layers: object, **changes: object) -> str:
    return json.dumps({"format": 1, "layers": layers, "output": layers[-1]["name"]} | changes)


def test_sequential_and_functional_form_give_one_network():
    inputs = Input((32,))()
    assert Network(inputs, Linear(1)(inputs)) == Network.sequential(Input((32,)), Linear(1))


def test_networks_that_differ_are_not_equal():
    assert Network.sequential(Input((32,)), Linear(1)) != Network.sequential(Input((32,)), Linear(2))


def test_a_network_on_a_plain_vector():
    network = Network.sequential(Input((32,)), Linear(16), ReLU(), Linear(1))
    assert (network.input_shape, network.output_shape) == ((32,), (1,))
    assert network.parameter_count == 32 * 16 + 16 + 16 + 1
    assert network.multiply_adds == 32 * 16 + 16


def test_unnamed_layers_are_numbered_around_the_names_that_are_taken():
    network = Network.sequential(Input((4,)), ReLU(), ReLU(name="relu_2"), ReLU(), Linear(3))
    assert list(network.places) == ["input_1", "relu_1", "relu_2", "relu_3", "linear_1"]


def test_one_layer_called_twice_is_two_layers():
    layer = Linear(4)
    inputs = Input((4,))()
    assert Network(inputs, layer(layer(inputs))).parameter_count == 2 * (4 * 4 + 4)


def test_a_branch_is_computed_once_and_read_twice():
    inputs = Input((4,))()
    trunk = Linear(4, name="trunk")(inputs)
    network = Network(inputs, Add()(trunk, ReLU()(trunk)))
    assert list(network.places) == ["input_1", "trunk", "relu_1", "add_1"]
    assert network.places["add_1"].inputs == ("trunk", "relu_1")
    assert list(network.parameters) == ["trunk.weight", "trunk.bias"]


def test_every_layer_comes_after_those_it_reads_from(random_network):
    for seed in range(20):
        seen: set[str] = set()
        for name, place in random_network(seed).places.items():
            assert seen.issuperset(place.inputs)
            seen.add(name)


def test_layers_that_the_output_does_not_need_are_left_out():
    inputs = Input((4,))()
    Linear(9)(inputs)
    assert list(Network(inputs, ReLU()(inputs)).places) == ["input_1", "relu_1"]


def test_a_very_deep_network_needs_no_recursion():
    inputs = node = Input((4,))()
    for _ in range(3 * sys.getrecursionlimit()):
        node = ReLU()(node)
    network = Network(inputs, node)
    assert Network.from_json(network.to_json()) == network


def test_a_layer_is_found_by_name_and_the_nearest_is_named():
    network = Network.sequential(Input((4,)), Linear(3, name="head"))
    assert network.layer("head") == Linear(3, name="head")
    with pytest.raises(NetworkError, match="no layer 'haed': did you mean 'head'"):
        network.layer("haed")


def fork() -> Network:
    """in -> trunk -> left, right -> sum -> head."""
    pictures = Input((3, 8, 8), name="in")()
    trunk = BatchNorm(name="trunk")(pictures)
    left = Conv2d(3, 1, name="left")(trunk)
    total = Add(name="sum")(left, ReLU(name="right")(trunk))
    return Network(pictures, Linear(2, name="head")(Flatten(name="flat")(total)))


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("in", ["in"]),
        ("trunk", ["in", "trunk"]),
        ("right", ["in", "trunk", "right"]),
        ("sum", ["in", "trunk", "left", "right", "sum"]),
        ("head", ["in", "trunk", "left", "right", "sum", "flat", "head"]),
    ],
)
def test_the_network_up_to_a_layer_is_what_leads_to_it(name, left):
    network = fork().up_to(name)
    assert (list(network.places), network.output) == (left, name)
    assert all(network.places[other] == fork().places[other] for other in left)
    assert network.tensors == {key: tensor for key, tensor in fork().tensors.items() if key.rpartition(".")[0] in left}
    assert Network.from_json(network.to_json()) == network


def test_there_is_no_network_up_to_an_unknown_layer():
    with pytest.raises(NetworkError, match="no layer 'rigth': did you mean 'right'"):
        fork().up_to("rigth")


def test_tensors_are_what_is_learned_and_running_statistics_by_layer():
    network = fork()
    assert list(network.tensors) == [
        *(f"trunk.{key}" for key in ("weight", "bias", "running_mean", "running_var")),
        *(f"{name}.{key}" for name in ("left", "head") for key in ("weight", "bias")),
    ]
    assert network.tensors.keys() - network.parameters.keys() == {"trunk.running_mean", "trunk.running_var"}
    assert network.parameter_count == 2 * 3 + (3 * 3 + 3) + (2 * 3 * 8 * 8 + 2)


def test_a_place_knows_the_tensors_of_its_layer():
    place = fork().places["trunk"]
    assert list(place.tensors) == ["weight", "bias", "running_mean", "running_var"]
    assert list(place.parameters) == ["weight", "bias"]
    assert {tensor.shape for tensor in place.tensors.values()} == {(3,)}


def test_the_json_is_as_documented():
    network = Network.sequential(Input((32,)), Linear(1, bias=False, name="head"))
    assert json.loads(network.to_json()) == {
        "format": 1,
        "layers": [
            {"type": "Input", "name": "input_1", "shape": [32], "inputs": []},
            {
                "type": "Linear",
                "name": "head",
                "out_features": 1,
                "bias": False,
                "initializer": "glorot_uniform",
                "inputs": ["input_1"],
            },
        ],
        "output": "head",
    }


def test_a_sequential_network_survives_json():
    network = Network.sequential(
        *(Input((3, 20, 17)), Normalize(mean=(1.0, 2.0, 3.0)), Conv2d(8, (3, 5), padding="same"), ReLU(name="a.b/ü")),
        *(MaxPool2d(3, 2, padding=(1, 0)), Dropout(0.3), Flatten(), Linear(5)),
    )
    again = Network.from_json(network.to_json())
    assert again == network and hash(again) == hash(network)
    assert list(again.places.items()) == list(network.places.items())


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_a_functional_network_survives_json(random_network, seed):
    network = random_network(seed)
    again = Network.from_json(network.to_json().encode())
    assert list(again.places.items()) == list(network.places.items())
    assert again.parameters == network.parameters


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), order=st.randoms(use_true_random=False))
def test_layers_may_be_listed_in_any_order(random_network, seed, order):
    network = random_network(seed)
    data = network.to_dict()
    order.shuffle(data["layers"])
    assert dict(Network.from_dict(data).places) == dict(network.places)


def test_reading_layers_in_reverse_order_takes_work_in_proportion_to_their_number():
    def calls(count: int) -> int:
        layers = [relu(f"r{index}", f"r{index - 1}" if index else "in") for index in range(count)]
        text = document(*layers[::-1], PICTURES, output=layers[-1]["name"])
        counted = 0

        def count_call(*_: object) -> None:
            nonlocal counted
            counted += 1

        sys.setprofile(count_call)
        try:
            Network.from_json(text)
        finally:
            sys.setprofile(None)
        return counted

    assert calls(400) < 3 * calls(200)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (Network.sequential, "starts with an Input, got nothing"),
        (lambda: Network.sequential(Linear(3)), "starts with an Input, got Linear"),
        (lambda: Network.sequential(Input((4,)), ReLU(name="r"), ReLU(name="r")), "two layers are named 'r'"),
        (lambda: Network.sequential(Input((4,)), Input((4,))), "Input 'input_2' takes 0 input"),
        (
            lambda: Network.sequential(Input((3, 8, 8)), MaxPool2d(9)),
            "'max_pool_1', after input_1: its kernel of 9 x 9",
        ),
        (lambda: Network(Input((4,))(), ReLU()(Input((4,))())), "does not depend on its input"),
        (lambda: Network(a := Input((4,))(), Add()(a, Input((4,))())), "one Input, got 2: input_1, input_2"),
        (lambda: Network(a := ReLU()(Input((4,))()), Linear(2)(a)), "Input"),
        (lambda: Network.sequential(Input((4,)), ReLU), "ReLU"),
        (lambda: Network.sequential(Input((4,)), "relu"), "relu"),
    ],
)
def test_layers_that_make_no_network_are_refused(build, message):
    with pytest.raises(NetworkError, match=message):
        build()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the network cannot be read"),
        ("{", "truncated"),
        (b'{"format": "\xff"}', "utf-8"),
        ("[]", "Expected `object`, got `array`"),
        ('{"a":' * 100_000, "recursion"),
        (document(PICTURES, format=2), "format 2, this eyebright reads up to 1: update eyebright"),
        (document(PICTURES, format=2, extra="of the future"), "format 2, this eyebright reads up to 1"),
        (document(PICTURES, format=0), "format 0"),
        (document(PICTURES, format="1"), r"Expected `int`, got `str` - at `\$.format`"),
        (document(PICTURES, ouput="in"), "unknown field `ouput`.*did you mean 'output'"),
        (document(PICTURES, layers=None), "Expected `array`, got `null`"),
        (document(PICTURES, layers=[5]), r"at `\$.layers\[0\]`"),
        (document(PICTURES, output=5), r"at `\$.output`"),
        (document(PICTURES, relu("relu", "in"), output="rleu"), "output 'rleu' is no layer: did you mean 'relu'"),
        (
            document(PICTURES, relu("relu", "in"), relu("r", "relus")),
            "layer 'r' reads from unknown 'relus': did you mean 'relu'",
        ),
        (document(PICTURES, relu("r", "r")), "cycle: r <- r"),
        (document(PICTURES, relu("a", "b"), relu("b", "a")), "cycle: a <- b <- a"),
        (document(PICTURES, relu("r", "in"), relu("r", "in")), "two layers are named 'r'"),
        (
            document(PICTURES, relu("a") | {"inputs": []}, relu("b", "in")),
            "ReLU 'a' takes 1 .*given 0",
        ),
        (document(PICTURES, relu("idle", "in"), relu("r", "in")), "do not lead to the output 'r': idle"),
        (document(PICTURES, relu("", "in"), output="in"), "layer 2 has no name"),
        (document(PICTURES, relu("r") | {"inputs": "in"}), "inputs of layer 'r'.*Expected `array`"),
        (document(PICTURES, relu("r") | {"inputs": [5]}), "inputs of layer 'r'.*Expected `str`"),
        (
            document(PICTURES, {"type": "MaxPool2d", "name": "r", "kernel_size": 2, "inputs": ["in"]}, SUM),
            r"Add 'sum', after in and r: .*got \(3, 8, 8\) and \(3, 4, 4\)",
        ),
        (document(PICTURES, relu("r"), SUM), "ReLU 'r' takes 1 input.* given 0"),
        (document(PICTURES, {"type": "Conv2D", "name": "c", "inputs": ["in"]}), "layer 'c'.*did you mean 'Conv2d'"),
        (document(PICTURES, relu("r", "in") | {"slope": 1}), "layer 'r' .*unknown field `slope`"),
        (document(PICTURES | {"shape": [3, -8, 8]}), r"layer 'in'.*\(3, -8, 8\)"),
        (document(PICTURES, layers=[relu("r", "r")] * 100_001), "100001 layers, more than 100000"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_json_is_refused_with_the_reason(text, message):
    with pytest.raises(NetworkError, match=message):
        Network.from_json(text)


def test_repr_tells_shapes_and_parameters():
    assert "(4,) to (1000,), 5,000 parameters" in repr(Network.sequential(Input((4,)), Linear(1000)))


def test_of_many_waiting_layers_only_the_loop_is_named():
    data = document(PICTURES, relu("a", "c"), relu("b", "a"), relu("c", "b"), relu("after", "c"))
    with pytest.raises(NetworkError, match=r"cycle: a <- c <- b <- a$"):
        Network.from_json(data)
