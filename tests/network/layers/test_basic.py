import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from eyebright.network import (
    AdaptiveMaxPool2d,
    Add,
    AvgPool2d,
    Concat,
    Conv2d,
    Dropout,
    Flatten,
    Input,
    Linear,
    MaxPool2d,
    Multiply,
    Network,
    Normalize,
    ReLU,
    Sigmoid,
    Unflatten,
    Upsample,
    ZeroPad2d,
)
from eyebright.system.errors import NetworkError


@pytest.mark.parametrize("shape", [(3, 5, 7), (1, 1, 1), (32,)])
def test_an_input_has_its_shape_and_normalize_keeps_it(shape):
    assert Normalize()(Input(shape)()).shape == shape


def test_input_and_normalize_have_no_parameters():
    assert Input((3, 5, 7)).parameters() == {} and Normalize().parameters((3, 5, 7)) == {}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Input((3, 8)), r"shape must be .*got \(3, 8\)"),
        (lambda: Input((3, 0, 8)), "from 1 to 65536"),
        (lambda: Input((3, -8, 8)), r"from 1 to 65536, got \(3, -8, 8\)"),
        (lambda: Input((3, 8, 65_537)), "65537"),
        (lambda: Input(28), "shape"),
        (lambda: Normalize(std=0.0), "std must be above 0.*got 0.0"),
        (lambda: Normalize(std=(1.0, -1.0, 1.0)), "std must be above 0"),
        (lambda: Normalize(mean=math.nan), "mean must be finite, got nan"),
        (lambda: Normalize(std=math.inf), "finite, got inf"),
    ],
)
def test_invalid_settings_of_inputs(make, message):
    with pytest.raises(NetworkError, match=message):
        make()


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (Normalize(mean=(1.0, 2.0)), (3, 8, 8), "mean has 2 values, but the input has 3 channels"),
        (Normalize(std=(1.0, 2.0)), (3,), "std has 2 values"),
    ],
)
def test_statistics_for_another_number_of_channels_are_refused(layer, shape, message):
    with pytest.raises(NetworkError, match=message):
        layer(Input(shape)())


def test_flatten_counts_all_values():
    assert Flatten().output_shape((3, 5, 7)) == Flatten().output_shape((105,)) == (105,)


@given(factor=st.integers(1, 9) | st.tuples(st.integers(1, 9), st.integers(1, 9)))
def test_enlarged_maps_have_the_shape_that_torch_gives(factor):
    expected = nn.Upsample(scale_factor=factor)(torch.empty(1, 3, 5, 7, device="meta")).shape[1:]
    assert Upsample(factor).output_shape((3, 5, 7)) == tuple(expected)


@pytest.mark.parametrize("factor", [0, (2, -1), 1.5])
def test_maps_are_only_enlarged_by_whole_factors(factor):
    with pytest.raises(NetworkError, match="scale_factor"):
        Upsample(factor)


@pytest.mark.parametrize("bias", [True, False])
def test_parameters_of_linear_are_named_and_shaped_as_in_torch(bias):
    expected = {name: tuple(tensor.shape) for name, tensor in nn.Linear(4, 6, bias).named_parameters()}
    assert {name: parameter.shape for name, parameter in Linear(6, bias).parameters((4,)).items()} == expected


def test_fans_are_those_of_torch():
    weight = Linear(6).parameters((4,))["weight"]
    expected = nn.init._calculate_fan_in_and_fan_out(torch.empty(weight.shape, device="meta"))
    assert (weight.fan_in, weight.fan_out) == expected


def test_multiply_adds_are_inputs_times_outputs():
    assert Linear(6).multiply_adds((4,)) == 24


