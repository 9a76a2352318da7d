import numpy as np
import pytest
import torch
from torch import nn

from eyebright.network import Conv2d, Dropout, LocalResponseNorm, initial_weights, zoo
from eyebright.network.torch import TorchNetwork


def test_counts_of_2012_are_those_of_the_paper_written_out():
    """Section 3.5: kernels 96x3x11x11, 256x48x5x5, 384x256x3x3, 384x192x3x3, 256x192x3x3; 4096, 4096, 1000 neurons."""
    kernels = [96 * 3 * 11**2, 256 * 48 * 5**2, 384 * 256 * 3**2, 384 * 192 * 3**2, 256 * 192 * 3**2]
    dense = [6 * 6 * 256 * 4096, 4096 * 4096, 4096 * 1000]
    biases = 96 + 256 + 384 + 384 + 256 + 4096 + 4096 + 1000
    network = zoo.alexnet()
    assert network.parameter_count == sum(kernels) + sum(dense) + biases == 60_965_224
    places = [55**2, 27**2, 13**2, 13**2, 13**2]
    products = [kernel * count for kernel, count in zip(kernels, places, strict=True)]
    assert network.multiply_adds == sum(products) + sum(dense) == 724_406_816


@pytest.mark.parametrize("size", [224, 227, 240])
def test_six_by_six_places_reach_the_dense_layers(size):
    assert zoo.alexnet(input_size=size).places["pool5"].shape == (256, 6, 6)


@pytest.mark.parametrize("size", [224, 227])
def test_the_first_kernel_has_55_by_55_places_as_in_the_paper(size):
    assert zoo.alexnet(input_size=size).places["conv1"].shape == (96, 55, 55)


def test_layers_of_2012_are_those_of_the_paper():
    layers = [place.layer for place in zoo.alexnet().places.values()]
    kernels = [(layer.out_channels, layer.groups) for layer in layers if isinstance(layer, Conv2d)]
    assert kernels == [(96, 1), (256, 2), (384, 1), (384, 2), (256, 2)]
    assert [layer.p for layer in layers if isinstance(layer, Dropout)] == [0.5, 0.5]
    assert sum(isinstance(layer, LocalResponseNorm) for layer in layers) == 2


def test_response_normalisation_is_the_formula_of_the_paper():
    """Section 3.3: b = a / (2 + 1e-4 * sum of the squares of 5 neighbours) ** 0.75."""
    network = zoo.alexnet(2, input_size=67)
    weights = initial_weights(network)
    pictures = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 3, 67, 67)).astype(np.float32)) * 30
    with torch.no_grad():
        before = TorchNetwork(part := network.up_to("relu1"), _of(part, weights)).eval()(pictures).numpy()
        after = TorchNetwork(part := network.up_to("norm1"), _of(part, weights)).eval()(pictures).numpy()
    squares = np.pad(before.astype(np.float64) ** 2, ((0, 0), (2, 2), (0, 0), (0, 0)))
    sums = sum(squares[:, shift : shift + 96] for shift in range(5))
    assert sums.max() * 1e-4 > 1  # or the sum would not show
    np.testing.assert_allclose(after, before / (2 + 1e-4 * sums) ** 0.75, rtol=1e-5)


def test_the_one_tower_keeps_six_by_six_places_at_every_size():
    for size in (63, 224, 300):
        assert zoo.alexnet_owt(input_size=size).layer("avgpool").output_size == 6
        assert zoo.alexnet_owt(input_size=size).places["classifier.1"].parameters["weight"].shape == (4096, 9216)


def test_the_one_tower_is_the_same_tree_of_torch_modules():
    """Its layers by hand: `features` of torch, with the weights under the same names."""
    network = zoo.alexnet_owt(2, input_size=63).up_to("features.12")
    weights = initial_weights(network)
    relu, pool = nn.ReLU(), nn.MaxPool2d(3, 2)
    features = nn.Sequential(
        *(nn.Conv2d(3, 64, 11, 4, 2), relu, pool, nn.Conv2d(64, 192, 5, padding=2), relu, pool),
        *(nn.Conv2d(192, 384, 3, padding=1), relu, nn.Conv2d(384, 256, 3, padding=1), relu),
        *(nn.Conv2d(256, 256, 3, padding=1), relu, pool),
    )
    features.load_state_dict({key.removeprefix("features."): torch.from_numpy(w) for key, w in weights.items()})
    pictures = torch.linspace(0, 255, 3 * 63 * 63).reshape(1, 3, 63, 63)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.no_grad():
        expected = features((pictures / 255 - mean.reshape(3, 1, 1)) / std.reshape(3, 1, 1))
        found = TorchNetwork(network, weights).eval()(pictures)
    assert (found - expected).abs().max() < 1e-5 * expected.norm()


def _of(network, weights):
    return {name: weights[name] for name in network.tensors}
