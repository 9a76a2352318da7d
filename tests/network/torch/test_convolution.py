import numpy as np
import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from torch.nn import functional

from eyebright.network import Conv2d, Input, Network
from eyebright.network.torch import TorchNetwork

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


@settings(max_examples=50, deadline=None)
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
def test_convolutions_are_torchs_function_in_float64(
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
def test_same_padding_at_stride_2_is_tensorflows_on_even_and_odd_sizes(agree, noise, same_sides, size, kernel):
    weights = filters(2, 3, kernel, bias=True)
    sides = same_sides(size, kernel, (2, 2))
    layer = Conv2d(2, kernel, 2, "same", name="c")
    agree(layer, noise(3, *size), lambda x: convolved(x, weights, sides, 2, 1, 1), weights, engine=kernel == (3, 3))


@pytest.mark.parametrize("multiplier", [1, 2])
def test_a_depthwise_convolution_is_written_out(agree, noise, multiplier):
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
def test_a_kernel_of_one_pixel_may_be_told_to_spread(agree, noise, kernel, size, stride, pads):
    """It has nothing to spread. oneDNN, below torch and OpenVINO, used to fall over where that was asked of it."""
    if size[1] == 1 and kernel[1] == 3:
        size, stride, pads = size[::-1], stride[::-1], pads[::-1]
    weights = filters(2, 2, kernel, bias=True)
    pads = tuple(pad if length > 1 else 0 for pad, length in zip(pads, kernel, strict=True))
    sides = tuple((pad, pad) for pad in pads)
    layer = Conv2d(2, kernel, stride, pads, dilation=2, name="c")
    agree(layer, noise(2, *size), lambda x: convolved(x, weights, sides, stride, 2, 1), weights, engine=True)


@pytest.mark.parametrize("layer", [Conv2d(3, 3, padding="same", dilation=2), Conv2d(3, 3, (1, 2), (2, 1), groups=3)])
def test_openvino_dilates_and_groups_alike(agree, noise, layer):
    layer = Conv2d(3, 3, layer.stride, layer.padding, layer.dilation, layer.groups, name="c")
    weights = filters(3, 3 // layer.groups, (3, 3), bias=True)
    sides = ((2, 2), (2, 2)) if layer.padding == "same" else ((2, 2), (1, 1))
    expected = (sides, layer.stride, layer.dilation, layer.groups)
    agree(layer, noise(3, 9, 8), lambda values: convolved(values, weights, *expected), weights, engine=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("channels", "groups"), [(1, 1), (4, 4), (16, 16)])
@pytest.mark.parametrize(("kernel", "stride", "width"), [((1, 3), (1, 3), 5), ((2, 4), (1, 2), 5), ((3, 5), (1, 4), 6)])
def test_a_kernel_with_one_place_across_reads_the_picture_only(dtype, channels, groups, kernel, stride, width):
    """oneDNN read beyond it: in bfloat16 also where each of several channels has two kernels of its own."""
    random = np.random.default_rng(9)
    network = Network.sequential(
        Input((channels, 12, width)), Conv2d(2 * channels, kernel, stride, groups=groups, bias=False, name="c")
    )
    weights = {"c.weight": random.standard_normal((2 * channels, 1, *kernel)).astype(np.float32)}
    module = TorchNetwork(network, weights).eval()
    for _ in range(5):
        values = torch.tensor(random.standard_normal((2, 12, width, channels)), dtype=torch.float32).permute(0, 3, 1, 2)
        exact = [tensor.to(dtype).double() for tensor in (values, torch.tensor(weights["c.weight"]))]
        expected = functional.conv2d(*exact, stride=stride, groups=groups)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            found = module(values).double()
        tolerance = 0.03 if dtype == torch.bfloat16 else 1e-5
        torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)
