from types import SimpleNamespace

import numpy as np
import pytest

from eyebright.model.importing.assembly import Assembly
from eyebright.model.importing.keras_layers import KerasLayer, translate
from eyebright.network import Hardsigmoid, Input, Normalize
from eyebright.system.errors import ModelError, NetworkError

IMAGE = [
    lambda k: k.Conv2D(5, (3, 2), strides=(2, 1), padding="same", activation="relu"),
    lambda k: k.Conv2D(4, 3, dilation_rate=2, use_bias=False, activation="sigmoid"),
    lambda k: k.DepthwiseConv2D(3, strides=2, depth_multiplier=2, padding="same", activation="swish"),
    lambda k: k.SeparableConv2D(5, 3, depth_multiplier=2, padding="same", activation="elu"),
    lambda k: k.BatchNormalization(scale=False, epsilon=0.01),
    lambda k: k.BatchNormalization(center=False),
    lambda k: k.LayerNormalization(axis=[1, 2, 3]),
    lambda k: k.Normalization(mean=[1.0, 2.0, 3.0], variance=[4.0, 5.0, 6.0]),
    lambda k: k.MaxPooling2D((3, 2), strides=2, padding="same"),
    lambda k: k.AveragePooling2D(2, strides=1, padding="valid"),
    lambda k: k.GlobalAveragePooling2D(keepdims=True),
    lambda k: k.GlobalMaxPooling2D(),
    lambda k: k.ZeroPadding2D(((1, 0), (2, 3))),
    lambda k: k.UpSampling2D((2, 3)),
    lambda k: k.Dense(4, activation="tanh"),
    lambda k: k.ReLU(max_value=6.0),
    lambda k: k.ReLU(negative_slope=0.2),
    lambda k: k.LeakyReLU(0.1),
    lambda k: k.Activation(k.ELU(0.5)),
    lambda k: k.Softmax(),
    lambda k: k.SpatialDropout2D(0.5),
    lambda k: k.Rescaling([0.5, 1.0, 2.0], [0.0, 1.0, 2.0]),
    *[lambda k, name=name: k.Activation(name) for name in
      ("relu6", "gelu", "hard_silu", "hard_sigmoid", "softplus", "linear")],
]  # fmt: skip
VECTOR = [
    lambda k: [k.Dense(4)],
    lambda k: [k.BatchNormalization(), k.Dropout(0.3), k.ReLU(), k.Dense(4)],
    lambda k: [k.LayerNormalization(), k.Dense(3)],
    lambda k: [k.Rescaling(0.5, 1.0), k.LeakyReLU(), k.ELU(0.3), k.Softmax(), k.Dense(4)],
    lambda k: [k.Flatten(), k.Reshape((-1,)), k.Dense(4)],
    lambda k: [k.Normalization(mean=np.arange(60.0), variance=np.arange(1.0, 61)), k.Dense(4)],
]


@pytest.mark.parametrize("make", IMAGE)
def test_a_layer_on_images_gives_what_keras_gives(keras, agrees, make):
    k = keras.layers
    agrees(keras.Sequential([k.Input((6, 7, 3)), k.Rescaling(1 / 64, -2), make(k)]))


@pytest.mark.parametrize("make", VECTOR)
def test_flattened_maps_keep_their_order(keras, agrees, make):
    k = keras.layers
    agrees(keras.Sequential([k.Input((5, 4, 3)), k.Rescaling(1 / 64, -2), k.Flatten(), *make(k)]))


def test_the_mean_of_flattened_maps_keeps_their_order(keras, agrees):
    k = keras.layers
    images = k.Input((5, 4, 3))
    flat = k.Flatten()(k.Rescaling(1 / 64, -2)(images))
    agrees(keras.Model(images, k.Dense(4)(k.Average()([flat, k.ReLU()(flat)]))))


def layer(kind, *tensors, major=3, **settings):
    return KerasLayer(kind, "a", settings, tensors, major)


@pytest.fixture
def image():
    assembly = Assembly()
    return SimpleNamespace(assembly=assembly, value=assembly.add(Input((2, 4, 4))))


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (
            layer("Lambda"),
            "the class Lambda cannot be imported: it contains code, which is never run. Supported: A",
        ),
        (layer("TFSMLayer"), "'a' of the class TFSMLayer cannot be imported: eyebright has no such layer"),
        (layer("Conv3D"), "Conv3D.*Supported: .*Conv2D, .*Dense"),
    ],
)
def test_an_unknown_layer_is_refused_by_name(image, made, message):
    with pytest.raises(ModelError, match=message):
        translate(image.assembly, made, [image.value])


