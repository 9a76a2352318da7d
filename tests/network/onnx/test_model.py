import numpy as np
import onnx
import pytest
from scipy.special import softmax

from eyebright.model.engine import Engine
from eyebright.network import (
    GELU,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Flatten,
    Input,
    Layer,
    LayerNorm,
    Linear,
    LocalContrastNorm,
    Network,
    Normalize,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Tanh,
    initial_weights,
    zoo,
)
from eyebright.network.answering import Answering
from eyebright.network.onnx import to_onnx
from eyebright.system.errors import NetworkError


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_probabilities_are_the_softmax_of_logits_over_temperature(run, pictures, temperature):
    network = Network.sequential(Input((3, 9, 8)), Normalize(), Flatten(), Linear(4))
    weights = initial_weights(network)
    expected = softmax(run(network, weights, pictures) / temperature, axis=1)
    np.testing.assert_allclose(run(network, weights, pictures, answering=Answering(temperature)), expected, atol=1e-6)


def test_the_graph_names_and_types_its_input_and_output():
    network = zoo.flowers_cnn(7, input_size=16)
    graph = to_onnx(network, initial_weights(network), answering=Answering()).graph
    (source,), (result, answer) = graph.input, graph.output
    assert (source.name, source.type.tensor_type.elem_type) == ("pictures", onnx.TensorProto.UINT8)
    assert (result.name, result.type.tensor_type.elem_type) == ("probabilities", onnx.TensorProto.FLOAT)
    shapes = [
        [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in (source, result, answer)
    ]
    assert shapes == [["N", 16, 16, 3], ["N", 7], ["N"]]
    assert (answer.name, answer.type.tensor_type.elem_type) == ("answer", onnx.TensorProto.INT64)


def test_nodes_and_initializers_have_the_names_of_layers_and_weights():
    network = zoo.flowers_cnn(7, input_size=16)
    weights = initial_weights(network)
    graph = to_onnx(network, weights).graph
    assert {node.name for node in graph.node}.issuperset(network.places)
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    assert all(np.array_equal(stored[name], values) for name, values in weights.items())


def test_the_same_network_gives_the_same_bytes():
    texts = []
    for _ in range(2):
        network = zoo.flowers_cnn(7, input_size=16)
        texts.append(
            to_onnx(network, initial_weights(network), answering=Answering()).SerializeToString(deterministic=True)
        )
    assert texts[0] == texts[1]


def test_operators_are_standard_and_weights_are_inside_the_file():
    model = to_onnx(network := zoo.mlp(input_size=4), initial_weights(network))
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 18)]
    assert all(tensor.data_location == onnx.TensorProto.DEFAULT for tensor in model.graph.initializer)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("pictures", "probabilities"),
        ("temperature", "calibrated_logits"),
        ("input", "input_float"),
        ("head.weight", "normalize.mean"),
        ("normalize_centred", "normalize.std"),
    ],
)
def test_layers_may_have_any_name(run, pictures, first, last):
    def build(first: str, last: str) -> Network:
        return Network.sequential(
            Input((3, 9, 8), name=first),
            Normalize(name="normalize"),
            Flatten(),
            Linear(4, name="head"),
            ReLU(name=last),
        )

    weights = initial_weights(build("a", "z"))
    expected = run(build("a", "z"), weights, pictures, answering=Answering())
    assert np.array_equal(run(build(first, last), weights, pictures, answering=Answering()), expected)


@pytest.mark.parametrize(
    "clash",
    [
        "gelu_scaled",
        "gelu_erf",
        "gelu.constant",
        "contrast_mean",
        "contrast.kernel",
        "silu_gate",
        "pool.pads",
        "clip.min",
    ],
)
def test_layers_may_have_the_names_of_nodes_inside_other_layers(run, pictures, clash):
    def build(first: str, last: str) -> Network:
        inner = [GELU(name="gelu"), LocalContrastNorm(3, name="contrast"), SiLU(name="silu"), ReLU6(name="clip")]
        pool = AvgPool2d(3, 2, 1, name="pool")
        return Network.sequential(Input((3, 9, 8)), Normalize(), Tanh(name=first), *inner, pool, Sigmoid(name=last))

    expected = run(build("a", "z"), {}, pictures)
    for names in ((clash, "z"), ("a", clash)):
        assert np.array_equal(run(build(*names), {}, pictures), expected)


def test_the_graph_holds_every_tensor_under_its_name():
    network = Network.sequential(Input((3, 9, 8)), Conv2d(4, 3, name="c"), BatchNorm(name="b.n"), LayerNorm(name="l"))
    weights = {name: values + np.float32(0.5) for name, values in initial_weights(network).items()}
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in to_onnx(network, weights).graph.initializer}
    assert stored.keys() == weights.keys() == {
        *("c.weight", "c.bias", "l.weight", "l.bias"),
        *(f"b.n.{key}" for key in ("weight", "bias", "running_mean", "running_var")),
    }  # fmt: skip
    assert all(np.array_equal(stored[name], values) for name, values in weights.items())


def test_weights_that_do_not_fit_are_refused():
    network = Network.sequential(Input((3,)), Linear(2))
    with pytest.raises(NetworkError, match=r"linear_1\.weight: expected \(2, 3\), got \(3, 2\)"):
        to_onnx(network, initial_weights(network) | {"linear_1.weight": np.zeros((3, 2), np.float32)})


def test_a_layer_without_onnx_nodes_is_refused_and_registration_suggested(monkeypatch):
    monkeypatch.setattr(Layer, "types", dict(Layer.types))

    class Swish(Layer, frozen=True):
        stem = "swish"

    with pytest.raises(NetworkError, match=r"Swish cannot be exported to ONNX: register .* emit\.register"):
        to_onnx(Network.sequential(Input((3,)), Swish()), {})


def test_values_of_inner_layers_are_outputs_and_nothing_else_is_computed(pictures):
    images = Input((3, 9, 8), name="pictures")()
    first = Conv2d(4, 3, 2, "same", name="first")(images)
    network = Network(images, Linear(2, name="head")(Flatten()(ReLU(name="second")(first))))
    weights = initial_weights(network, 1)
    model = to_onnx(network, weights, layers=("second", "first"))
    assert "head.weight" not in [constant.name for constant in model.graph.initializer]
    found = Engine.of_bytes(model.SerializeToString()).outputs(pictures)
    assert list(found) == ["second", "first"]
    for name, values in found.items():
        alone = network.up_to(name)
        expected = Engine.of_bytes(to_onnx(alone, {key: weights[key] for key in alone.tensors}).SerializeToString())
        np.testing.assert_allclose(values, expected(pictures), atol=1e-4)
    with pytest.raises(NetworkError, match="no layer 'thrid'"):
        to_onnx(network, weights, layers=("thrid",))
