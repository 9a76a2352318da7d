import pytest

from eyebright.network import Conv2d, Input, Network, initial_weights
from eyebright.network.keras import to_keras
from eyebright.system.errors import NetworkError


@pytest.mark.parametrize(
    ("layer", "kinds"),
    [
        (Conv2d(4, 3), ["Conv2D"]),
        (Conv2d(4, (3, 2), bias=False, padding="same"), ["Conv2D"]),
        (Conv2d(4, 3, padding=1), ["Conv2D"]),
        (Conv2d(4, 3, 2, padding="same"), ["Conv2D"]),
        (Conv2d(4, 3, 2, padding=1), ["ZeroPadding2D", "Conv2D"]),  # 8 columns: (1, 1), where "same" is (0, 1)
        (Conv2d(4, (5, 3), (3, 1), padding=(2, 0)), ["ZeroPadding2D", "Conv2D"]),
        (Conv2d(4, 3, dilation=2, padding=2), ["Conv2D"]),
        (Conv2d(4, (1, 3), 2, dilation=(3, 1)), ["Conv2D"]),  # dilation of one row has no effect
        (Conv2d(6, 3, groups=3, padding="same", stride=2), ["DepthwiseConv2D"]),
        (Conv2d(6, 3, groups=3, padding=1, bias=False), ["DepthwiseConv2D"]),
        (Conv2d(6, 3, (1, 2), groups=3), ["Conv2D"]),  # TensorFlow wants equal strides in DepthwiseConv2D
    ],
)
def test_convolutions_are_those_of_torch(agrees, layer, kinds):
    model = agrees(layer)
    assert [type(layer).__name__ for layer in model.layers[2:]] == kinds


def test_groups_of_several_channels_keep_apart(agrees):
    agrees(Conv2d(4, 1), Conv2d(6, 3, groups=2))


def test_stride_with_dilation_is_refused_by_name():
    network = Network.sequential(Input((3, 9, 8)), Conv2d(2, 3, 2, dilation=2, name="odd"))
    with pytest.raises(NetworkError, match="Conv2d 'odd' has both a stride and dilation, which Keras's layers cannot"):
        to_keras(network, initial_weights(network))
