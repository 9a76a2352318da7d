import inspect

import numpy as np
import pytest
import torch

from eyebright.model.engine import Engine
from eyebright.network import Network, initial_weights, zoo
from eyebright.network.onnx import to_onnx
from eyebright.network.torch import TorchNetwork, as_input
from eyebright.system.errors import NetworkError

SMALLEST = {  # pixels a side, and the layer for which one pixel less is too small
    "compact": (2, "stage1.pool"),
    "alexnet": (67, "pool5"),
    "alexnet_owt": (63, "features.12"),
    "densenet121": (29, "features.transition3.pool"),
    "densenet161": (29, "features.transition3.pool"),
    "densenet169": (29, "features.transition3.pool"),
    "densenet201": (29, "features.transition3.pool"),
    "flowers_cnn": (8, "pool_3"),
    "googlenet": (15, "maxpool3"),
    "lenet5": (12, "s4"),
    "nin": (39, "pool3"),
    "vgg11": (32, "features.20"),
    "vgg11_bn": (32, "features.28"),
    "vgg13": (32, "features.24"),
    "vgg13_bn": (32, "features.34"),
    "vgg16": (32, "features.30"),
    "vgg16_bn": (32, "features.43"),
    "vgg19": (32, "features.36"),
    "vgg19_bn": (32, "features.52"),
}
FAMILIES = {  # a member of each family, and a small size for it
    "compact": 18,
    "alexnet": 67,
    "alexnet_owt": 63,
    "densenet121": 32,
    "efficientnet_lite0": 33,
    "flowers_cnn": 17,
    "googlenet": 32,
    "lenet5": 20,
    "mlp": 5,
    "nin": 40,
    "resnet18": 33,
    "resnet50": 32,
    "vgg11_bn": 32,
}


@pytest.mark.parametrize("name", zoo.NETWORKS)
@pytest.mark.parametrize(("num_classes", "channels"), [(2, 1), (37, 3)])
def test_every_network_takes_any_number_of_classes_and_channels(name, num_classes, channels):
    network = zoo.build(name, num_classes=num_classes, input_size=95, channels=channels)
    assert (network.input_shape, network.output_shape) == ((channels, 95, 95), (num_classes,))


@pytest.mark.parametrize("name", zoo.NETWORKS)
def test_below_its_smallest_size_a_network_is_refused_and_the_layer_named(name):
    size, layer = SMALLEST.get(name, (1, ""))
    assert zoo.build(name, num_classes=2, input_size=size).output_shape == (2,)
    with pytest.raises(NetworkError, match=rf"'{layer}', after.*larger than its input" if layer else "must be"):
        zoo.build(name, num_classes=2, input_size=size - 1)


@pytest.mark.parametrize("name", SMALLEST)
def test_smallest_sizes_are_documented(name):
    family = inspect.getmodule(zoo.NETWORKS[name].build)
    documentation = " ".join(
        inspect.getdoc(value) or "" for value in vars(family).values() if inspect.isfunction(value)
    )
    assert f"at least {SMALLEST[name][0]}" in documentation


@pytest.mark.parametrize("name", zoo.NETWORKS)
def test_every_network_is_a_function_of_its_name_and_goes_to_json_and_back(name):
    network = getattr(zoo, name)(input_size=96)
    assert Network.from_json(network.to_json()) == network == zoo.NETWORKS[name].build(input_size=96)


@pytest.mark.parametrize("name", zoo.NETWORKS)
def test_every_network_has_a_docstring_a_year_and_a_paper(name):
    entry = zoo.NETWORKS[name]
    assert inspect.getdoc(entry.build) and entry.brought and 1980 < entry.year <= 2020
    assert bool(entry.paper) == (name not in ("mlp", "flowers_cnn"))


@pytest.mark.parametrize("name", zoo.NETWORKS)
def test_defaults_are_as_published(name):
    entry = zoo.NETWORKS[name]
    defaults = {key: value.default for key, value in inspect.signature(entry.build).parameters.items()}
    assert (defaults["num_classes"], defaults["input_size"]) == (entry.num_classes, entry.input_size)


def test_no_two_networks_have_the_same_tensors():
    built = [entry.build(10, input_size=224, channels=3) for entry in zoo.NETWORKS.values()]
    assert len({tuple(network.tensors.items()) for network in built}) == len(zoo.NETWORKS)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("flower_cnn", "unknown network 'flower_cnn': did you mean 'flowers_cnn'"),
        ("ResNet50", "did you mean 'resnet50'"),
        ("zzz", "known are alexnet, alexnet_owt, compact, .*, vgg19_bn"),
    ],
)
def test_an_unknown_network_is_refused(name, message):
    with pytest.raises(NetworkError, match=message):
        zoo.build(name, num_classes=3, input_size=16)


@pytest.mark.parametrize("sizes", [{"num_classes": 0}, {"input_size": 0}, {"input_size": 10**9}, {"channels": 0}])
@pytest.mark.parametrize("name", zoo.NETWORKS)
def test_invalid_sizes_are_refused(name, sizes):
    with pytest.raises(NetworkError, match=r"must be|more than .* values"):
        zoo.build(name, **{"num_classes": 3, "input_size": 96} | sizes)


@pytest.mark.parametrize("name", FAMILIES)
def test_openvino_agrees_with_torch(name):
    size = FAMILIES[name]
    network = zoo.build(name, num_classes=3, input_size=size)
    if name in ("alexnet_owt", "vgg11_bn"):
        network = network.up_to("flatten")  # a hundred million weights of dense layers would add time and nothing else
    weights = initial_weights(network)
    pictures = np.random.default_rng(1).integers(0, 256, (2, size, size, 3), np.uint8)
    with torch.no_grad():
        in_torch = TorchNetwork(network, weights).eval()(as_input(pictures)).numpy()
    in_onnx = Engine.of_bytes(to_onnx(network, weights).SerializeToString())(pictures)
    assert np.abs(in_onnx - in_torch).max() < 1e-4 * np.linalg.norm(in_torch)
