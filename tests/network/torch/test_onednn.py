import numpy as np
import pytest
import torch
from torch.nn import functional

from eyebright.network import (
    Add,
    BatchNorm,
    Conv2d,
    Flatten,
    Input,
    Linear,
    MaxPool2d,
    Network,
    Normalize,
    ReLU,
    initial_weights,
    zoo,
)
from eyebright.network.rewrites import faster
from eyebright.network.torch import TorchNetwork, onednn, to_torch

pytestmark = pytest.mark.skipif(not onednn.usable(), reason="this processor has no AVX-512")

_FIRST, _SECOND = (
    {"kernel_size": 3, "padding": 1},
    {"kernel_size": (3, 2), "stride": (1, 2), "bias": False, "groups": 2},
)


def two_blocks(first: dict, pool: dict, second: dict) -> Network:
    return Network.sequential(
        Input((3, 21, 18)), Normalize(100.0, 50.0), Conv2d(6, **first), MaxPool2d(**pool), ReLU(),
        Conv2d(8, **second), MaxPool2d(2), ReLU(), Flatten(), Linear(4),
    )  # fmt: skip


def expected(weights: dict, samples: torch.Tensor, first: dict, pool: dict, second: dict) -> torch.Tensor:
    """The same network, written with the functions of torch."""

    def conv(values: torch.Tensor, name: str, options: dict) -> torch.Tensor:
        rest = {key: value for key, value in options.items() if key not in ("kernel_size", "bias")}
        return functional.conv2d(values, weights[f"{name}.weight"], weights.get(f"{name}.bias"), **rest)

    values = conv((samples - 100) / 50, "conv_1", first)
    values = conv(functional.max_pool2d(values, **pool).relu(), "conv_2", second)
    values = functional.max_pool2d(values, 2).relu().flatten(1)
    return functional.linear(values, weights["linear_1.weight"], weights["linear_1.bias"])


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("first", "pool", "second"),
    [
        (_FIRST, {"kernel_size": 2}, _SECOND),
        ({"kernel_size": 5, "stride": 2, "dilation": 1}, {"kernel_size": 3, "stride": 2, "padding": 1}, _FIRST),
        ({"kernel_size": 3, "dilation": 2}, {"kernel_size": 2, "stride": 2, "ceil_mode": True}, _FIRST),
    ],
)
def test_values_and_gradients_are_those_of_torch(first, pool, second, precision):
    network = two_blocks(first, pool, second)
    module = TorchNetwork(network, initial_weights(network, 1))
    assert module._chained is not module._steps
    drawn = torch.Generator().manual_seed(2)
    samples = torch.randint(0, 256, (5, 3, 21, 18), generator=drawn).float()
    factors = torch.randn((5, 4), generator=drawn)
    other = {name: tensor.detach().clone().requires_grad_() for name, tensor in module.named_tensors()}
    mine, theirs = samples.clone().requires_grad_(), samples.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
        found, wanted = module(mine), expected(other, theirs, first, pool, second)
    for values in (found, wanted):
        (values.float() * factors).sum().backward()
    tolerance = {"rtol": 1e-4, "atol": 1e-5} if precision == "float32" else {"rtol": 0.05, "atol": 0.02}
    torch.testing.assert_close(found, wanted, **tolerance)
    pairs = {name: (tensor.grad, other[name].grad) for name, tensor in module.named_tensors()}
    for mine_, theirs_ in (*pairs.values(), (mine.grad, theirs.grad)):
        scale = theirs_.abs().max()
        torch.testing.assert_close(mine_ / scale, theirs_ / scale, **tolerance)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
        assert torch.equal(module(samples), found)


def test_frozen_weights_have_no_gradients_and_a_step_has_the_same_bits_each_time():
    network = faster(zoo.flowers_cnn(input_size=20, dropout=0.0))
    samples = torch.randint(0, 256, (4, 3, 20, 20), generator=torch.Generator().manual_seed(0)).float()
    gradients = []
    for _ in range(2):
        module = TorchNetwork(network, initial_weights(network, 1))
        module.freeze({"conv_1", "conv_2"})
        module(samples).square().sum().backward()
        gradients.append({name: tensor.grad for name, tensor in module.named_tensors()})
    first, second = gradients
    assert [name for name in first if first[name] is None] == [
        "conv_1.weight", "conv_1.bias", "conv_2.weight", "conv_2.bias"
    ]  # fmt: skip
    assert all(torch.equal(first[name], second[name]) for name in first if first[name] is not None)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_weight_that_is_not_finite_is_not_hidden(wrong):
    network = faster(zoo.flowers_cnn(input_size=20))
    weights = initial_weights(network, 1)
    weights["conv_2.weight"][3, 1, 0, 0] = wrong
    assert TorchNetwork(network, weights).eval()(torch.ones(2, 3, 20, 20)).isnan().all()


def names_of(network: Network) -> list[str]:
    modules = {name: to_torch(place.layer, place) for name, place in network.places.items()}
    return [name for block in onednn.blocks_on_images(network, modules) for name in block.names]


def test_blocks_begin_at_the_images_and_end_where_something_else_comes():
    assert names_of(faster(zoo.flowers_cnn(input_size=20))) == [
        f"{layer}_{number}" for number in (1, 2, 3) for layer in ("conv", "pool", "relu")
    ]
    assert names_of(zoo.flowers_cnn(input_size=20)) == []  # the activation comes first: not rewritten
    assert names_of(faster(zoo.build("vgg11", num_classes=2, input_size=32)))[-1] == "features.4"
    assert names_of(Network.sequential(Input((3, 8, 8)), Conv2d(4, 3), BatchNorm(), MaxPool2d(2), ReLU())) == []
    assert names_of(Network.sequential(Input((3, 8, 8)), Conv2d(4, 2, padding="same"), MaxPool2d(2), ReLU())) == []
    layers = Normalize(), Conv2d(4, 3), Normalize(), MaxPool2d(2), ReLU()
    assert names_of(Network.sequential(Input((3, 8, 8)), *layers)) == []
    images = Input((3, 8, 8))()
    pooled = MaxPool2d(1)(Conv2d(3, 1)(images))
    assert names_of(Network(images, Add()(ReLU()(pooled), pooled))) == []
