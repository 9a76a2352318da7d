"""A layer of the user's own, as ARCHITECTURE.md shows it: ten lines, and it works wherever eyebright's do."""

import numpy as np
import pytest
from torch import Tensor, nn

from eyebright.network import (
    Conv2d,
    Flatten,
    Input,
    Layer,
    Linear,
    MaxPool2d,
    Network,
    Normalize,
    Parameter,
    Place,
    initial_weights,
    layer_from_dict,
    layer_to_dict,
)
from eyebright.network.onnx import Graph, emit
from eyebright.network.rewrites import faster
from eyebright.network.summary import network_text, receptive_fields, summarize
from eyebright.network.torch import TorchNetwork, to_torch
from eyebright.system.errors import NetworkError


@pytest.fixture(scope="module", autouse=True)
def kinds_as_before():
    before = dict(Layer.kinds)
    yield
    Layer.kinds.clear()
    Layer.kinds.update(before)


@pytest.fixture(scope="module")
def cube(kinds_as_before) -> type[Layer]:
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
def scale(kinds_as_before) -> type[Layer]:
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


def test_it_runs_in_torch_onnx_and_openvino(answers, noise, cube, scale):
    network = Network.sequential(Input((3, 8, 8)), Normalize(128.0, 128.0), scale(2.0, name="own"), cube())
    weights = {"own.weight": np.array([1, -2, 0.5], np.float32).reshape(3, 1, 1)}
    values = ((noise(3, 8, 8).astype(np.float64) - 128) / 128).transpose(0, 3, 1, 2)
    for who, found in answers(network, weights, noise(3, 8, 8), engine=True).items():
        np.testing.assert_allclose(found, (values * weights["own.weight"] * 2) ** 3, rtol=1e-5, atol=1e-6, err_msg=who)


def test_it_goes_to_json_and_back(network, scale):
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
def test_mistakes_in_its_json_are_told_as_those_of_any_layer(scale, data, words):
    with pytest.raises(NetworkError, match=words):
        layer_from_dict(data)


def test_it_has_its_line_in_the_summary(network):
    own, cube = (row for row in summarize(network).layers if row.type in ("Scale", "Cube"))
    assert (own.name, own.settings, own.shape, own.parameters) == ("own", {"start": 2.0}, (4, 6, 6), 4)
    assert (cube.name, cube.inputs, cube.parameters, cube.multiply_adds) == ("cube_1", ("own",), 0, 0)
    assert receptive_fields(network)["cube_1"] == (3, 3)
    assert ["own", "Scale", "4x6x6", "4", "3"] in [line.split() for line in network_text(network).splitlines()]


def test_its_weights_are_drawn_and_learned(network):
    weights = initial_weights(network)
    assert weights["own.weight"].shape == (4, 1, 1)
    assert 0 < np.abs(weights["own.weight"]).max() <= 1  # sqrt(6 / fan_in)
    module = TorchNetwork(network, weights)
    assert sum(parameter.numel() for parameter in module.parameters()) == network.parameter_count
    assert np.array_equal(module.get_weights()["own.weight"], weights["own.weight"])


def test_one_that_says_that_it_is_monotone_is_rewritten(network, answers, noise):
    rewritten, weights = faster(network), initial_weights(network)
    assert rewritten.places["cube_1"].inputs == ("max_pool_1",)
    expected, found = (answers(form, weights, noise(3, 8, 8)) for form in (network, rewritten))
    np.testing.assert_allclose(found["torch"], expected["torch"], rtol=1e-5, atol=1e-6)
