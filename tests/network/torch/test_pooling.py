import pytest
import torch

from eyebright.network import AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, Input, MaxPool2d, Network
from eyebright.network.torch import to_torch


@pytest.mark.parametrize("padding", [1, "same"])
@pytest.mark.parametrize(
    ("kind", "options"), [(MaxPool2d, {}), (AvgPool2d, {"count_include_pad": False})], ids=["maximum", "mean"]
)
def test_padding_does_not_count_beside_negative_values(kind, options, padding):
    """A pool of an image of -3 is -3 everywhere, with even padding and with padding at the bottom and right."""
    layer = kind(3, 2, padding, **options)
    place = Network.sequential(Input((2, 6, 6)), layer).places[f"{layer.stem}_1"]
    result = to_torch(place.layer, place)(torch.full((1, 2, 6, 6), -3.0))
    assert result.shape == (1, 2, 3, 3) and torch.equal(result, torch.full_like(result, -3.0))


def assert_the_same(module, other, samples: torch.Tensor) -> None:
    """Two functions of images have the same values and the same gradients."""
    first, second = samples.clone().requires_grad_(), samples.clone().requires_grad_()
    expected, found = module(first), other(second)
    torch.testing.assert_close(found, expected)
    weights = torch.randn(expected.shape, generator=torch.Generator().manual_seed(1))
    for values in (expected, found):
        (values * weights).sum().backward()
    torch.testing.assert_close(second.grad, first.grad)


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "ceil_mode"),
    [(3, (2, 1), 1, True), (3, 2, 1, False), ((3, 2), 2, (1, 0), True), (3, 2, "same", False), (2, 3, 0, False),
     (3, 3, 0, True)],
)  # fmt: skip
def test_a_mean_is_a_sum_by_a_convolution_as_on_a_gpu(kernel, stride, padding, ceil_mode, counted):
    layer = AvgPool2d(kernel, stride, padding, ceil_mode=ceil_mode, count_include_pad=counted)
    place = Network.sequential(Input((4, 9, 8)), layer).places["avg_pool_1"]
    pool = to_torch(place.layer, place)
    samples = torch.randn(2, 4, 9, 8, generator=torch.Generator().manual_seed(0))
    assert_the_same(pool, lambda values: pool._sums(values) * pool.scale, samples)


@pytest.mark.parametrize("kind", [AdaptiveAvgPool2d, AdaptiveMaxPool2d])
def test_an_adaptive_pool_goes_along_one_side_then_the_other_as_on_a_gpu(kind):
    place = Network.sequential(Input((4, 9, 8)), kind((4, 3))).places[f"{kind.stem}_1"]
    pool = to_torch(place.layer, place)
    samples = torch.randn(2, 4, 9, 8, generator=torch.Generator().manual_seed(0))
    assert_the_same(pool, pool._in_turn, samples)
