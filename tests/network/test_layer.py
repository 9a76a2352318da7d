"""Layers as data, and a layer of the user's own, which ten lines add to everything that layers can do."""

import json

import msgspec
import numpy as np
import pytest
from torch import Tensor, nn

from eyebright.network import (
    AdaptiveAvgPool2d,
    Add,
    AvgPool2d,
    Conv2d,
    Flatten,
    GlobalMaxPool2d,
    Input,
    Layer,
    LayerNorm,
    Linear,
    LocalContrastNorm,
    LocalResponseNorm,
    MaxPool2d,
    Network,
    Normalize,
    Parameter,
    Place,
    ReLU,
    Softmax,
    initial_weights,
    layer_from_dict,
    layer_to_dict,
)
from eyebright.network.onnx import Graph, emit
from eyebright.network.rewrites import faster
from eyebright.network.summary import receptive_fields, summarize
from eyebright.network.torch import TorchNetwork, to_torch
from eyebright.system.errors import NetworkError


@pytest.fixture(scope="module", autouse=True)
def types_as_before():
    before = dict(Layer.types)
    yield
    Layer.types.clear()
    Layer.types.update(before)


def test_parameter_size_is_the_product_of_its_lengths():
    assert Parameter((64, 3, 7, 7), "he_normal").size == 9_408


def test_calling_a_layer_twice_makes_two_nodes():
    layer, source = ReLU(), Input((4,))()
    assert layer(source) is not layer(source)


def test_a_node_knows_what_it_reads_from_and_its_shape():
    source = Input((4,))()
    node = Linear(7)(source)
    assert node.inputs == (source,) and node.shape == (7,)


def test_a_layer_is_written_as_its_type_and_its_settings():
    assert layer_to_dict(Linear(5, name="head")) == {
        "type": "Linear",
        "name": "head",
        "out_features": 5,
        "bias": True,
        "initializer": "glorot_uniform",
    }


def test_an_unnamed_layer_is_written_without_name():
    assert layer_to_dict(ReLU()) == {"type": "ReLU"}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"type": "Conv2D"}, "the unknown type 'Conv2D': did you mean 'Conv2d'"),
        ({"type": "Zebra"}, "the unknown type 'Zebra': known are AdaptiveAvgPool2d, .*, Tanh"),
        ({"type": "Layer"}, "the unknown type 'Layer'"),
        ({"type": "Relu"}, "the unknown type 'Relu': did you mean 'ReLU'"),
        ({"type": "Dense"}, "the unknown type 'Dense'"),
        ({"type": "BatchNorm2d"}, "the unknown type 'BatchNorm2d': did you mean 'BatchNorm'"),
        ({"type": "AveragePool2d", "kernel_size": 2}, "did you mean 'AvgPool2d'"),
        ({"name": "x"}, 'no "type": expected an object .*got .*x'),
        ({"type": ["ReLU"]}, 'no "type"'),
        ("ReLU", 'no "type"'),
        ({"type": "Dropout", "rate": 0.5}, r"Dropout.*unknown field `rate`"),
        ({"type": "Linear", "out_feature": 5}, "did you mean 'out_features'"),
        ({"type": "Conv2d", "out_channels": 4, "kernel": 3}, "unknown field `kernel`.*did you mean 'kernel_size'"),
        ({"type": "MaxPool2d", "kernel_size": 2, "strides": 2}, "unknown field `strides`.*did you mean 'stride'"),
        ({"type": "BatchNorm", "epsilon": 1e-3}, "unknown field `epsilon`"),
        ({"type": "Conv2d", "out_channels": 5}, "missing required field `kernel_size`"),
        ({"type": "Linear", "out_features": "5"}, r"Expected `int`, got `str` - at `\$.out_features`"),
        ({"type": "Linear", "out_features": True}, "Expected `int`, got `bool`"),
        ({"type": "Linear", "out_features": 5.5}, "Expected `int`, got `float`"),
        ({"type": "Linear", "out_features": 0}, "out_features must be from 1"),
        ({"type": "Conv2d", "out_channels": 5, "kernel_size": [3, 3, 3]}, "kernel_size"),
        ({"type": "Conv2d", "out_channels": 5, "kernel_size": 3, "padding": "full"}, "'full'.*padding"),
        ({"type": "Input", "shape": [3, 10**30, 8]}, "from 1 to 65536"),
        ({"type": "ReLU", "name": 5}, r"\$.name"),
    ],
)
def test_bad_data_is_refused_with_the_reason(data, message):
    with pytest.raises(NetworkError, match=message):
        layer_from_dict(data)


