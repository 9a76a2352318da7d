"""Each kind of layer once, with settings of its own: as data, with its weights, and run three ways."""

import json

import numpy as np
import pytest
import torch

from eyebright.network import (
    ELU,
    GELU,
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    Add,
    AvgPool2d,
    BatchNorm,
    Concat,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    GlobalMaxPool2d,
    Hardsigmoid,
    Hardswish,
    Input,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    LocalContrastNorm,
    LocalResponseNorm,
    MaxPool2d,
    Multiply,
    Network,
    Node,
    Normalize,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    initial_weights,
    layer_from_dict,
    layer_to_dict,
    layers,
)
from eyebright.network.summary import receptive_fields, summarize
from eyebright.network.torch import TorchNetwork, to_torch
from eyebright.system.errors import NetworkError

LAYERS = [
    Normalize((120.0, 110.0, 100.0), 60.0, name="own"),
    Conv2d(6, (3, 5), (2, 1), "same", (1, 2), 3, bias=False, initializer="he_uniform", name="own"),
    MaxPool2d((3, 2), 2, (1, 0), ceil_mode=True, name="own"),
    AvgPool2d(3, (2, 1), 1, ceil_mode=True, count_include_pad=False, name="own"),
    AdaptiveAvgPool2d((4, 3), name="own"),
    AdaptiveMaxPool2d(4, name="own"),
    GlobalAvgPool2d(name="own"),
    GlobalMaxPool2d(name="own"),
    BatchNorm(1e-3, 0.01, name="own"),
    LayerNorm(1e-6, name="own"),
    LocalResponseNorm(3, 0.5, 0.5, 2.0, name="own"),
    LocalContrastNorm(5, 1.5, 1e-4, name="own"),
    Linear(7, bias=False, initializer="he_normal", name="own"),
    Flatten(name="own"),
    Dropout(0.25, name="own"),
    *(ReLU(name="own"), ReLU6(name="own"), LeakyReLU(0.3, name="own"), ELU(0.7, name="own"), GELU(name="own")),
    *(SiLU(name="own"), Hardswish(name="own"), Hardsigmoid(name="own"), Sigmoid(name="own"), Tanh(name="own")),
    *(Softplus(name="own"), Softmax(name="own"), Add(name="own"), Multiply(name="own"), Concat(name="own")),
]
every_layer = pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)


def network_of(layer: Layer) -> Network:
    """A network on (3, 9, 8) that ends in the layer."""
    pictures = Input((3, 9, 8), name="pictures")()
    values: Node = pictures if isinstance(layer, Normalize) else Normalize(128.0, 32.0)(pictures)
    if isinstance(layer, Linear):
        values = Flatten()(values)
    sources = [values, ReLU()(values)] if layer.arity()[1] > 1 else [values]
    return Network(pictures, layer(*sources))


def weights_of(network: Network) -> dict[str, np.ndarray]:
    """Weights of which none is 0 or 1."""
    return {name: values * np.float32(0.5) + np.float32(0.3) for name, values in initial_weights(network, 1).items()}


def test_no_kind_is_forgotten():
    kinds = {name for name in layers.__all__ if issubclass(getattr(layers, name), Layer)}
    assert {type(layer).__name__ for layer in LAYERS} == kinds - {"Input"}


@every_layer
def test_a_layer_goes_to_plain_data_and_back(layer):
    assert layer_from_dict(json.loads(json.dumps(layer_to_dict(layer)))) == layer


@every_layer
def test_the_data_name_the_type_and_every_setting(layer):
    data = layer_to_dict(layer)
    assert data.pop("type") == type(layer).__name__
    assert data.keys() == set(layer.__struct_fields__)
    assert all(np.array_equal(value, getattr(layer, name)) for name, value in data.items())


@every_layer
def test_a_network_with_the_layer_goes_to_json_and_back(layer):
    network = network_of(layer)
    again = Network.from_json(network.to_json())
    assert again == network and again.places["own"] == network.places["own"]


@every_layer
def test_a_setting_that_is_not_there_is_refused_with_the_nearest(layer):
    with pytest.raises(NetworkError, match=r"layer 'own' .*unknown field `nam`.*did you mean 'name'"):
        Network.from_dict({"format": 1, "layers": [layer_to_dict(layer) | {"nam": 1}], "output": "own"})


@every_layer
def test_no_setting_can_be_changed(layer):
    for name in layer.__struct_fields__:
        with pytest.raises(AttributeError, match="immutable"):
            setattr(layer, name, 1)


@every_layer
def test_torch_onnx_and_openvino_give_one_result_of_the_promised_shape(layer, answers, noise):
    network = network_of(layer)
    found = answers(network, weights_of(network), noise(3, 9, 8), engine=True)
    assert {result.shape for result in found.values()} == {(2, *network.output_shape)}
    assert found["torch"].std() > 0
    for who in ("onnx", "openvino"):
        np.testing.assert_allclose(found[who], found["torch"], rtol=1e-5, atol=1e-5, err_msg=who)


@every_layer
def test_the_torch_module_holds_the_tensors_under_their_names(layer):
    place = network_of(layer).places["own"]
    module = to_torch(layer, place)
    learned = {name: tuple(getattr(module, name).shape) for name in place.parameters}
    assert learned == {name: parameter.shape for name, parameter in place.parameters.items()}
    assert all(getattr(module, name).requires_grad for name in place.parameters)
    assert sum(parameter.numel() for parameter in module.parameters()) == sum(p.size for p in place.parameters.values())
    for name in place.tensors.keys() - place.parameters.keys():
        assert not getattr(module, name).requires_grad


@every_layer
def test_weights_go_into_torch_and_come_out_again(layer):
    network = network_of(layer)
    weights = weights_of(network)
    found = TorchNetwork(network, weights).get_weights()
    assert found.keys() == weights.keys()
    assert all(np.array_equal(found[name], values) for name, values in weights.items())


@every_layer
def test_gradients_reach_the_picture_and_every_parameter(layer, noise):
    network = network_of(layer)
    module = TorchNetwork(network, weights_of(network)).eval()
    samples = torch.tensor(noise(3, 9, 8)).permute(0, 3, 1, 2).float().requires_grad_()
    module(samples).square().sum().backward()
    assert samples.grad.any() and torch.isfinite(samples.grad).all()
    assert all(parameter.grad.any() for parameter in module.parameters())


@every_layer
def test_the_summary_tells_of_it(layer):
    row = summarize(network_of(layer)).layers[-1]
    place = network_of(layer).places["own"]
    assert (row.name, row.type, row.shape) == ("own", type(layer).__name__, place.shape)
    assert row.parameters == sum(int(np.prod(parameter.shape)) for parameter in place.parameters.values())
    assert row.receptive_field == receptive_fields(network_of(layer))["own"]
