import pytest

from eyebright.network import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    AvgPool2d,
    GlobalAvgPool2d,
    GlobalMaxPool2d,
    Input,
    MaxPool2d,
    Network,
    ReLU,
)
from eyebright.network.keras import to_keras
from eyebright.system.errors import NetworkError


@pytest.mark.parametrize(
    ("layers", "kinds"),
    [
        ([MaxPool2d(2)], ["MaxPooling2D"]),
        ([MaxPool2d(3, 2)], ["MaxPooling2D"]),
        ([MaxPool2d(3, 2, padding="same")], ["MaxPooling2D"]),
        ([MaxPool2d(3, 1, padding=1)], ["MaxPooling2D"]),
        ([MaxPool2d(2, ceil_mode=True)], ["MaxPooling2D"]),
        ([ReLU(), MaxPool2d(3, 2, padding=1)], ["ReLU", "ZeroPadding2D", "MaxPooling2D"]),
        # Zeros around values that may be negative would change the maximum.
        ([MaxPool2d(3, 2, padding=1)], ["MaxPooling2D", "Cropping2D", "MaxPooling2D"]),
        ([MaxPool2d((3, 5), (2, 3), padding=(0, 1), ceil_mode=True)], ["MaxPooling2D", "Cropping2D", "MaxPooling2D"]),
        ([AvgPool2d(2)], ["AveragePooling2D"]),
        ([AvgPool2d(3, 2, padding=1)], ["ZeroPadding2D", "AveragePooling2D"]),
        ([AvgPool2d(3, 1, padding=1, count_include_pad=False)], ["AveragePooling2D"]),
        ([AvgPool2d((3, 2), 2, padding="same", count_include_pad=False)], ["AveragePooling2D"]),
        ([AdaptiveAvgPool2d(1)], ["GlobalAveragePooling2D"]),
        ([AdaptiveAvgPool2d((3, 4))], ["AveragePooling2D"]),
        ([AdaptiveAvgPool2d((4, 11))], ["AdaptiveAveragePooling2D"]),
        ([AdaptiveMaxPool2d(1)], ["GlobalMaxPooling2D"]),
        ([AdaptiveMaxPool2d((3, 4))], ["MaxPooling2D"]),
        ([AdaptiveMaxPool2d((4, 11))], ["AdaptiveMaxPooling2D"]),
        ([GlobalAvgPool2d()], ["GlobalAveragePooling2D"]),
        ([GlobalMaxPool2d()], ["GlobalMaxPooling2D"]),
    ],
)
def test_pools_are_those_of_torch(agrees, layers, kinds):
    model = agrees(*layers)
    assert [type(layer).__name__ for layer in model.layers[2:]] == kinds


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (AvgPool2d(3, 2, padding=1, count_include_pad=False, name="odd"), "has means of fewer pixels"),
        (AvgPool2d(2, ceil_mode=True, name="odd"), "has means of fewer pixels"),
        (MaxPool2d(4, 2, padding=2, name="odd"), "has a padding of half a kernel of even size"),
    ],
)
def test_pools_that_keras_cannot_compute_are_refused_by_name(layer, reason):
    network = Network.sequential(Input((3, 9, 8)), layer)
    with pytest.raises(NetworkError, match=f"2d 'odd' {reason}.*, which Keras's layers cannot compute"):
        to_keras(network, {})
