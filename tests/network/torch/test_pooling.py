import math

import numpy as np
import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from torch.nn import functional

from eyebright.network import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    AvgPool2d,
    GlobalAvgPool2d,
    GlobalMaxPool2d,
    MaxPool2d,
)

PAIR = st.tuples(st.integers(1, 4), st.integers(1, 4))
SIZE = st.tuples(st.integers(1, 9), st.integers(1, 9))
PADDING = st.sampled_from(["same", "valid"]) | st.integers(0, 2) | st.tuples(st.integers(0, 2), st.integers(0, 2))
KINDS = ["max", "mean with zeros", "mean of the picture"]


def as_pads(padding) -> tuple[int, int]:
    return padding if isinstance(padding, tuple) else (0 if isinstance(padding, str) else padding,) * 2


def pooled(values, kernel, stride, sides, count, reduce):
    """Written out: `reduce` of what lies on the picture in each window, and of how much of it lies on the padding."""
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


def written_out(agree, pictures, same_sides, kernel, stride, padding, ceil_mode, count, kind, **options):
    """Asserts that a pool gives the greatest value, or one of two means, of each window."""
    step = stride or kernel
    pads = as_pads(padding)
    sides = same_sides(pictures.shape[1:3], kernel, step) if padding == "same" else ((pads[0],) * 2, (pads[1],) * 2)
    settings_ = (kernel, stride, padding, ceil_mode)
    layer, reduce = {
        "max": (MaxPool2d(*settings_), lambda values, _: values.max(axis=(2, 3))),
        "mean with zeros": (AvgPool2d(*settings_), lambda values, area: values.sum(axis=(2, 3)) / area),
        "mean of the picture": (AvgPool2d(*settings_, count_include_pad=False), lambda x, _: x.mean(axis=(2, 3))),
    }[kind]
    agree(layer, pictures, lambda values: pooled(values, kernel, step, sides, count, reduce), **options)


@settings(max_examples=100, deadline=None)
@given(
    size=SIZE,
    kernel=PAIR,
    stride=st.none() | PAIR,
    padding=PADDING,
    ceil_mode=st.booleans(),
    kind=st.sampled_from(KINDS),
)
@example(size=(3, 4), kernel=(2, 2), stride=(1, 1), padding="same", ceil_mode=False, kind="max")
def test_pools_are_what_is_written_out(agree, noise, same_sides, size, kernel, stride, padding, ceil_mode, kind):
    assume(all(2 * pad <= length for pad, length in zip(as_pads(padding), kernel, strict=True)))
    count = count_of(size, kernel, stride or kernel, padding, ceil_mode)
    assume(count is not None)
    written_out(agree, noise(2, *size), same_sides, kernel, stride, padding, ceil_mode, count, kind, engine=True)


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
def test_openvino_pools_alike(agree, noise, same_sides, padding, ceil_mode, count, kind):
    written_out(agree, noise(2, 6, 7), same_sides, (3, 3), (2, 2), padding, ceil_mode, count, kind, engine=True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("size", "kernel", "stride"), [((2, 2), (3, 3), (2, 2)), ((1, 2), (2, 4), (2, 4))])
def test_in_ceil_mode_a_picture_may_be_smaller_than_the_kernel(agree, noise, same_sides, kind, size, kernel, stride):
    written_out(agree, noise(2, *size), same_sides, kernel, stride, 0, True, (1, 1), kind, engine=True)


@settings(max_examples=50, deadline=None)
@given(size=SIZE, kernel=PAIR, stride=PAIR, padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
       ceil_mode=st.booleans(), count_include_pad=st.booleans())  # fmt: skip
def test_means_are_torchs_function_in_float64(
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
def test_adaptive_pools_are_torchs_functions_in_float64(agree, noise, kind, function, size, output_size):
    agree(kind(output_size), noise(2, *size), lambda values: function(torch.tensor(values), output_size).numpy())


@pytest.mark.parametrize(("kind", "reduce"), [(AdaptiveAvgPool2d, np.mean), (AdaptiveMaxPool2d, np.max)])
@pytest.mark.parametrize(
    ("size", "output_size"), [((6, 8), (3, 2)), ((7, 9), (3, 4)), ((2, 3), (5, 7)), ((5, 5), (1, 1))]
)
def test_parts_of_an_adaptive_pool_are_written_out(agree, noise, kind, reduce, size, output_size):
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
