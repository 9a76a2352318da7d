import pytest
import torch

from eyebright.network import ELU, GELU, Hardswish, Input, LeakyReLU, Network, ReLU, ReLU6, Sigmoid, SiLU, Tanh
from eyebright.network.torch import to_torch


@pytest.mark.parametrize("layer", [ReLU(), ReLU6(), LeakyReLU(), ELU(), GELU(), SiLU(), Hardswish(), Sigmoid(), Tanh()])
def test_an_activation_does_not_overwrite_its_input_and_keeps_the_memory_order(layer):
    place = Network.sequential(Input((3, 4, 5)), layer).places[f"{layer.stem}_1"]
    samples = torch.linspace(-8, 8, 120).reshape(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    before = samples.clone()
    result = to_torch(place.layer, place)(samples)
    assert torch.equal(samples, before) and not torch.equal(result, before)
    assert result.is_contiguous(memory_format=torch.channels_last)
