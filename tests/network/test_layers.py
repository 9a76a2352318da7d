import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from eyebright.errors import NetworkError
from eyebright.network import Add, Conv2d, Dropout, Flatten, Input, Linear, MaxPool2d, Network, Normalize, ReLU
from eyebright.network.layers import padding_sides

SMALL = st.integers(1, 5)
PAIR = st.tuples(SMALL, SMALL)
SIZE = st.tuples(st.integers(1, 40), st.integers(1, 40))


def shape_in_torch(module: nn.Module, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(module(torch.empty(1, *shape, device="meta")).shape[1:])


@settings(max_examples=50, deadline=None)
@given(size=SIZE, kernel=PAIR, stride=PAIR, padding=st.tuples(st.integers(0, 3), st.integers(0, 3)), dilation=PAIR)
def test_convolutions_have_the_shape_that_torch_gives(size, kernel, stride, padding, dilation):
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    assume(all(w + 2 * p >= r for w, p, r in zip(size, padding, reach, strict=True)))
    expected = shape_in_torch(nn.Conv2d(4, 6, kernel, stride, padding, dilation, 2, device="meta"), (4, *size))
    assert Conv2d(6, kernel, stride, padding, dilation, 2).output_shape((4, *size)) == expected


@settings(max_examples=50, deadline=None)
@given(size=SIZE, kernel=PAIR, stride=st.none() | PAIR, halved=st.booleans())
def test_pools_have_the_shape_that_torch_gives(size, kernel, stride, halved):
    padding = (kernel[0] // 2, kernel[1] // 2) if halved else (0, 0)
    assume(all(w + 2 * p >= k for w, p, k in zip(size, padding, kernel, strict=True)))
    expected = shape_in_torch(nn.MaxPool2d(kernel, stride, padding), (3, *size))
    assert MaxPool2d(kernel, stride, padding).output_shape((3, *size)) == expected


@pytest.mark.parametrize(
    ("width", "field", "padding", "stride", "length"),
    [(7, 3, 0, 1, 5), (7, 3, 0, 2, 3), (7, 3, 1, 1, 7), (227, 11, 0, 4, 55), (10, 3, 0, 3, 3), (224, 7, 3, 2, 112)],
)
def test_the_formula_of_the_course_notes(width, field, padding, stride, length):
    assert math.floor((width - field + 2 * padding) / stride + 1) == length
    assert Conv2d(96, field, stride, padding).output_shape((3, width, width)) == (96, length, length)


@settings(max_examples=50, deadline=None)
@given(size=SIZE, kernel=PAIR, stride=PAIR, dilation=PAIR)
def test_same_padding_follows_tensorflow(size, kernel, stride, dilation):
    layer = Conv2d(1, kernel, stride, padding="same", dilation=dilation)
    out = tuple(-(-length // step) for length, step in zip(size, stride, strict=True))
    assert layer.output_shape((1, *size)) == (1, *out)
    top, left, bottom, right = padding_sides(layer, (1, *size))
    for before, after, axis in ((top, bottom, 0), (left, right, 1)):
        reach = (kernel[axis] - 1) * dilation[axis] + 1
        along = max((out[axis] - 1) * stride[axis] + reach - size[axis], 0)
        assert before + after == along
        assert after - before == along % 2


def test_same_padding_gives_the_published_example():
    """TensorFlow's: width 13, filter 6, stride 5 is padded by 1 at the start and by 2 at the end."""
    assert padding_sides(MaxPool2d(6, 5, padding="same"), (1, 13, 13)) == (1, 1, 2, 2)


def test_valid_padding_is_none():
    assert Conv2d(1, 3, padding="valid").output_shape((1, 9, 9)) == Conv2d(1, 3).output_shape((1, 9, 9)) == (1, 7, 7)


def test_pairs_are_vertical_then_horizontal():
    assert padding_sides(Conv2d(1, 3, padding=(1, 2)), (1, 9, 9)) == (1, 2, 1, 2)
    assert Conv2d(1, (3, 1), stride=(1, 2)).output_shape((1, 9, 9)) == (1, 7, 5)


def test_a_pool_strides_by_its_kernel():
    assert MaxPool2d((2, 3)).output_shape((5, 8, 9)) == (5, 4, 3)


@pytest.mark.parametrize("layer", [ReLU(), Dropout(), Normalize()])
def test_pointwise_layers_keep_the_shape(layer):
    assert layer.output_shape((3, 5, 7)) == (3, 5, 7) and layer.parameters((3, 5, 7)) == {}


def test_flatten_counts_all_values():
    assert Flatten().output_shape((3, 5, 7)) == (105,)


@pytest.mark.parametrize(
    ("layer", "module", "shape"),
    [
        (Conv2d(6, (3, 5), groups=2), nn.Conv2d(4, 6, (3, 5), groups=2), (4, 9, 9)),
        (Conv2d(6, 1, bias=False), nn.Conv2d(4, 6, 1, bias=False), (4, 9, 9)),
        (Linear(6), nn.Linear(4, 6), (4,)),
        (Linear(6, bias=False), nn.Linear(4, 6, bias=False), (4,)),
    ],
)
def test_parameters_are_named_and_shaped_as_in_torch(layer, module, shape):
    expected = {name: tuple(tensor.shape) for name, tensor in module.named_parameters()}
    assert {name: parameter.shape for name, parameter in layer.parameters(shape).items()} == expected


@pytest.mark.parametrize(
    ("layer", "shape"), [(Conv2d(6, (3, 5)), (4, 9, 9)), (Conv2d(6, 1), (4, 9, 9)), (Linear(6), (4,))]
)
def test_fans_are_those_of_torch(layer, shape):
    weight = layer.parameters(shape)["weight"]
    expected = nn.init._calculate_fan_in_and_fan_out(torch.empty(weight.shape, device="meta"))
    assert (weight.fan_in, weight.fan_out) == expected


def test_fans_of_a_grouped_convolution_count_one_group():
    weight = Conv2d(6, 3, groups=2).parameters((4, 9, 9))["weight"]
    assert (weight.fan_in, weight.fan_out) == (2 * 9, 3 * 9)


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
    ("make", "message"),
    [
        (lambda: Input((3, 8)), r"shape must be .*got \(3, 8\)"),
        (lambda: Input((3, 0, 8)), "1 to 65536"),
        (lambda: Input((3, 8, 65_537)), "65537"),
        (lambda: Normalize(std=0.0), "std must be above 0.*got 0.0"),
        (lambda: Normalize(std=(1.0, -1.0, 1.0)), "std must be above 0"),
        (lambda: Normalize(mean=math.nan), "mean must be finite, got nan"),
        (lambda: Normalize(std=math.inf), "finite, got inf"),
        (lambda: Conv2d(0, 3), "out_channels must be above 0.*got 0"),
        (lambda: Conv2d(4, (3, 0)), r"kernel_size must be above 0.*\(3, 0\)"),
        (lambda: Conv2d(4, 3, stride=-1), "stride must be above 0"),
        (lambda: Conv2d(4, 3, dilation=0), "dilation must be above 0"),
        (lambda: Conv2d(4, 3, padding=-1), "padding must be 0 or more, 'same' or 'valid', got -1"),
        (lambda: Conv2d(4, 3, groups=3), "out_channels 4 .*3 groups"),
        (lambda: Conv2d(10**9, 3), "at most a million"),
        (lambda: MaxPool2d(0), "kernel_size must be above 0"),
        (lambda: MaxPool2d(2, 0), "stride must be above 0"),
        (lambda: MaxPool2d((3, 2), padding=(1, 2)), "more than half of the kernel"),
        (lambda: Linear(0), "out_features must be above 0"),
        (lambda: Dropout(1.0), "p must be at least 0 and below 1, got 1.0"),
        (lambda: Dropout(math.nan), "got nan"),
    ],
)
def test_settings_out_of_range_are_refused(make, message):
    with pytest.raises(NetworkError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conv2d(4, 3, padding="SAME"), "padding.*SAME"),
        (lambda: Conv2d(4, 3, initializer="he"), "initializer.*'he'"),
        (lambda: Conv2d("4", 3), "out_channels.*int"),
        (lambda: Conv2d(4, 3.5), "kernel_size.*float"),
        (lambda: Conv2d(4, (3, 3, 3)), "kernel_size"),
        (lambda: Linear(2.0), "out_features.*float"),
        (lambda: Input(28), "shape"),
    ],
)
def test_settings_of_a_wrong_type_are_refused_as_in_json(make, message):
    with pytest.raises(NetworkError, match=message):
        make()


@pytest.mark.parametrize(
    ("layer", "shapes", "message"),
    [
        (Conv2d(4, 9), [(3, 8, 8)], r"Conv2d: its kernel of 9x9 is larger than its input of 8x8.*smaller kernel"),
        (Conv2d(4, 3, dilation=4), [(3, 8, 8)], "kernel of 9x9 is larger than its input of 8x8"),
        (Conv2d(4, (1, 9)), [(3, 8, 8)], "kernel of 1x9"),
        (MaxPool2d(4, padding=1), [(3, 1, 8)], "kernel of 4x4 is larger than its input of 3x10"),
        (Conv2d(4, 3, groups=2), [(3, 8, 8)], "3 channels cannot be shared among 2 groups"),
        (Conv2d(4, 1), [(3,)], r"Conv2d: expected pictures .*got \(3,\)"),
        (MaxPool2d(1), [(3,)], r"expected pictures .*got \(3,\)"),
        (Linear(4), [(3, 8, 8)], r"expected a vector .*\(3, 8, 8\); put a Flatten before it"),
        (Normalize(mean=(1.0, 2.0)), [(3, 8, 8)], "mean has 2 values, but its input has 3 channels"),
        (Normalize(std=(1.0, 2.0)), [(3,)], "std has 2 values"),
        (Add(name="sum"), [(3, 8, 8), (3, 8, 7)], r"Add 'sum': .*one shape, got \(3, 8, 8\) and \(3, 8, 7\)"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(layer, shapes, message):
    nodes = [Input(shape)() for shape in shapes]
    with pytest.raises(NetworkError, match=message):
        layer(*nodes)