def test_the_error_names_the_layer():
    with pytest.raises(NetworkError, match=r"^layer 'stem' has the unknown type 'Conv2D'"):
        layer_from_dict({"type": "Conv2D"}, what="layer 'stem'")


@pytest.mark.parametrize(
    ("layer", "count", "message"),
    [
        (ReLU(name="r"), 2, "ReLU 'r' needs 1 input, got 2"),
        (Add(), 1, "Add needs at least 2 inputs, got 1"),
        (Input((4,)), 1, "Input needs 0 inputs, got 1"),
        (Linear(3), 0, "Linear needs 1 input, got 0"),
    ],
)
def test_a_wrong_number_of_inputs_is_refused(layer, count, message):
    with pytest.raises(NetworkError, match=message):
        layer(*[Input((4,))() for _ in range(count)])


def test_a_new_layer_needs_only_its_shape_and_can_be_read_from_json(monkeypatch):
    monkeypatch.setattr(Layer, "types", dict(Layer.types))

    class Halve(Layer, frozen=True):
        stem = "halve"
        by: int = 2

        def output_shape(self, *inputs):
            return (inputs[0][0] // self.by,)

    assert Halve()(Input((8,))()).shape == (4,)
    assert layer_from_dict({"type": "Halve", "by": 3}) == Halve(by=3)
    assert msgspec.structs.fields(Halve)[-1].name == "name"


def test_by_default_a_layer_has_no_parameters_and_sees_one_pixel():
    layer = ReLU()
    assert (layer.parameters((3, 8, 8)), layer.buffers((3, 8, 8)), layer.multiply_adds((3, 8, 8))) == ({}, {}, 0)
    assert layer.reach((3, 8, 8)) == ((1, 1), (1, 1)) and not Layer.monotone


@pytest.mark.parametrize(
    ("layer", "reach"),
    [
        (Conv2d(8, (3, 5), (2, 1), dilation=(1, 2)), ((3, 9), (2, 1))),
        (MaxPool2d(3), ((3, 3), (3, 3))),
        (AvgPool2d(2, 1), ((2, 2), (1, 1))),
        (AdaptiveAvgPool2d((6, 4)), ((3, 5), (3, 5))),  # 18 x 20 in parts
        (AdaptiveAvgPool2d(1), None),
        (GlobalMaxPool2d(), None),
        (LayerNorm(), None),
        (LocalContrastNorm(), None),
        (LocalResponseNorm(), ((1, 1), (1, 1))),
        (Softmax(), ((1, 1), (1, 1))),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_reach_is_kernel_and_stride_or_the_whole_input(layer, reach):
    assert layer.reach((3, 18, 20)) == reach


def test_a_softmax_or_linear_layer_sees_the_whole_vector():
    assert Softmax().reach((5,)) is None and Linear(3).reach((5,)) is None


def test_an_error_names_the_layer_and_its_input_layers():
    pictures = Input((3, 8, 8), name="photo")()
    with pytest.raises(NetworkError, match=r"^Linear 'head', after photo: expected a vector"):
        Linear(5, name="head")(pictures)
    with pytest.raises(NetworkError, match=r"^MaxPool2d, after ReLU: the kernel of 9 x 9"):
        MaxPool2d(9)(ReLU()(pictures))


def test_an_output_with_too_many_values_is_refused():
    with pytest.raises(NetworkError, match=r"has output shape \(3, 60000, 60000\), more than .* 2,147,483,648 values"):
        Input((3, 60_000, 60_000))()


@pytest.mark.parametrize("name", ["two\nlines", "\x1b[2J", "tab\t"])
def test_a_name_must_be_one_printable_line(name):
    with pytest.raises(NetworkError, match="a layer's name must be one line"):
        ReLU(name=name)


def test_every_layer_goes_to_plain_data_and_back(any_layer):
    assert layer_from_dict(json.loads(json.dumps(layer_to_dict(any_layer)))) == any_layer


def test_plain_data_have_the_type_and_every_setting(any_layer):
    data = layer_to_dict(any_layer)
    assert data.pop("type") == type(any_layer).__name__
    assert data.keys() == set(any_layer.__struct_fields__)
    assert all(np.array_equal(value, getattr(any_layer, name)) for name, value in data.items())


def test_settings_cannot_be_changed(any_layer):
    for name in any_layer.__struct_fields__:
        with pytest.raises(AttributeError, match="immutable"):
            setattr(any_layer, name, 1)


@pytest.fixture(scope="module")
def cube(types_as_before) -> type[Layer]:
    """An activation in ten lines."""

    class Cube(Layer, frozen=True):
        stem = "cube"
        monotone = True

    @to_torch.register
    def _(layer: Cube, place: Place) -> nn.Module:
        class Module(nn.Module):
            def forward(self, samples: Tensor) -> Tensor:
                return samples**3

        return Module()

    @emit.register
    def _(layer: Cube, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
        graph.add("Pow", [*inputs, graph.values(f"{output}.exponent", 3)], output)

    return Cube


@pytest.fixture(scope="module")
def scale(types_as_before) -> type[Layer]:
    """A layer with a setting and something to learn."""

    class Scale(Layer, frozen=True):
        stem = "scale"
        start: float = 1.0

        def parameters(self, *inputs: tuple[int, ...]) -> dict[str, Parameter]:
            return {"weight": Parameter((inputs[0][0], 1, 1), "he_uniform", 6)}

        def check(self) -> None:
            if self.start <= 0:
                raise NetworkError(f"start must be above 0, got {self.start}")

    class Module(nn.Module):
        def __init__(self, layer: Scale, channels: int) -> None:
            super().__init__()
            self.start, self.weight = layer.start, nn.Parameter(Tensor(channels, 1, 1))

        def forward(self, samples: Tensor) -> Tensor:
            return samples * self.weight * self.start

    @to_torch.register
    def _(layer: Scale, place: Place) -> nn.Module:
        return Module(layer, place.shape[0])

    @emit.register
    def _(layer: Scale, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
        scaled = graph.add("Mul", inputs, graph.fresh(f"{output}_scaled"))
        graph.add("Mul", [scaled, graph.values(f"{output}.start", layer.start)], output)

    return Scale


@pytest.fixture
def network(cube, scale) -> Network:
    return Network.sequential(
        *(Input((3, 8, 8)), Normalize(128.0, 128.0), Conv2d(4, 3, name="conv"), scale(2.0, name="own"), cube()),
        *(MaxPool2d(2), Flatten(), Linear(5, name="head")),
    )


def test_an_own_layer_runs_in_torch_onnx_and_openvino(answers, noise, cube, scale):
    network = Network.sequential(Input((3, 8, 8)), Normalize(128.0, 128.0), scale(2.0, name="own"), cube())
    weights = {"own.weight": np.array([1, -2, 0.5], np.float32).reshape(3, 1, 1)}
    values = ((noise(3, 8, 8).astype(np.float64) - 128) / 128).transpose(0, 3, 1, 2)
    for who, found in answers(network, weights, noise(3, 8, 8), engine=True).items():
        np.testing.assert_allclose(found, (values * weights["own.weight"] * 2) ** 3, rtol=1e-5, atol=1e-6, err_msg=who)


def test_an_own_layer_goes_to_json_and_back(network, scale):
    assert layer_to_dict(scale(3.0)) == {"type": "Scale", "start": 3.0}
    assert layer_from_dict({"type": "Scale", "start": 3.0}) == scale(3.0)
    assert Network.from_json(network.to_json()) == network


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"type": "Scaled"}, "did you mean 'Scale'"),
        ({"type": "Scale", "star": 1.0}, "unknown field `star`.*did you mean 'start'"),
        ({"type": "Scale", "start": "one"}, "Expected `float`, got `str`"),
        ({"type": "Scale", "start": -1.0}, "start must be above 0, got -1.0"),
    ],
)
def test_mistakes_in_the_json_of_an_own_layer_are_refused(scale, data, words):
    with pytest.raises(NetworkError, match=words):
        layer_from_dict(data)


def test_an_own_layer_is_in_the_summary(network):
    own, cube = (row for row in summarize(network).layers if row.type in ("Scale", "Cube"))
    assert (own.name, own.settings, own.shape, own.parameters) == ("own", {"start": 2.0}, (4, 6, 6), 4)
    assert (cube.name, cube.inputs, cube.parameters, cube.multiply_adds) == ("cube_1", ("own",), 0, 0)
    assert receptive_fields(network)["cube_1"] == (3, 3)


def test_an_own_layer_has_weights(network):
    weights = initial_weights(network)
    assert weights["own.weight"].shape == (4, 1, 1)
    assert 0 < np.abs(weights["own.weight"]).max() <= 1  # sqrt(6 / fan_in)
    module = TorchNetwork(network, weights)
    assert sum(parameter.numel() for parameter in module.parameters()) == network.parameter_count
    assert np.array_equal(module.get_weights()["own.weight"], weights["own.weight"])


def test_an_own_monotone_layer_is_rewritten(network, answers, noise):
    rewritten, weights = faster(network), initial_weights(network)
    assert rewritten.places["cube_1"].inputs == ("max_pool_1",)
    expected, found = (answers(form, weights, noise(3, 8, 8)) for form in (network, rewritten))
    np.testing.assert_allclose(found["torch"], expected["torch"], rtol=1e-5, atol=1e-6)
