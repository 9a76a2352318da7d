import math

import numpy as np
import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

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
    ("layer", "positions", "each"),
    [
        (Conv2d(16, 3), 26 * 28, 3 * 9),  # of 28 x 30
        (Conv2d(16, 3, 2, "same"), 14 * 15, 3 * 9),
        (Conv2d(16, (1, 5), padding="same", bias=False), 28 * 30, 3 * 5),
        (Conv2d(18, 3, dilation=2, groups=3), 24 * 26, 9),
    ],
)
def test_multiply_adds_are_positions_times_filters_times_inputs_of_each(layer, positions, each):
    assert layer.multiply_adds((3, 28, 30)) == positions * layer.out_channels * each


def test_a_depthwise_separable_convolution_costs_the_published_share_of_a_standard_one():
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
    ("kernel_size", "dilation", "effective"),
    [(3, 2, (2, 2)), ((1, 3), 2, (1, 2)), ((3, 1), (2, 4), (2, 1)), (1, 5, (1, 1))],
)
def test_dilation_has_no_effect_where_the_kernel_is_one_pixel(kernel_size, dilation, effective):
    assert Conv2d(1, kernel_size, dilation=dilation).effective_dilation == effective


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conv2d(0, 3), "out_channels must be from 1 .*got 0"),
        (lambda: Conv2d(-16, 3), "out_channels must be from 1 .*got -16"),
        (lambda: Conv2d(4, (3, 0)), r"kernel_size must be from 1 .*\(3, 0\)"),
        (lambda: Conv2d(4, 3, stride=-1), "stride must be from 1"),
        (lambda: Conv2d(4, 3, dilation=0), "dilation must be from 1"),
        (lambda: Conv2d(4, 3, groups=0), "groups must be from 1"),
        (lambda: Conv2d(4, 3, padding=-1), "padding must be at least 0, 'same' or 'valid', got -1"),
        (lambda: Conv2d(4, 3, padding=(0, -1)), r"padding must be at least 0, .*got \(0, -1\)"),
        (lambda: Conv2d(4, 3, padding=3), "padding must be smaller than the kernel, here at most 2 x 2, got 3"),
        (
            lambda: Conv2d(4, (3, 1), padding=1, dilation=2),
            "smaller than the kernel, here at most 4 x 0, got 1",
        ),
        (lambda: Conv2d(4, 3, groups=3), "out_channels must be a multiple of groups = 3, got 4"),
        (lambda: Conv2d(10**9, 3), "from 1 to 1,000,000, got 1000000000"),
        (lambda: Conv2d(4, 3, padding="SAME"), "padding.*SAME"),
        (lambda: Conv2d(4, 3, initializer="he"), "initializer.*'he'"),
        (lambda: Conv2d("4", 3), "out_channels.*int"),
        (lambda: Conv2d(4, 3.5), "kernel_size.*float"),
        (lambda: Conv2d(4, (3, 3, 3)), "kernel_size"),
    ],
)
def test_invalid_settings_are_refused(make, message):
    with pytest.raises(NetworkError, match=message):
        make()


def test_channels_that_are_not_a_multiple_of_groups_are_refused():
    with pytest.raises(NetworkError, match="the number of input channels must be a multiple of groups = 2, got 3"):
        Conv2d(4, 3, groups=2)(Input((3, 8, 8))())


PAIR = st.tuples(st.integers(1, 4), st.integers(1, 4))

SIZE = st.tuples(st.integers(1, 9), st.integers(1, 9))

PADDING = st.sampled_from(["same", "valid"]) | st.integers(0, 2) | st.tuples(st.integers(0, 2), st.integers(0, 2))


def filters(out_channels: int, in_channels: int, kernel: tuple[int, int], *, bias: bool) -> dict[str, np.ndarray]:
    random = np.random.default_rng(5)
    scale = np.float32(1 / np.sqrt(in_channels * kernel[0] * kernel[1]))
    weights = {"c.weight": random.standard_normal((out_channels, in_channels, *kernel)).astype(np.float32) * scale}
    return weights | ({"c.bias": random.standard_normal(out_channels).astype(np.float32)} if bias else {})


def convolved(values, weights, sides, stride, dilation, groups):
    """torch's function in float64 on values that are padded by hand."""
    (top, bottom), (left, right) = sides
    padded = functional.pad(torch.tensor(values), (left, right, top, bottom))
    kernel, *bias = (torch.tensor(tensor).double() for tensor in weights.values())
    return functional.conv2d(padded, kernel, *bias, stride=stride, dilation=dilation, groups=groups).numpy()


