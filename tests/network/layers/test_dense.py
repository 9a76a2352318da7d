import math

import pytest
import torch
from torch import nn

from eyebright.network import Dropout, Flatten, Input, Linear
from eyebright.system.errors import NetworkError


def test_flatten_counts_all_values():
    assert Flatten().output_shape((3, 5, 7)) == Flatten().output_shape((105,)) == (105,)


@pytest.mark.parametrize("bias", [True, False])
def test_parameters_are_named_and_shaped_as_in_torch(bias):
    expected = {name: tuple(tensor.shape) for name, tensor in nn.Linear(4, 6, bias).named_parameters()}
    assert {name: parameter.shape for name, parameter in Linear(6, bias).parameters((4,)).items()} == expected


def test_fans_are_those_of_torch():
    weight = Linear(6).parameters((4,))["weight"]
    expected = nn.init._calculate_fan_in_and_fan_out(torch.empty(weight.shape, device="meta"))
    assert (weight.fan_in, weight.fan_out) == expected


def test_multiply_adds_are_inputs_times_outputs():
    assert Linear(6).multiply_adds((4,)) == 24


def test_dropout_keeps_shape_and_learns_nothing():
    assert Dropout().output_shape((3, 5, 7)) == (3, 5, 7) and Dropout().parameters((3, 5, 7)) == {}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Linear(0), "out_features must be above 0"),
        (lambda: Linear(-10), "out_features must be above 0.*got -10"),
        (lambda: Linear(2.0), "out_features.*float"),
        (lambda: Linear(2, initializer="ones"), "initializer.*'ones'"),
        (lambda: Dropout(1.0), "p must be at least 0 and below 1, got 1.0"),
        (lambda: Dropout(-0.1), "p must be at least 0"),
        (lambda: Dropout(math.nan), "got nan"),
    ],
)
def test_settings_that_cannot_be_are_refused(make, message):
    with pytest.raises(NetworkError, match=message):
        make()


def test_a_dense_layer_on_pictures_is_refused_with_the_way_to_mend_it():
    with pytest.raises(NetworkError, match=r"expected a vector .*\(3, 8, 8\); put a Flatten before it"):
        Linear(4)(Input((3, 8, 8))())
