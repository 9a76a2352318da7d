import numpy as np
import onnx
import pytest
from scipy.special import softmax

from eyebright.network import (
    GELU,
    Add,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    Input,
    Layer,
    LayerNorm,
    Linear,
    LocalContrastNorm,
    MaxPool2d,
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
from eyebright.network.onnx import to_onnx
from eyebright.system.errors import NetworkError


def test_a_vector_network_is_the_products_written_out(run):
    network = Network.sequential(Input((5,)), Linear(4, name="a"), ReLU(), Linear(3, bias=False, name="b"))
    weights = initial_weights(network) | {"a.bias": np.linspace(-1, 1, 4, dtype=np.float32)}
    samples = np.random.default_rng(0).standard_normal((6, 5)).astype(np.float32)
    hidden = np.maximum(samples @ weights["a.weight"].T + weights["a.bias"], 0)
    np.testing.assert_allclose(run(network, weights, samples), hidden @ weights["b.weight"].T, atol=1e-6)


def test_pictures_enter_as_uint8_channels_last_and_are_flattened_channel_by_channel(run, pictures):
    network = Network.sequential(Input((3, 9, 8)), Flatten())
    expected = [np.concatenate([picture[:, :, channel].ravel() for channel in range(3)]) for picture in pictures]
    result = run(network, {}, pictures)
    assert result.dtype == np.float32 and np.array_equal(result, expected)


@pytest.mark.parametrize(("mean", "std"), [((100.0, 120.0, 140.0), (50.0, 60.0, 70.0)), (127.5, (1.0, 2.0, 3.0))])
def test_normalize_works_channel_by_channel(run, pictures, mean, std):
    network = Network.sequential(Input((3, 9, 8)), Normalize(mean, std))
    expected = ((pictures - np.float32(mean)) / np.float32(std)).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(run(network, {}, pictures), expected, rtol=1e-6)


def test_add_sums_all_its_inputs_and_dropout_does_nothing(run):
    inputs = Input((4,))()
    network = Network(inputs, Add()(inputs, Dropout(0.9)(inputs), ReLU()(inputs)))
    samples = np.array([[-1, 2, -3, 4]], np.float32)
    assert np.array_equal(run(network, {}, samples), [[-2, 6, -6, 12]])


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_probabilities_are_the_softmax_of_logits_over_temperature(run, pictures, temperature):
    network = Network.sequential(Input((3, 9, 8)), Normalize(), Flatten(), Linear(4))
    weights = initial_weights(network)
    expected = softmax(run(network, weights, pictures) / temperature, axis=1)
    np.testing.assert_allclose(run(network, weights, pictures, temperature=temperature), expected, atol=1e-6)


def test_the_graph_says_what_goes_in_and_what_comes_out():
    network = zoo.flowers_cnn(7, input_size=16)
    graph = to_onnx(network, initial_weights(network), temperature=1.0).graph
    (source,), (result,) = graph.input, graph.output
    assert (source.name, source.type.tensor_type.elem_type) == ("pictures", onnx.TensorProto.UINT8)
    assert (result.name, result.type.tensor_type.elem_type) == ("probabilities", onnx.TensorProto.FLOAT)
    shapes = [
        [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim] for value in (source, result)
    ]
    assert shapes == [["N", 16, 16, 3], ["N", 7]]


def test_layers_keep_their_names_and_weights_theirs():
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
        texts.append(to_onnx(network, initial_weights(network), temperature=1.0).SerializeToString(deterministic=True))
    assert texts[0] == texts[1]


def test_only_standard_operators_in_one_file():
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
    expected = run(build("a", "z"), weights, pictures, temperature=1.0)
    assert np.array_equal(run(build(first, last), weights, pictures, temperature=1.0), expected)


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
def test_layers_may_be_named_like_what_other_layers_need_within(run, pictures, clash):
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


@pytest.mark.parametrize("layer", [MaxPool2d(3, 2, ceil_mode=True), AvgPool2d(3, 2, 1, ceil_mode=True)])
def test_runtimes_are_never_asked_for_ceil_mode(layer):
    model = to_onnx(Network.sequential(Input((3, 6, 8)), layer), {})
    assert all(attribute.name != "ceil_mode" for node in model.graph.node for attribute in node.attribute)


def test_weights_that_do_not_fit_are_refused():
    network = Network.sequential(Input((3,)), Linear(2))
    with pytest.raises(NetworkError, match=r"linear_1\.weight: expected \(2, 3\), got \(3, 2\)"):
        to_onnx(network, initial_weights(network) | {"linear_1.weight": np.zeros((3, 2), np.float32)})


def test_a_layer_without_onnx_form_is_refused_with_the_way_to_give_it_one(monkeypatch):
    monkeypatch.setattr(Layer, "kinds", dict(Layer.kinds))

    class Swish(Layer, frozen=True):
        stem = "swish"

    with pytest.raises(NetworkError, match=r"Swish cannot be written as ONNX: register one with emit\.register"):
        to_onnx(Network.sequential(Input((3,)), Swish()), {})


@pytest.mark.parametrize(
    ("size", "kernel", "row"),
    [
        (3, [[0, 0, 0], [-1, 0, 1], [0, 0, 0]], [0.5, 9.5, 9.5, -8.5]),
        ((1, 2), [[-1, 1]], [0.5, 9.5, 0.5, -8.5]),  # an even kernel looks to the right
    ],
)
def test_convolutions_of_a_step_by_hand(run, size, kernel, row):
    network = Network.sequential(Input((1, 3, 4)), Conv2d(1, size, padding="same", name="c"))
    weights = {"c.weight": np.array([[kernel]], np.float32), "c.bias": np.array([0.5], np.float32)}
    step = np.array([[0, 0, 9, 9]] * 3, np.uint8).reshape(1, 3, 4, 1)
    assert np.array_equal(run(network, weights, step), [[[row] * 3]])
