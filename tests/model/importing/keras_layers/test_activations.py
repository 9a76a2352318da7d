import pytest
from tests.model.importing.keras_layers.making import layer

from eyebright.model.importing.keras_layers import translate
from eyebright.network import Hardsigmoid, Normalize
from eyebright.system.errors import ModelError, NetworkError

IMAGE = [
    lambda k: k.ReLU(max_value=6.0),
    lambda k: k.ReLU(negative_slope=0.2),
    lambda k: k.LeakyReLU(0.1),
    lambda k: k.Activation(k.ELU(0.5)),
    lambda k: k.Softmax(),
    *[lambda k, name=name: k.Activation(name) for name in
      ("relu6", "gelu", "hard_silu", "hard_sigmoid", "softplus", "linear", "selu", "mish")],
]  # fmt: skip


@pytest.mark.parametrize("make", IMAGE)
def test_a_layer_on_images_gives_what_keras_gives(keras, agrees, make):
    k = keras.layers
    agrees(keras.Sequential([k.Input((6, 7, 3)), k.Rescaling(1 / 64, -2), make(k)]))


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (layer("Activation", activation="mash"), "the activation 'mash' is not supported, only elu, gelu"),
        (layer("Activation", activation={"class_name": "__lambda__", "config": {"value": "gANj"}}), "__lambda__"),
        (layer("ReLU", max_value=5.0), "max_value=5.0"),
        (layer("Softmax", axis=1), "axis=1"),
    ],
)  # fmt: skip
def test_settings_and_weights_that_do_not_fit_are_refused(image, made, message):
    with pytest.raises((NetworkError, ModelError), match=message):
        translate(image.assembly, made, [image.value])


def test_the_hard_sigmoid_of_keras_2_is_steeper(image):
    """`clip(0.2 x + 0.5, 0, 1)`, against `relu6(x + 3) / 6` since Keras 3."""
    value = translate(image.assembly, layer("Activation", activation="hard_sigmoid", major=2), [image.value])
    network, _ = image.assembly.finish(value)
    scale, function = (place.layer for place in list(network.places.values())[1:])
    assert isinstance(scale, Normalize) and isinstance(function, Hardsigmoid)
    assert (1 / scale.std) / 6 == pytest.approx(0.2)