def test_dropout_keeps_the_shape_and_has_no_parameters():
    assert Dropout().output_shape((3, 5, 7)) == (3, 5, 7) and Dropout().parameters((3, 5, 7)) == {}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Linear(0), "out_features must be from 1 to 1,000,000"),
        (lambda: Linear(-10), "out_features must be from 1 .*got -10"),
        (lambda: Linear(2.0), "out_features.*float"),
        (lambda: Linear(2, initializer="ones"), "initializer.*'ones'"),
        (lambda: Dropout(1.0), "p must be at least 0 and below 1, got 1.0"),
        (lambda: Dropout(-0.1), "p must be at least 0"),
        (lambda: Dropout(math.nan), "got nan"),
    ],
)
def test_invalid_settings_of_dense(make, message):
    with pytest.raises(NetworkError, match=message):
        make()


def test_a_linear_layer_on_images_is_refused_and_flatten_suggested():
    with pytest.raises(NetworkError, match=r"expected a vector .*\(3, 8, 8\): add a Flatten layer before it"):
        Linear(4)(Input((3, 8, 8))())


@pytest.mark.parametrize(
    ("layer", "shapes", "expected"),
    [
        (Add(), [(3, 5, 7)] * 3, (3, 5, 7)),
        (Add(), [(4,)] * 2, (4,)),
        (Multiply(), [(3, 5, 7), (3, 5, 7)], (3, 5, 7)),
        (Multiply(), [(3, 5, 7), (3, 1, 1)], (3, 5, 7)),
        (Multiply(), [(4,), (4,)], (4,)),
        (Concat(), [(3, 5, 7), (1, 5, 7), (4, 5, 7)], (8, 5, 7)),
        (Concat(), [(3,), (4,)], (7,)),
        (Concat(), [(3, 5, 7)], (3, 5, 7)),
    ],
)
def test_shapes_of_merged_inputs(layer, shapes, expected):
    assert layer.output_shape(*shapes) == expected
    assert layer.parameters(*shapes) == {} and layer.multiply_adds(*shapes) == 0


@pytest.mark.parametrize(
    ("layer", "shapes", "words"),
    [
        (Add(name="sum"), [(3, 8, 8), (3, 8, 7)], "same shape"),
        (Add(name="sum"), [(3, 8, 8), (1, 8, 8)], "same shape"),
        (Add(name="sum"), [(3,), (3, 1, 1)], "same shape"),
        (Multiply(name="gate"), [(3, 8, 8), (3, 8, 7)], "same shape"),
        (Multiply(name="gate"), [(3, 8, 8), (4, 1, 1)], "same shape"),
        (Multiply(name="gate"), [(3, 1, 1), (3, 8, 8)], "same shape"),
        (Multiply(name="gate"), [(3,), (3, 1, 1)], "same shape"),
        (Concat(name="cat"), [(3, 8, 8), (3, 8, 7)], "same shape except for the channels"),
        (Concat(name="cat"), [(3,), (3, 8, 8)], "same shape except for the channels"),
    ],
)
def test_shapes_that_do_not_fit_are_refused_with_the_names_of_all_layers(layer, shapes, words):
    nodes = [Input(shape, name=name)() for name, shape in zip(["left", "right"], shapes, strict=True)]
    first, second = (str(shape).replace("(", r"\(").replace(")", r"\)") for shape in shapes)
    message = f"^{type(layer).__name__} '{layer.name}', after left and right: .*{words}.*got {first} and {second}$"
    with pytest.raises(NetworkError, match=message):
        layer(*nodes)


@pytest.mark.parametrize("layer", [Add(name="join"), Multiply(name="join")])
def test_a_mismatch_in_json_is_refused_with_shapes_and_names(layer):
    pictures = Input((3, 8, 8), name="in")()
    left = Conv2d(4, 3, padding="same", name="left")(pictures)
    data = Network(pictures, layer(left, Conv2d(4, 1, name="right")(pictures))).to_dict()
    (right,) = [entry for entry in data["layers"] if entry["name"] == "right"]
    right["kernel_size"] = 2
    with pytest.raises(NetworkError, match=r"'join', after left and right.*\(4, 8, 8\) and \(4, 7, 7\)"):
        Network.from_dict(data)


