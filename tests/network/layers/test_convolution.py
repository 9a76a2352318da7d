import math

import pytest
import torch
from torch import nn

from eyebright.network import Conv2d, Dropout, Flatten, Input, Linear, MaxPool2d, Network, ReLU
from eyebright.system.errors import NetworkError


@pytest.mark.parametrize(
    ("layer", "module"),
    [
        (Conv2d(6, (3, 5), groups=2), nn.Conv2d(4, 6, (3, 5), groups=2)),
        (Conv2d(8, 3, groups=4), nn.Conv2d(4, 8, 3, groups=4)),
        (Conv2d(6, 1, bias=False), nn.Conv2d(4, 6, 1, bias=False)),
    ],
)
def test_parameters_are_named_and_shaped_as_in_torch(layer, module):
    expected = {name: tuple(tensor.shape) for name, tensor in module.named_parameters()}
    assert {name: parameter.shape for name, parameter in layer.parameters((4, 9, 9)).items()} == expected
    assert layer.buffers((4, 9, 9)) == {}


@pytest.mark.parametrize("kernel_size", [(3, 5), 1])
def test_fans_are_those_of_torch(kernel_size):
    weight = Conv2d(6, kernel_size).parameters((4, 9, 9))["weight"]
    expected = nn.init._calculate_fan_in_and_fan_out(torch.empty(weight.shape, device="meta"))
    assert (weight.fan_in, weight.fan_out) == expected


@pytest.mark.parametrize(("groups", "fans"), [(1, (4 * 9, 8 * 9)), (2, (2 * 9, 4 * 9)), (4, (9, 2 * 9))])
def test_fans_count_one_group(groups, fans):
    weight = Conv2d(8, 3, groups=groups).parameters((4, 9, 9))["weight"]
    assert (weight.fan_in, weight.fan_out) == fans


@pytest.mark.parametrize(
    ("layer", "places", "each"),
    [
        (Conv2d(16, 3), 26 * 28, 3 * 9),  # of 28 x 30
        (Conv2d(16, 3, 2, "same"), 14 * 15, 3 * 9),
        (Conv2d(16, (1, 5), padding="same", bias=False), 28 * 30, 3 * 5),
        (Conv2d(18, 3, dilation=2, groups=3), 24 * 26, 9),
    ],
)
def test_multiply_adds_are_places_times_filters_times_the_values_that_each_sees(layer, places, each):
    assert layer.multiply_adds((3, 28, 30)) == places * layer.out_channels * each


def test_a_depthwise_convolution_costs_a_share_of_a_whole_one():
    """Howard et al. 2017, "MobileNets", section 3.1: with pointwise after it, 1 / N + 1 / D^2 of a standard one."""
    channels, filters, shape = 32, 64, (32, 14, 14)
    whole = Conv2d(filters, 3, padding="same").multiply_adds(shape)
    depthwise = Conv2d(channels, 3, padding="same", groups=channels).multiply_adds(shape)
    pointwise = Conv2d(filters, 1).multiply_adds(shape)
    assert math.isclose((depthwise + pointwise) / whole, 1 / filters + 1 / 9)


def test_alexnet_has_the_published_parameters_and_multiply_adds():
    """Krizhevsky et al. 2012 with its two groups, as in Caffe: 60,965,224 parameters, 724 million multiply-adds."""
    pool = MaxPool2d(3, 2)
    network = Network.sequential(
        *(Input((3, 227, 227)), Conv2d(96, 11, 4), ReLU(), pool, Conv2d(256, 5, padding=2, groups=2), ReLU(), pool),
        *(Conv2d(384, 3, padding=1), ReLU(), Conv2d(384, 3, padding=1, groups=2), ReLU()),
        *(Conv2d(256, 3, padding=1, groups=2), ReLU(), pool, Flatten()),
        *(Linear(4096), ReLU(), Dropout(), Linear(4096), ReLU(), Dropout(), Linear(1000)),
    )
    assert network.parameter_count == 60_965_224
    assert network.multiply_adds == 724_406_816


@pytest.mark.parametrize(
    ("kernel_size", "dilation", "spread"),
    [(3, 2, (2, 2)), ((1, 3), 2, (1, 2)), ((3, 1), (2, 4), (2, 1)), (1, 5, (1, 1))],
)
def test_a_kernel_of_one_pixel_is_not_spread(kernel_size, dilation, spread):
    assert Conv2d(1, kernel_size, dilation=dilation).spread == spread


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conv2d(0, 3), "out_channels must be above 0.*got 0"),
        (lambda: Conv2d(-16, 3), "out_channels must be above 0.*got -16"),
        (lambda: Conv2d(4, (3, 0)), r"kernel_size must be above 0.*\(3, 0\)"),
        (lambda: Conv2d(4, 3, stride=-1), "stride must be above 0"),
        (lambda: Conv2d(4, 3, dilation=0), "dilation must be above 0"),
        (lambda: Conv2d(4, 3, groups=0), "groups must be above 0"),
        (lambda: Conv2d(4, 3, padding=-1), "padding must be 0 or more, 'same' or 'valid', got -1"),
        (lambda: Conv2d(4, 3, padding=(0, -1)), r"padding must be 0 or more, .*got \(0, -1\)"),
        (lambda: Conv2d(4, 3, padding=3), "padding 3 is no less than the kernel.*at most 2 x 2"),
        (lambda: Conv2d(4, (3, 1), padding=1, dilation=2), "padding 1 is no less than the kernel.*at most 4 x 0"),
        (lambda: Conv2d(4, 3, groups=3), "out_channels 4 .*3 groups"),
        (lambda: Conv2d(10**9, 3), "at most a million"),
        (lambda: Conv2d(4, 3, padding="SAME"), "padding.*SAME"),
        (lambda: Conv2d(4, 3, initializer="he"), "initializer.*'he'"),
        (lambda: Conv2d("4", 3), "out_channels.*int"),
        (lambda: Conv2d(4, 3.5), "kernel_size.*float"),
        (lambda: Conv2d(4, (3, 3, 3)), "kernel_size"),
    ],
)
def test_settings_that_cannot_be_are_refused(make, message):
    with pytest.raises(NetworkError, match=message):
        make()


def test_channels_that_cannot_be_shared_among_groups_are_refused():
    with pytest.raises(NetworkError, match="its input's 3 channels cannot be shared among 2 groups"):
        Conv2d(4, 3, groups=2)(Input((3, 8, 8))())
