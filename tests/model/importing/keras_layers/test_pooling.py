import pytest
from tests.model.importing.keras_layers.making import layer

from eyebright.model.importing.keras_layers import translate
from eyebright.system.errors import ModelError, NetworkError

IMAGE = [
    lambda k: k.MaxPooling2D((3, 2), strides=2, padding="same"),
    lambda k: k.AveragePooling2D(2, strides=1, padding="valid"),
    lambda k: k.GlobalAveragePooling2D(keepdims=True),
    lambda k: k.GlobalMaxPooling2D(),
]  # fmt: skip


@pytest.mark.parametrize("make", IMAGE)
def test_a_layer_on_images_gives_what_keras_gives(keras, agrees, make):
    k = keras.layers
    agrees(keras.Sequential([k.Input((6, 7, 3)), k.Rescaling(1 / 64, -2), make(k)]))


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (layer("MaxPooling2D", pool_size=[9, 9], padding="valid"), "larger than its input"),
        (layer("AveragePooling2D", padding="reflect"), "padding='reflect' is not supported, only 'valid' or 'same'"),
    ],
)  # fmt: skip
def test_settings_and_weights_that_do_not_fit_are_refused(image, made, message):
    with pytest.raises((NetworkError, ModelError), match=message):
        translate(image.assembly, made, [image.value])
