import numpy as np
import pytest

from eyebright.model.importing.assembly import Assembly
from eyebright.model.importing.keras_operators import is_operator, operate
from eyebright.network import Add, Input, Normalize
from eyebright.system.errors import NetworkError


@pytest.fixture
def network():
    return Assembly()


def of_tf(function):
    return {"class_name": "TFOpLambda", "config": {"name": "a", "function": function}}


def of_keras(kind):
    return {"class_name": kind, "module": "keras.src.ops.numpy", "config": {"name": "a"}}


def test_operators_are_distinguished_from_layers_of_the_same_name():
    assert is_operator(of_tf("math.add")) and is_operator(of_keras("Add"))
    assert is_operator({"class_name": "TrueDivide", "config": {}})  # in an .h5 file of Keras 3
    assert not is_operator({"class_name": "Add", "module": "keras.layers", "config": {}})


@pytest.mark.parametrize(
    ("operator", "number", "function"),
    [
        (of_tf("math.truediv"), 127.5, lambda x: x / 127.5),
        (of_tf("math.subtract"), 1.0, lambda x: x - 1),
        (of_keras("Multiply"), 4.0, lambda x: x * 4),
        (of_keras("Add"), [1.0, 2.0, 3.0], lambda x: x + np.array([1, 2, 3])),
    ],
)
def test_arithmetic_with_a_number_is_a_normalisation(network, operator, number, function):
    read = network.add(Input((3, 2, 2)))
    layer = network.finish(operate(network, operator, "a", [read, number, None]))[0].layer("a")
    assert isinstance(layer, Normalize)
    x = np.arange(12.0).reshape(4, 3)
    np.testing.assert_allclose((x - np.array(layer.mean)) / np.array(layer.std), function(x))


def test_a_number_may_come_first_where_the_order_does_not_matter(network):
    read = network.add(Input((3, 2, 2)))
    assert operate(network, of_keras("Add"), "a", [1.0, read]).shape == (3, 2, 2)
    with pytest.raises(NetworkError, match="Subtract of a number and a value"):
        operate(network, of_keras("Subtract"), "a", [1.0, read])


def test_maps_that_were_turned_are_refused(network):
    read = network.add(Input((3, 2, 2)))._replace(channels_first=True)
    with pytest.raises(NetworkError, match="only Flatten may do that"):
        operate(network, of_keras("Multiply"), "a", [read, 2.0])


def test_values_are_added_and_multiplied_only(network):
    read = network.add(Input((3, 2, 2)))
    both = operate(network, of_tf("__operators__.add"), "a", [read, read])
    assert isinstance(network.finish(both)[0].layer("a"), Add)
    with pytest.raises(NetworkError, match=r"the operator math\.truediv is not supported, only"):
        operate(network, of_tf("math.truediv"), "a", [read, read])
    with pytest.raises(NetworkError, match=r"the operator io\.read_file is not supported, only"):
        operate(network, of_tf("io.read_file"), "a", [read, 1.0])


def test_numbers_along_another_axis_than_the_channels_are_refused(network):
    read = network.add(Input((3, 3, 2)))
    with pytest.raises(NetworkError, match=r"a constant of the shape \(3, 1, 1\) is not one number for each channel"):
        operate(network, of_keras("Add"), "a", [read, [[[1.0]], [[2.0]], [[3.0]]]])
    assert operate(network, of_keras("Add"), "a", [read, [[[1.0, 2.0, 3.0]]]]).shape == (3, 3, 2)
