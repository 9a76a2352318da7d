import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from eyebright.network import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    AvgPool2d,
    GlobalAvgPool2d,
    GlobalMaxPool2d,
    Input,
    MaxPool2d,
)
from eyebright.system.errors import NetworkError

PAIR = st.tuples(st.integers(1, 20), st.integers(1, 20))
POOLS = [MaxPool2d(2), AvgPool2d(2), AdaptiveAvgPool2d(2), AdaptiveMaxPool2d(2), GlobalAvgPool2d(), GlobalMaxPool2d()]


@pytest.mark.parametrize("kind", [MaxPool2d, AvgPool2d])
def test_a_pool_strides_by_its_kernel(kind):
    assert kind((2, 3)).output_shape((5, 8, 9)) == (5, 4, 3)
    assert kind((2, 3)).window((5, 8, 9)).stride == (2, 3)


@settings(max_examples=25, deadline=None)
@given(size=PAIR, output_size=st.integers(1, 20) | PAIR)
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
def test_pools_learn_nothing_and_multiply_nothing(layer):
    assert (layer.parameters((3, 8, 8)), layer.buffers((3, 8, 8)), layer.multiply_adds((3, 8, 8))) == ({}, {}, 0)


@pytest.mark.parametrize("layer", POOLS)
def test_vectors_are_refused(layer):
    with pytest.raises(NetworkError, match=r"expected pictures \(channels, height, width\), got \(3,\)"):
        layer(Input((3,))())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MaxPool2d(0), "kernel_size must be above 0"),
        (lambda: MaxPool2d(2, 0), "stride must be above 0"),
        (lambda: MaxPool2d(-2), "kernel_size must be above 0.*got -2"),
        (lambda: MaxPool2d((3, 2), padding=(1, 2)), r"padding \(1, 2\) is more than half of the kernel: at most 1 x 1"),
        (lambda: MaxPool2d(3, padding=-1), "padding must be 0 or more"),
        (lambda: MaxPool2d(3, ceil_mode=1), "ceil_mode.*bool"),
        (lambda: AvgPool2d(0), "kernel_size must be above 0"),
        (lambda: AvgPool2d(2, (1, 0)), "stride must be above 0"),
        (lambda: AvgPool2d(2, padding=2), "padding 2 is more than half of the kernel: at most 1 x 1"),
        (lambda: AdaptiveAvgPool2d(0), "output_size must be above 0"),
        (lambda: AdaptiveMaxPool2d((1, -1)), r"output_size must be above 0.*\(1, -1\)"),
        (lambda: AdaptiveMaxPool2d(2.0), "output_size.*float"),
    ],
)
def test_settings_that_cannot_be_are_refused(make, message):
    with pytest.raises(NetworkError, match=message):
        make()
