import json

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
    layer_to_dict,
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
def test_the_network_up_to_a_layer_has_only_the_layers_that_it_needs(name, left):
    network = fork().up_to(name)
    assert (list(network.places), network.output) == (left, name)
    assert all(network.places[other] == fork().places[other] for other in left)
    assert network.tensors == {key: tensor for key, tensor in fork().tensors.items() if key.rpartition(".")[0] in left}
    assert Network.from_json(network.to_json()) == network


def test_the_network_up_to_an_unknown_layer_is_refused():
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


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (Network.sequential, "must start with an Input layer, got nothing"),
        (lambda: Network.sequential(Linear(3)), "must start with an Input layer, got Linear"),
        (lambda: Network.sequential(Input((4,)), ReLU(name="r"), ReLU(name="r")), "two layers are named 'r'"),
        (lambda: Network.sequential(Input((4,)), Input((4,))), "Input 'input_2' needs 0 inputs"),
        (
            lambda: Network.sequential(Input((3, 8, 8)), MaxPool2d(9)),
            "'max_pool_1', after input_1: the kernel of 9 x 9",
        ),
        (lambda: Network(Input((4,))(), ReLU()(Input((4,))())), "does not depend on the input"),
        (
            lambda: Network(a := Input((4,))(), Add()(a, Input((4,))())),
            "exactly one Input .*, got 2: input_1, input_2",
        ),
        (lambda: Network(a := ReLU()(Input((4,))()), Linear(2)(a)), "the node of an Input layer, got one of ReLU"),
        (lambda: Network.sequential(Input((4,)), ReLU), "expected a layer such as"),
        (lambda: Network.sequential(Input((4,)), "relu"), "relu"),
    ],
)
def test_layers_that_do_not_form_a_network_are_refused(build, message):
    with pytest.raises(NetworkError, match=message):
        build()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the network cannot be read"),
        ("{", "truncated"),
        (b'{"format": "\xff"}', "UTF-8"),
        ("[]", "Expected `object`, got `array`"),
        ('{"a":' * 100_000, "recursion"),
        (document(PICTURES, format=2), "format 2, but this eyebright reads formats up to 1: update eyebright"),
        (document(PICTURES, format=2, extra="of the future"), "format 2, but this eyebright reads formats up to 1"),
        (document(PICTURES, format=0), "the invalid format 0, expected 1"),
        (document(PICTURES, format="1"), r"Expected `int`, got `str` - at `\$.format`"),
        (document(PICTURES, ouput="in"), "unknown field `ouput`.*did you mean 'output'"),
        (document(PICTURES, layers=None), "Expected `array`, got `null`"),
        (document(PICTURES, layers=[5]), r"at `\$.layers\[0\]`"),
        (document(PICTURES, output=5), r"at `\$.output`"),
        (document(PICTURES, relu("relu", "in"), output="rleu"), "output 'rleu' is not a layer: did you mean 'relu'"),
        (
            document(PICTURES, relu("relu", "in"), relu("r", "relus")),
            "layer 'r' has the unknown input 'relus': did you mean 'relu'",
        ),
        (document(PICTURES, relu("r", "r")), "cycle: r <- r"),
        (document(PICTURES, relu("r", "in"), relu("r", "in")), "two layers are named 'r'"),
        (
            document(PICTURES, relu("a") | {"inputs": []}, relu("b", "in")),
            "ReLU 'a' needs 1 input, got 0",
        ),
        (document(PICTURES, relu("idle", "in"), relu("r", "in")), "output 'r' does not depend on idle"),
        (document(PICTURES, relu("", "in"), output="in"), "layer 2 has no name"),
        (document(PICTURES, relu("r") | {"inputs": "in"}), "inputs of layer 'r'.*Expected `array`"),
        (document(PICTURES, relu("r") | {"inputs": [5]}), "inputs of layer 'r'.*Expected `str`"),
        (
            document(PICTURES, {"type": "MaxPool2d", "name": "r", "kernel_size": 2, "inputs": ["in"]}, SUM),
            r"Add 'sum', after in and r: .*got \(3, 8, 8\) and \(3, 4, 4\)",
        ),
        (document(PICTURES, relu("r"), SUM), "ReLU 'r' needs 1 input, got 0"),
        (document(PICTURES, {"type": "Conv2D", "name": "c", "inputs": ["in"]}), "layer 'c'.*did you mean 'Conv2d'"),
        (document(PICTURES, relu("r", "in") | {"slope": 1}), "layer 'r' .*unknown field `slope`"),
        (document(PICTURES | {"shape": [3, -8, 8]}), r"layer 'in'.*\(3, -8, 8\)"),
        (document(PICTURES, layers=[relu("r", "r")] * 100_001), "100,001 layers, more than the limit of 100,000"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_json_is_refused_with_the_reason(text, message):
    with pytest.raises(NetworkError, match=message):
        Network.from_json(text)


def test_repr_has_shapes_and_parameters():
    assert "(4,) to (1000,), 5,000 parameters" in repr(Network.sequential(Input((4,)), Linear(1000)))


def test_a_network_with_any_layer_goes_to_json_and_back(any_network):
    again = Network.from_json(any_network.to_json())
    assert again == any_network and again.places["own"] == any_network.places["own"]


def test_an_unknown_setting_is_refused_and_the_nearest_suggested(any_layer):
    with pytest.raises(NetworkError, match=r"layer 'own' .*unknown field `nam`.*did you mean 'name'"):
        Network.from_dict({"format": 1, "layers": [layer_to_dict(any_layer) | {"nam": 1}], "output": "own"})
