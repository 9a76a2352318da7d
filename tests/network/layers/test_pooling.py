import math

import numpy as np
import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from eyebright.network import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    AvgPool2d,
    GlobalAvgPool2d,
    GlobalMaxPool2d,
    Input,
    MaxPool2d,
)
from eyebright.network.layers.pooling import counted_shares, shares_of_bins
from eyebright.system.errors import NetworkError

WIDE_PAIR = st.tuples(st.integers(1, 20), st.integers(1, 20))

POOLS = [MaxPool2d(2), AvgPool2d(2), AdaptiveAvgPool2d(2), AdaptiveMaxPool2d(2), GlobalAvgPool2d(), GlobalMaxPool2d()]


@pytest.mark.parametrize("kind", [MaxPool2d, AvgPool2d])
def test_the_default_stride_is_the_kernel_size(kind):
    assert kind((2, 3)).output_shape((5, 8, 9)) == (5, 4, 3)
    assert kind((2, 3)).window((5, 8, 9)).stride == (2, 3)


@settings(max_examples=25, deadline=None)
@given(size=WIDE_PAIR, output_size=st.integers(1, 20) | WIDE_PAIR)
@pytest.mark.parametrize(
    ("own", "torchs"), [(AdaptiveAvgPool2d, nn.AdaptiveAvgPool2d), (AdaptiveMaxPool2d, nn.AdaptiveMaxPool2d)]
)
def test_adaptive_pools_have_the_shape_that_torch_gives(own, torchs, size, output_size):
    expected = torchs(output_size)(torch.empty(1, 3, *size, device="meta")).shape[1:]
    assert own(output_size).output_shape((3, *size)) == tuple(expected)


@pytest.mark.parametrize("layer", [GlobalAvgPool2d(), GlobalMaxPool2d()])
def test_a_global_pool_leaves_one_value_for_each_channel(layer):
    assert layer.output_shape((5, 8, 9)) == (5,)


@pytest.mark.parametrize("layer", POOLS)
def test_pools_have_no_parameters_and_no_multiply_adds(layer):
    assert (layer.parameters((3, 8, 8)), layer.buffers((3, 8, 8)), layer.multiply_adds((3, 8, 8))) == ({}, {}, 0)


@pytest.mark.parametrize("layer", POOLS)
def test_vectors_are_refused(layer):
    with pytest.raises(NetworkError, match=r"expected an image \(channels, height, width\), got \(3,\)"):
        layer(Input((3,))())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MaxPool2d(0), "kernel_size must be from 1"),
        (lambda: MaxPool2d(2, 0), "stride must be from 1"),
        (lambda: MaxPool2d(-2), "kernel_size must be from 1 .*got -2"),
        (
            lambda: MaxPool2d((3, 2), padding=(1, 2)),
            r"half of the kernel, here at most 1 x 1, got \(1, 2\)",
        ),
        (lambda: MaxPool2d(3, padding=-1), "padding must be at least 0"),
        (lambda: MaxPool2d(3, ceil_mode=1), "ceil_mode.*bool"),
        (lambda: AvgPool2d(0), "kernel_size must be from 1"),
        (lambda: AvgPool2d(2, (1, 0)), "stride must be from 1"),
        (lambda: AvgPool2d(2, padding=2), "padding must be at most half of the kernel, here at most 1 x 1, got 2"),
        (lambda: AdaptiveAvgPool2d(0), "output_size must be from 1"),
        (lambda: AdaptiveMaxPool2d((1, -1)), r"output_size must be from 1.*\(1, -1\)"),
        (lambda: AdaptiveMaxPool2d(2.0), "output_size.*float"),
    ],
)
def test_invalid_settings_are_refused(make, message):
    with pytest.raises(NetworkError, match=message):
        make()


PAIR = st.tuples(st.integers(1, 4), st.integers(1, 4))

SIZE = st.tuples(st.integers(1, 9), st.integers(1, 9))

PADDING = st.sampled_from(["same", "valid"]) | st.integers(0, 2) | st.tuples(st.integers(0, 2), st.integers(0, 2))

KINDS = ["max", "mean with zeros", "mean of the image"]


def as_pads(padding) -> tuple[int, int]:
    return padding if isinstance(padding, tuple) else (0 if isinstance(padding, str) else padding,) * 2


