import numpy as np
import pytest
from tests.model.importing.keras_layers.making import layer

from eyebright.model.importing.keras_layers import translate
from eyebright.system.errors import ModelError, NetworkError

IMAGE = [
    lambda k: k.ZeroPadding2D(((1, 0), (2, 3))),
    lambda k: k.UpSampling2D((2, 3)),
    lambda k: k.SpatialDropout2D(0.5),
    lambda k: k.Rescaling([0.5, 1.0, 2.0], [0.0, 1.0, 2.0]),
]  # fmt: skip
VECTOR = [
    lambda k: [k.Dense(4)],
    lambda k: [k.BatchNormalization(), k.Dropout(0.3), k.ReLU(), k.Dense(4)],
    lambda k: [k.LayerNormalization(), k.Dense(3)],
    lambda k: [k.Activation("selu"), k.Activation("mish"), k.Dense(4)],
    lambda k: [k.Rescaling(0.5, 1.0), k.LeakyReLU(), k.ELU(0.3), k.Softmax(), k.Dense(4)],
    lambda k: [k.Flatten(), k.Reshape((-1,)), k.Dense(4)],
    lambda k: [k.Normalization(mean=np.arange(60.0), variance=np.arange(1.0, 61)), k.Dense(4)],
]


@pytest.mark.parametrize("make", IMAGE)
def test_a_layer_on_images_gives_what_keras_gives(keras, agrees, make):
    k = keras.layers
    agrees(keras.Sequential([k.Input((6, 7, 3)), k.Rescaling(1 / 64, -2), make(k)]))


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (layer("Rescaling", scale=-1.0), "only factors above 0"),
        (layer("Reshape", target_shape=[2, 16]), r"turns \(4, 4, 2\) into \(2, 16\)"),
        (layer("Permute", dims=[2, 1, 3]), r"dims=\[2, 1, 3\]"),
        (layer("ZeroPadding2D", padding=10**9), "padding must be"),
        (layer("UpSampling2D", interpolation="bilinear"), "interpolation='bilinear' is not supported"),
        (layer("Rescaling", scale=[[[1.0]], [[2.0]]]), r"shape \(2, 1, 1\) is not one number for each channel"),
    ],
)  # fmt: skip
def test_settings_and_weights_that_do_not_fit_are_refused(image, made, message):
    with pytest.raises((NetworkError, ModelError), match=message):
        translate(image.assembly, made, [image.value])


@pytest.mark.parametrize("make", VECTOR)
def test_flattened_maps_keep_their_order(keras, agrees, make):
    k = keras.layers
    agrees(keras.Sequential([k.Input((5, 4, 3)), k.Rescaling(1 / 64, -2), k.Flatten(), *make(k)]))


def test_the_mean_of_flattened_maps_keeps_their_order(keras, agrees):
    k = keras.layers
    images = k.Input((5, 4, 3))
    flat = k.Flatten()(k.Rescaling(1 / 64, -2)(images))
    agrees(keras.Model(images, k.Dense(4)(k.Average()([flat, k.ReLU()(flat)]))))


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