@settings(max_examples=30, deadline=None)
@given(
    groups=st.integers(1, 2),
    channels=st.tuples(st.integers(1, 2), st.integers(1, 3)),
    size=SIZE,
    kernel=PAIR,
    stride=PAIR,
    padding=PADDING,
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    bias=st.booleans(),
)
@example(
    groups=2, channels=(2, 3), size=(7, 1), kernel=(3, 1), stride=(1, 3), padding=(2, 2), dilation=(2, 2), bias=True
)
@example(  # torch goes wrong on one channel that lies channels last
    groups=1, channels=(1, 2), size=(5, 5), kernel=(3, 4), stride=(1, 2), padding=0, dilation=(1, 1), bias=True
)
@example(
    groups=1, channels=(1, 1), size=(9, 1), kernel=(3, 1), stride=(3, 2), padding=(0, 1), dilation=(2, 2), bias=True
)
def test_convolutions_agree_with_the_function_of_torch_in_float64(
    agree, noise, same_sides, groups, channels, size, kernel, stride, padding, dilation, bias
):
    spread = tuple(step * (length - 1) + 1 for length, step in zip(kernel, dilation, strict=True))
    if padding == "same":
        sides = same_sides(size, spread, stride)
    else:
        if padding != "valid":
            pads = padding if isinstance(padding, tuple) else (padding, padding)
            padding = tuple(min(pad, length - 1) for pad, length in zip(pads, spread, strict=True))
        pads = (0, 0) if padding == "valid" else padding
        sides = tuple((pad, pad) for pad in pads)
    assume(all(size[axis] + sum(sides[axis]) >= spread[axis] for axis in (0, 1)))
    weights = filters(groups * channels[1], channels[0], kernel, bias=bias)
    layer = Conv2d(groups * channels[1], kernel, stride, padding, dilation, groups, bias, name="c")
    agree(
        layer,
        noise(groups * channels[0], *size),
        lambda values: convolved(values, weights, sides, stride, dilation, groups),
        weights,
        engine=True,
    )


@pytest.mark.parametrize("size", [(8, 8), (9, 9), (8, 9), (1, 1), (2, 1)])
@pytest.mark.parametrize("kernel", [(3, 3), (2, 2), (1, 1), (2, 5)])
def test_same_padding_at_stride_2_is_that_of_tensorflow(agree, noise, same_sides, size, kernel):
    weights = filters(2, 3, kernel, bias=True)
    sides = same_sides(size, kernel, (2, 2))
    layer = Conv2d(2, kernel, 2, "same", name="c")
    agree(layer, noise(3, *size), lambda x: convolved(x, weights, sides, 2, 1, 1), weights, engine=kernel == (3, 3))


@pytest.mark.parametrize("multiplier", [1, 2])
def test_a_depthwise_convolution_agrees_with_loops(agree, noise, multiplier):
    weights = filters(4 * multiplier, 1, (3, 3), bias=True)

    def by_hand(values):
        padded = np.pad(values, ((0, 0), (0, 0), (1, 1), (1, 1)))
        result = np.zeros((2, 4 * multiplier, 5, 6))
        for filter_ in range(4 * multiplier):
            seen = padded[:, filter_ // multiplier]  # the one channel that the filter looks at
            for row in range(5):
                for column in range(6):
                    window = seen[:, row : row + 3, column : column + 3]
                    result[:, filter_, row, column] = (window * weights["c.weight"][filter_, 0]).sum(axis=(1, 2))
        return result + weights["c.bias"][:, None, None]

    layer = Conv2d(4 * multiplier, 3, padding=1, groups=4, name="c")
    agree(layer, noise(4, 5, 6), by_hand, weights, engine=True)


@pytest.mark.parametrize("kernel", [(3, 1), (1, 3), (1, 1)])
@pytest.mark.parametrize(("size", "stride", "pads"), [((9, 1), (3, 2), (0, 1)), ((7, 7), (1, 3), (2, 2))])
def test_a_kernel_of_one_pixel_may_have_dilation(agree, noise, kernel, size, stride, pads):
    """It has no effect, but oneDNN, which torch and OpenVINO use, crashed on it."""
    if size[1] == 1 and kernel[1] == 3:
        size, stride, pads = size[::-1], stride[::-1], pads[::-1]
    weights = filters(2, 2, kernel, bias=True)
    pads = tuple(pad if length > 1 else 0 for pad, length in zip(pads, kernel, strict=True))
    sides = tuple((pad, pad) for pad in pads)
    layer = Conv2d(2, kernel, stride, pads, dilation=2, name="c")
    agree(layer, noise(2, *size), lambda x: convolved(x, weights, sides, stride, 2, 1), weights, engine=True)


@pytest.mark.parametrize("layer", [Conv2d(3, 3, padding="same", dilation=2), Conv2d(3, 3, (1, 2), (2, 1), groups=3)])
def test_dilation_and_groups_in_openvino(agree, noise, layer):
    layer = Conv2d(3, 3, layer.stride, layer.padding, layer.dilation, layer.groups, name="c")
    weights = filters(3, 3 // layer.groups, (3, 3), bias=True)
    sides = ((2, 2), (2, 2)) if layer.padding == "same" else ((2, 2), (1, 1))
    expected = (sides, layer.stride, layer.dilation, layer.groups)
    agree(layer, noise(3, 9, 8), lambda values: convolved(values, weights, *expected), weights, engine=True)
