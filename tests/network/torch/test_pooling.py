import pytest
import torch

from eyebright.network import AvgPool2d, Input, MaxPool2d, Network
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