def pooled(values, kernel, stride, sides, count, reduce):
    """By loops: `reduce` of the values inside the image in each window, and of the area of image and padding in it."""
    height, width = values.shape[2:]
    result = np.zeros((*values.shape[:2], *count))
    for row in range(count[0]):
        for column in range(count[1]):
            top, left = row * stride[0] - sides[0][0], column * stride[1] - sides[1][0]
            bottom, right = top + kernel[0], left + kernel[1]
            present = values[:, :, max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)]
            padded = (min(bottom, height + sides[0][1]) - top) * (min(right, width + sides[1][1]) - left)
            result[:, :, row, column] = reduce(present, padded)
    return result


def count_of(size, kernel, stride, padding, ceil_mode):
    """Height and width as TensorFlow says for "same", otherwise as torch says; None where nothing would be left."""
    if padding == "same":
        return tuple(math.ceil(length / step) for length, step in zip(size, stride, strict=True))
    module = torch.nn.MaxPool2d(kernel, stride, as_pads(padding), ceil_mode=ceil_mode)
    try:
        return tuple(module(torch.empty(1, 1, *size, device="meta")).shape[2:])
    except RuntimeError:
        return None


def check_pool(agree, pictures, same_sides, kernel, stride, padding, ceil_mode, count, kind, **options):
    """Asserts that a pool gives the maximum, or one of two means, of each window."""
    step = stride or kernel
    pads = as_pads(padding)
    sides = same_sides(pictures.shape[1:3], kernel, step) if padding == "same" else ((pads[0],) * 2, (pads[1],) * 2)
    settings_ = (kernel, stride, padding, ceil_mode)
    layer, reduce = {
        "max": (MaxPool2d(*settings_), lambda values, _: values.max(axis=(2, 3))),
        "mean with zeros": (AvgPool2d(*settings_), lambda values, area: values.sum(axis=(2, 3)) / area),
        "mean of the image": (AvgPool2d(*settings_, count_include_pad=False), lambda x, _: x.mean(axis=(2, 3))),
    }[kind]
    agree(layer, pictures, lambda values: pooled(values, kernel, step, sides, count, reduce), **options)


@settings(max_examples=40, deadline=None)
@given(
    size=SIZE,
    kernel=PAIR,
    stride=st.none() | PAIR,
    padding=PADDING,
    ceil_mode=st.booleans(),
    kind=st.sampled_from(KINDS),
)
@example(size=(3, 4), kernel=(2, 2), stride=(1, 1), padding="same", ceil_mode=False, kind="max")
def test_pools_agree_with_loops(agree, noise, same_sides, size, kernel, stride, padding, ceil_mode, kind):
    assume(all(2 * pad <= length for pad, length in zip(as_pads(padding), kernel, strict=True)))
    count = count_of(size, kernel, stride or kernel, padding, ceil_mode)
    assume(count is not None)
    check_pool(agree, noise(2, *size), same_sides, kernel, stride, padding, ceil_mode, count, kind, engine=True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("padding", "ceil_mode", "count"),
    [
        (0, False, (2, 3)),
        (0, True, (3, 3)),  # a third row of windows hangs out; columns fit
        (1, False, (3, 4)),
        (1, True, (4, 4)),
        ("same", False, (3, 4)),
        ("same", True, (3, 4)),
    ],
)
def test_pools_in_openvino(agree, noise, same_sides, padding, ceil_mode, count, kind):
    check_pool(agree, noise(2, 6, 7), same_sides, (3, 3), (2, 2), padding, ceil_mode, count, kind, engine=True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("size", "kernel", "stride"), [((2, 2), (3, 3), (2, 2)), ((1, 2), (2, 4), (2, 4))])
def test_with_ceil_mode_an_image_may_be_smaller_than_the_kernel(agree, noise, same_sides, kind, size, kernel, stride):
    check_pool(agree, noise(2, *size), same_sides, kernel, stride, 0, True, (1, 1), kind, engine=True)


@settings(max_examples=50, deadline=None)
@given(size=SIZE, kernel=PAIR, stride=PAIR, padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
       ceil_mode=st.booleans(), count_include_pad=st.booleans())  # fmt: skip