def test_unnamed_inputs_are_named_by_their_type():
    pictures = Input((3, 8, 8))()
    with pytest.raises(NetworkError, match=r"^Concat, after Conv2d and AvgPool2d: .*\(4, 8, 8\) and \(3, 4, 4\)"):
        Concat()(Conv2d(4, 1)(pictures), AvgPool2d(2)(pictures))
    with pytest.raises(NetworkError, match=r"^Add, after Linear and Linear: .*\(4,\) and \(5,\)"):
        Add()(Linear(4)(Flatten()(pictures)), Linear(5)(Flatten()(pictures)))


@pytest.mark.parametrize(
    ("layer", "count", "wanted"),
    [
        (Add(), 1, "at least 2 inputs"),
        (Multiply(), 1, "2 inputs"),
        (Multiply(), 3, "2 inputs"),
        (Concat(), 0, "at least 1 input"),
    ],
)
def test_too_few_or_too_many_inputs_are_refused(layer, count, wanted):
    with pytest.raises(NetworkError, match=f"{type(layer).__name__} needs {wanted}, got {count}$"):
        layer(*[Input((3,))() for _ in range(count)])


MEAN = st.floats(-300, 300, width=32)

STD = st.floats(0.5, 300, width=32)


@settings(max_examples=25, deadline=None)
@given(mean=MEAN | st.tuples(MEAN, MEAN, MEAN), std=STD | st.tuples(STD, STD, STD))
def test_normalize_subtracts_and_divides_channel_by_channel(answers, noise, mean, std):
    pictures = noise(3, 4, 5)
    expected = ((pictures - np.float64(mean)) / np.float64(std)).transpose(0, 3, 1, 2)
    network = Network.sequential(Input((3, 4, 5)), Normalize(mean, std))
    for found in answers(network, {}, pictures).values():
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * 600)


def test_normalize_can_be_the_rescaling_of_keras(answers, noise):
    pictures = noise(3, 4, 5)
    network = Network.sequential(Input((3, 4, 5)), Normalize(0, 255))
    for found in answers(network, {}, pictures, engine=True).values():
        np.testing.assert_allclose(found, pictures.transpose(0, 3, 1, 2) / 255, rtol=1e-5)


@pytest.mark.parametrize(("mean", "std"), [(1.0, 2.0), ((1.0, 2.0, 3.0, 4.0), (4.0, 3.0, 2.0, 1.0))])
def test_vectors_are_normalized_feature_by_feature(answers, mean, std):
    samples = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
    network = Network.sequential(Input((4,)), Normalize(mean, std))
    for found in answers(network, {}, samples, engine=True).values():
        np.testing.assert_allclose(found, (samples - np.float64(mean)) / np.float64(std), rtol=1e-5, atol=1e-6)


def test_images_enter_channels_last_and_are_flattened_channel_by_channel(answers, noise):
    pictures = noise(3, 4, 5)
    expected = [np.concatenate([picture[:, :, channel].ravel() for channel in range(3)]) for picture in pictures]
    for found in answers(Network.sequential(Input((3, 4, 5)), Flatten()), {}, pictures, engine=True).values():
        assert np.array_equal(found, expected)


@settings(max_examples=25, deadline=None)
@given(in_features=st.integers(1, 20), out_features=st.integers(1, 20), bias=st.booleans())
def test_a_linear_layer_is_a_product_of_matrices(answers, in_features, out_features, bias):
    random = np.random.default_rng([in_features, out_features])
    samples, weight = random.standard_normal((4, in_features)), random.standard_normal((out_features, in_features))
    weights = {"d.weight": weight} | ({"d.bias": random.standard_normal(out_features)} if bias else {})
    weights = {name: tensor.astype(np.float32) for name, tensor in weights.items()}
    samples = samples.astype(np.float32)
    expected = np.einsum("ni,oi->no", samples.astype(np.float64), weights["d.weight"].astype(np.float64))
    expected += weights.get("d.bias", 0)
    network = Network.sequential(Input((in_features,)), Linear(out_features, bias, name="d"))
    for found in answers(network, weights, samples).values():
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_flatten_and_linear_on_images_in_openvino_too(agree, noise):
    weights = {name: np.random.default_rng(1).standard_normal(shape).astype(np.float32) / 8
               for name, shape in (("d.weight", (5, 60)), ("d.bias", (5,)))}  # fmt: skip
    layers = [Flatten(), Dropout(0.9), Linear(5, name="d")]
    agree(
        layers,
        noise(3, 4, 5),
        lambda values: values.reshape(2, 60) @ weights["d.weight"].T.astype(np.float64) + weights["d.bias"],
        weights,
        engine=True,
    )


