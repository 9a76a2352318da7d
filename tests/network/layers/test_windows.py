import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from eyebright.network import AvgPool2d, Conv2d, Input, MaxPool2d
from eyebright.network.layers.windows import beyond_image, named_padding
from eyebright.system.errors import NetworkError

SMALL = st.integers(1, 5)
PAIR = st.tuples(SMALL, SMALL)
SIZE = st.tuples(st.integers(1, 40), st.integers(1, 40))


def shape_in_torch(module: nn.Module, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(module(torch.empty(1, *shape, device="meta")).shape[1:])


@settings(max_examples=50, deadline=None)
@given(size=SIZE, kernel=PAIR, stride=PAIR, padding=st.tuples(st.integers(0, 3), st.integers(0, 3)), dilation=PAIR)
def test_convolutions_have_the_shapes_of_torch(size, kernel, stride, padding, dilation):
    spread = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    padding = tuple(min(p, s - 1) for p, s in zip(padding, spread, strict=True))
    assume(all(w + 2 * p >= s for w, p, s in zip(size, padding, spread, strict=True)))
    expected = shape_in_torch(nn.Conv2d(4, 6, kernel, stride, padding, dilation, 2, device="meta"), (4, *size))
    assert Conv2d(6, kernel, stride, padding, dilation, 2).output_shape((4, *size)) == expected


@settings(max_examples=100, deadline=None)
@given(size=SIZE, kernel=PAIR, stride=st.none() | PAIR, padding=st.tuples(SMALL, SMALL), ceil_mode=st.booleans())
@pytest.mark.parametrize(("own", "torchs"), [(MaxPool2d, nn.MaxPool2d), (AvgPool2d, nn.AvgPool2d)])
def test_pools_have_the_shapes_of_torch(own, torchs, size, kernel, stride, padding, ceil_mode):
    padding = tuple(min(pad, length // 2) for pad, length in zip(padding, kernel, strict=True))
    module = torchs(kernel, stride, padding, ceil_mode=ceil_mode)
    layer = own(kernel, stride, padding, ceil_mode=ceil_mode)
    try:
        expected = shape_in_torch(module, (3, *size))
    except RuntimeError:  # torch refuses an empty output
        with pytest.raises(NetworkError, match="is larger than its input"):
            layer.output_shape((3, *size))
    else:
        assert layer.output_shape((3, *size)) == expected


@pytest.mark.parametrize(
    ("width", "field", "padding", "stride", "length"),
    [(7, 3, 0, 1, 5), (7, 3, 0, 2, 3), (7, 3, 1, 1, 7), (227, 11, 0, 4, 55), (10, 3, 0, 3, 3), (224, 7, 3, 2, 112)],
)
def test_the_formula_of_the_course_notes(width, field, padding, stride, length):
    assert math.floor((width - field + 2 * padding) / stride + 1) == length
    assert Conv2d(96, field, stride, padding).output_shape((3, width, width)) == (96, length, length)


@pytest.mark.parametrize("make", [Conv2d, None], ids=["convolution", "pool"])
@settings(max_examples=50, deadline=None)
@given(size=SIZE, kernel=PAIR, stride=PAIR, dilation=PAIR)
def test_same_padding_follows_tensorflow(make, size, kernel, stride, dilation):
    """TensorFlow's guide: max(F - S, 0) rows where S divides W, else max(F - W mod S, 0); the smaller half first."""
    dilation = dilation if make else (1, 1)
    layer = make(1, kernel, stride, "same", dilation) if make else MaxPool2d(kernel, stride, "same")
    window = layer.window((1, *size))
    for axis in (0, 1):
        width, step, spread = size[axis], stride[axis], dilation[axis] * (kernel[axis] - 1) + 1
        along = max(spread - (width % step or step), 0)
        assert (window.before[axis], window.after[axis]) == (along // 2, along - along // 2)
        assert window.counts[axis] == math.ceil(width / step)
    assert layer.output_shape((1, *size)) == (1, *window.counts)


def test_same_padding_agrees_with_the_published_example():
    """TensorFlow's: width 13, filter 6, stride 5 is padded by 1 at the start and by 2 at the end."""
    window = MaxPool2d(6, 5, padding="same").window((1, 13, 13))
    assert (window.before, window.after, window.counts) == ((1, 1), (2, 2), (3, 3))


@pytest.mark.parametrize(("width", "before", "after"), [(224, 0, 1), (225, 1, 1)])
def test_same_padding_at_stride_2_is_uneven_on_even_sizes_only(width, before, after):
    window = Conv2d(1, 3, 2, "same").window((1, width, width))
    assert (window.before, window.after) == ((before, before), (after, after))


def test_valid_padding_is_none():
    assert Conv2d(1, 3, padding="valid").output_shape((1, 9, 9)) == Conv2d(1, 3).output_shape((1, 9, 9)) == (1, 7, 7)


def test_pairs_are_vertical_then_horizontal():
    window = Conv2d(1, (3, 5), stride=(1, 2), padding=(1, 2), dilation=(2, 1)).window((1, 9, 9))
    assert (window.kernel, window.stride, window.before, window.after) == ((5, 5), (1, 2), (1, 2), (1, 2))
    assert Conv2d(1, (3, 1), stride=(1, 2)).output_shape((1, 9, 9)) == (1, 7, 5)


@pytest.mark.parametrize(
    ("width", "kernel", "stride", "padding", "count", "beyond"),
    [
        (6, 3, 2, 0, 3, 1),  # 0-2, 2-4, and 4-6, of which 6 is beyond
        (7, 3, 2, 0, 3, 0),
        (2, 3, 2, 0, 1, 1),  # smaller than its kernel
        (5, 2, 3, 1, 2, 0),  # -1-0 and 2-3; a third would start in the padding
        (4, 3, 3, 1, 2, 0),
    ],
)
def test_with_ceil_mode_a_last_window_may_reach_beyond_if_it_starts_inside_the_image(
    width, kernel, stride, padding, count, beyond
):
    window = MaxPool2d(kernel, stride, padding, ceil_mode=True).window((1, width, width))
    assert (window.counts, window.beyond) == ((count, count), (beyond, beyond))


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (Conv2d(4, 9), (3, 8, 8), "the kernel of 9 x 9 is larger than its input of 8 x 8.*smaller kernel"),
        (Conv2d(4, 3, dilation=4), (3, 8, 8), "kernel of 9 x 9 is larger than its input of 8 x 8"),
        (Conv2d(4, (1, 9)), (3, 8, 8), "kernel of 1 x 9"),
        (Conv2d(4, 9, padding=1, stride=3), (3, 6, 9), "9 x 9 is larger than its input of 8 x 11 .with padding"),
        (MaxPool2d(4, padding=1), (3, 1, 8), "kernel of 4 x 4 is larger than its input of 3 x 10"),
        (MaxPool2d(3, 2, ceil_mode=True), (3, 1, 8), "kernel of 3 x 3 is larger than its input of 1 x 8"),
        (AvgPool2d(7), (3, 6, 6), "kernel of 7 x 7 is larger than its input of 6 x 6"),
        (Conv2d(4, 1), (3,), r"expected an image .*got \(3,\)"),
        (MaxPool2d(1), (3,), r"expected an image .*got \(3,\)"),
        (AvgPool2d(1), (3,), r"expected an image .*got \(3,\)"),
    ],
)
def test_a_window_larger_than_its_input_is_refused(layer, shape, message):
    with pytest.raises(NetworkError, match=f"^{type(layer).__name__}, after Input: .*{message}"):
        layer(Input(shape)())


@settings(max_examples=50, deadline=None)
@given(size=SIZE, kernel=PAIR, stride=PAIR, pads=st.tuples(st.integers(0, 2), st.integers(0, 2)))
def test_padding_has_the_name_by_which_tensorflow_makes_the_same_windows(size, kernel, stride, pads):
    """Expected: the first and last pixels of each window, from TensorFlow's guide to padding."""
    pads = tuple(min(pad, length // 2) for pad, length in zip(pads, kernel, strict=True))
    assume(all(w + 2 * p >= k for w, k, p in zip(size, kernel, pads, strict=True)))
    window = MaxPool2d(kernel, stride, pads).window((3, *size))

    def firsts(width, length, step, named):
        if named == "valid":
            return list(range(0, width - length + 1, step))
        total = max(length - step, 0) if width % step == 0 else max(length - width % step, 0)
        return [start - total // 2 for start in range(0, width, step)]

    sides = list(zip(size, kernel, stride, strict=True))
    ours = [
        [at * step - before for at in range(count)]
        for step, before, count in zip(stride, window.before, window.counts, strict=True)
    ]
    names = [named for named in ("valid", "same") if [firsts(*side, named) for side in sides] == ours]
    assert named_padding(window, (3, *size)) == (names[0] if names else None)
    ends = [starts[-1] + length - width for starts, (width, length, _) in zip(ours, sides, strict=True)]
    assert list(beyond_image(window, (3, *size))) == ends
