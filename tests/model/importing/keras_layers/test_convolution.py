import numpy as np
import pytest
from tests.model.importing.keras_layers.making import layer

from eyebright.model.importing.keras_layers import translate
from eyebright.system.errors import ModelError, NetworkError

KERNEL = np.zeros((3, 3, 2, 4), np.float32)
IMAGE = [
    lambda k: k.Conv2D(5, (3, 2), strides=(2, 1), padding="same", activation="relu"),
    lambda k: k.Conv2D(4, 3, dilation_rate=2, use_bias=False, activation="sigmoid"),
    lambda k: k.DepthwiseConv2D(3, strides=2, depth_multiplier=2, padding="same", activation="swish"),
    lambda k: k.SeparableConv2D(5, 3, depth_multiplier=2, padding="same", activation="elu"),
    lambda k: k.Dense(4, activation="tanh"),
]  # fmt: skip


@pytest.mark.parametrize("make", IMAGE)
def test_a_layer_on_images_gives_what_keras_gives(keras, agrees, make):
    k = keras.layers
    agrees(keras.Sequential([k.Input((6, 7, 3)), k.Rescaling(1 / 64, -2), make(k)]))


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
        (layer("Conv2D", KERNEL, filters=4, kernel_size=3, use_bias=False, padding="causal"), "padding='causal'"),
    ],
)  # fmt: skip
def test_settings_and_weights_that_do_not_fit_are_refused(image, made, message):
    with pytest.raises((NetworkError, ModelError), match=message):
        translate(image.assembly, made, [image.value])