def on_pictures(merge):
    """A network on images (3, 6, 5) whose last layers `merge` makes from values from -8 to 8."""
    pictures = Input((3, 6, 5))()
    return Network(pictures, merge(Normalize(128.0, 16.0)(pictures)))


@pytest.mark.parametrize(
    ("merge", "by_hand"),
    [
        (lambda x: Add()(x, ReLU()(x)), lambda x: x + np.maximum(x, 0)),
        (lambda x: Add()(x, ReLU()(x), x, Dropout(0.9)(x)), lambda x: 3 * x + np.maximum(x, 0)),
        (lambda x: Multiply()(x, ReLU()(x)), lambda x: x * np.maximum(x, 0)),
        (
            lambda x: Multiply()(x, AdaptiveMaxPool2d(1)(x)),
            lambda x: x * x.max(axis=(2, 3), keepdims=True),
        ),
        (lambda x: Concat()(x, ReLU()(x), x), lambda x: np.concatenate([x, np.maximum(x, 0), x], axis=1)),
        (Concat(), lambda x: x),
        (
            lambda x: Concat()(Flatten()(x), Flatten()(MaxPool2d((6, 5))(x))),
            lambda x: np.concatenate([x.reshape(2, -1), x.max(axis=(2, 3))], axis=1),
        ),
        (
            lambda x: Concat()(AvgPool2d((6, 1))(x), AvgPool2d((6, 1))(ReLU()(x))),
            lambda x: np.concatenate([x, np.maximum(x, 0)], axis=1).mean(axis=2, keepdims=True),
        ),
    ],
)
def test_merged_branches_follow_their_formulas(answers, noise, merge, by_hand):
    pictures = noise(3, 6, 5)
    expected = by_hand((pictures.astype(np.float64) - 128).transpose(0, 3, 1, 2) / 16)
    for who, found in answers(on_pictures(merge), {}, pictures, engine=True).items():
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5, err_msg=who)


def test_vectors_are_merged_too(answers):
    samples = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    inputs = Input((4,))()
    gate = Sigmoid()(inputs)
    for merge, expected in (
        (Add(), samples + 1 / (1 + np.exp(-samples))),
        (Multiply(), samples / (1 + np.exp(-samples))),
        (Concat(), np.concatenate([samples, 1 / (1 + np.exp(-samples))], axis=1)),
    ):
        for found in answers(Network(inputs, merge(inputs, gate)), {}, samples, engine=True).values():
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_many_inputs_are_summed(answers):
    inputs = Input((4,))()
    network = Network(inputs, Add()(*[inputs] * 40))
    samples = np.array([[1, -2, 3, -4]], np.float32)
    for found in answers(network, {}, samples, engine=True).values():
        assert np.array_equal(found, 40 * samples)


def test_a_vector_becomes_maps_of_one_pixel():
    assert Unflatten()(Input((5,))()).shape == (5, 1, 1)
    with pytest.raises(NetworkError, match=r"expected a vector \(features,\), got \(3, 2, 2\)"):
        Unflatten()(Input((3, 2, 2))())


def test_zeros_around_maps_are_given_side_by_side_as_in_torch():
    shape = ZeroPad2d((1, 2, 3, 4))(Input((3, 8, 7))()).shape
    assert shape == tuple(nn.ZeroPad2d((1, 2, 3, 4))(torch.zeros(3, 8, 7)).shape)
    with pytest.raises(NetworkError, match=r"padding must be from 0 to 1,000 pixels a side, got \(0, -1, 0, 0\)"):
        ZeroPad2d((0, -1, 0, 0))
    with pytest.raises(NetworkError, match="expected an image"):
        ZeroPad2d((1, 1, 1, 1))(Input((5,))())