KERNEL = np.zeros((3, 3, 2, 4), np.float32)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (layer("Conv2D", KERNEL, filters=4, kernel_size=3, use_bias=True), "expected the weights kernel, bias, got 1"),
        (layer("Conv2D", KERNEL, filters=5, kernel_size=3, use_bias=False), r"\(5, 2, 3, 3\), got weight \(4, 2"),
        (layer("Conv2D", KERNEL[0], filters=4, kernel_size=3, use_bias=False), r"width, in, out\), got \(3, 2"),
        (layer("Conv2D", KERNEL, filters=10**9, kernel_size=3, use_bias=False), "from 1 to 1,000,000"),
        (layer("Conv2D", KERNEL, filters="4", kernel_size=3, use_bias=False), "invalid out_channels '4'"),
        (layer("Conv2D", KERNEL, filters=4, kernel_size=3, data_format="channels_first"), "'channels_first'"),
        (layer("DepthwiseConv2D", KERNEL[:, :, :1], kernel_size=3, use_bias=False), "a kernel for 2 channels"),
        (layer("Dense", KERNEL, units=4, use_bias=False), r"expected a kernel \(inputs, units\)"),
        (layer("BatchNormalization", axis=1, scale=False, center=False), "axis=1 is not supported"),
        (layer("LayerNormalization", axis=-1), "axis=-1 is not supported"),
        (layer("Activation", activation="mish"), "the activation 'mish' is not supported: elu, gelu"),
        (layer("Activation", activation={"class_name": "__lambda__", "config": {"value": "gANj"}}), "__lambda__"),
        (layer("ReLU", max_value=5.0), "max_value=5.0"),
        (layer("Rescaling", scale=-1.0), "only factors above 0"),
        (layer("Reshape", target_shape=[2, 16]), r"turns \(4, 4, 2\) into \(2, 16\)"),
        (layer("Permute", dims=[2, 1, 3]), r"dims=\[2, 1, 3\]"),
        (layer("Softmax", axis=1), "axis=1"),
        (layer("MaxPooling2D", pool_size=[9, 9], padding="valid"), "larger than its input"),
        (layer("ZeroPadding2D", padding=10**9), "padding must be"),
        (layer("UpSampling2D", interpolation="bilinear"), "interpolation='bilinear' is not supported"),
    ],
)  # fmt: skip
def test_settings_and_weights_that_do_not_fit_are_refused(image, made, message):
    with pytest.raises((NetworkError, ModelError), match=message):
        translate(image.assembly, made, [image.value])


def test_turned_maps_may_only_be_flattened(image):
    turned = translate(image.assembly, layer("Permute", dims=[3, 1, 2]), [image.value])
    assert translate(image.assembly, layer("Flatten"), [turned]).order is None
    with pytest.raises(NetworkError, match="only Flatten may do that"):
        translate(image.assembly, layer("ReLU"), [turned])


def test_a_vector_has_a_limit(image):
    value = image.value._replace(shape=(3, 30_000, 30_000))
    with pytest.raises(NetworkError, match="more than 10,000,000 features"):
        translate(image.assembly, layer("Flatten"), [value])


def test_vectors_in_another_order_cannot_be_added(image):
    flat = translate(image.assembly, layer("Flatten"), [image.value])
    with pytest.raises(NetworkError, match="flattened maps with another vector"):
        translate(image.assembly, layer("Add"), [flat, flat._replace(order=None)])


def test_the_hard_sigmoid_of_keras_2_is_steeper(image):
    """`clip(0.2 x + 0.5, 0, 1)`, against `relu6(x + 3) / 6` since Keras 3."""
    value = translate(image.assembly, layer("Activation", activation="hard_sigmoid", major=2), [image.value])
    network, _ = image.assembly.finish(value)
    scale, function = (place.layer for place in list(network.places.values())[1:])
    assert isinstance(scale, Normalize) and isinstance(function, Hardsigmoid)
    assert (1 / scale.std) / 6 == pytest.approx(0.2)
