import pytest
from tests.model.importing.keras_layers.making import layer

from eyebright.model.importing.keras_layers import translate
from eyebright.system.errors import ModelError, NetworkError

IMAGE = [
    lambda k: k.BatchNormalization(scale=False, epsilon=0.01),
    lambda k: k.BatchNormalization(center=False),
    lambda k: k.LayerNormalization(axis=[1, 2, 3]),
    lambda k: k.Normalization(mean=[1.0, 2.0, 3.0], variance=[4.0, 5.0, 6.0]),
]  # fmt: skip


@pytest.mark.parametrize("make", IMAGE)
def test_a_layer_on_images_gives_what_keras_gives(keras, agrees, make):
    k = keras.layers
    agrees(keras.Sequential([k.Input((6, 7, 3)), k.Rescaling(1 / 64, -2), make(k)]))


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (layer("BatchNormalization", axis=1, scale=False, center=False), "axis=1 is not supported"),
        (layer("LayerNormalization", axis=-1), "axis=-1 is not supported"),
    ],
)  # fmt: skip
def test_settings_and_weights_that_do_not_fit_are_refused(image, made, message):
    with pytest.raises((NetworkError, ModelError), match=message):
        translate(image.assembly, made, [image.value])