def test_means_agree_with_the_function_of_torch_in_float64(
    agree, noise, size, kernel, stride, padding, ceil_mode, count_include_pad
):
    assume(all(2 * pad <= length for pad, length in zip(padding, kernel, strict=True)))
    assume(count_of(size, kernel, stride, padding, ceil_mode) is not None)
    arguments = (kernel, stride, padding, ceil_mode, count_include_pad)
    agree(
        AvgPool2d(*arguments),
        noise(2, *size),
        lambda values: functional.avg_pool2d(torch.tensor(values), *arguments).numpy(),
    )


@settings(max_examples=40, deadline=None)
@given(size=SIZE, output_size=st.integers(1, 12) | st.tuples(st.integers(1, 12), st.integers(1, 12)))
@example(size=(7, 9), output_size=(3, 4))  # sizes that do not divide
@example(size=(1, 2), output_size=7)  # larger than the picture
@pytest.mark.parametrize(
    ("kind", "function"),
    [(AdaptiveAvgPool2d, functional.adaptive_avg_pool2d), (AdaptiveMaxPool2d, functional.adaptive_max_pool2d)],
)
def test_adaptive_pools_agree_with_the_functions_of_torch_in_float64(agree, noise, kind, function, size, output_size):
    agree(kind(output_size), noise(2, *size), lambda values: function(torch.tensor(values), output_size).numpy())


@pytest.mark.parametrize(("kind", "reduce"), [(AdaptiveAvgPool2d, np.mean), (AdaptiveMaxPool2d, np.max)])
@pytest.mark.parametrize(
    ("size", "output_size"), [((6, 8), (3, 2)), ((7, 9), (3, 4)), ((2, 3), (5, 7)), ((5, 5), (1, 1))]
)
def test_bins_of_an_adaptive_pool_agree_with_loops(agree, noise, kind, reduce, size, output_size):
    def spans(length, count):
        """From floor(i L / n) to ceil((i + 1) L / n), so that neighbours overlap where n does not divide L."""
        return [(math.floor(i * length / count), math.ceil((i + 1) * length / count)) for i in range(count)]

    def by_hand(values):
        rows, columns = (spans(*lengths) for lengths in zip(size, output_size, strict=True))
        parts = [[reduce(values[:, :, top:bottom, left:right], axis=(2, 3)) for left, right in columns]
                 for top, bottom in rows]  # fmt: skip
        return np.array(parts).transpose(2, 3, 0, 1)

    agree(kind(output_size), noise(3, *size), by_hand, engine=True)


@pytest.mark.parametrize(
    ("layer", "reduce"), [(GlobalAvgPool2d(), np.mean), (GlobalMaxPool2d(), np.max)], ids=["mean", "max"]
)
@pytest.mark.parametrize("size", [(7, 5), (1, 1)])
def test_global_pools_leave_one_value_for_each_channel(agree, noise, layer, reduce, size):
    agree(layer, noise(3, *size), lambda values: reduce(values, axis=(2, 3)), engine=True)


@pytest.mark.parametrize(("padding", "ceil_mode"), [(0, True), (1, False), (1, True)])
def test_the_shares_of_windows_are_those_of_torch(padding, ceil_mode):
    layer = AvgPool2d(3, 2, padding, ceil_mode)
    found = counted_shares(layer.window((1, 8, 7)), (1, 8, 7), count_include_pad=False)
    ones = torch.ones(1, 1, 8, 7)
    expected = functional.avg_pool2d(ones, 3, 2, padding, ceil_mode, divisor_override=9)
    np.testing.assert_allclose(found, expected[0, 0], rtol=1e-6)
    means = functional.avg_pool2d(ones, 3, 2, padding, ceil_mode, count_include_pad=True)
    padded = counted_shares(layer.window((1, 8, 7)), (1, 8, 7), count_include_pad=True)
    np.testing.assert_allclose(found / padded, means[0, 0], rtol=1e-6)


@pytest.mark.parametrize(("length", "count"), [(7, 3), (6, 3), (2, 5)])
def test_the_shares_of_bins_are_those_of_torch(length, count):
    expected = functional.adaptive_avg_pool1d(torch.eye(length), count).T
    np.testing.assert_allclose(shares_of_bins(length, count), expected, rtol=1e-6)
