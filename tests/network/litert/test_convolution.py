import numpy as np
import pytest

from eyebright.network import Conv2d, Input, Network, initial_weights
from eyebright.network.litert import to_litert


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (Conv2d(4, 3), ["CONV_2D"]),
        (Conv2d(4, 3, padding=1), ["CONV_2D"]),  # as TensorFlow pads it
        (Conv2d(4, 3, 2, padding="same"), ["CONV_2D"]),
        (Conv2d(4, 3, 2, padding=1), ["PAD", "CONV_2D"]),
        (Conv2d(8, 3, groups=4), ["DEPTHWISE_CONV_2D"]),
        (Conv2d(8, 3, groups=2), ["CONV_2D"]),
    ],
)
def test_a_convolution_is_one_operator_unless_torch_pads_otherwise(operators, layer, expected):
    network = Network.sequential(Input((4, 10, 10)), layer)
    assert operators(to_litert(network, initial_weights(network))) == ["CAST", *expected]


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_groups_see_their_own_channels(litert, batch, groups):
    """Every kernel of 1 x 1 has a weight of its own: a sum of products by hand."""
    layer = Conv2d(8, 1, groups=groups, bias=False, name="c")
    weight = np.arange(8 * 4 // groups, dtype=np.float32).reshape(8, 4 // groups, 1, 1)
    pictures = np.random.default_rng(1).integers(0, 9, (batch, 2, 3, 4), np.uint8)
    parts = pictures.reshape(batch, 2, 3, groups, 4 // groups)
    kernels = weight.reshape(groups, 8 // groups, 4 // groups)
    expected = np.einsum("nhwgc,goc->nhwgo", parts, kernels).reshape(batch, 2, 3, 8)
    (found,) = litert(Network.sequential(Input((4, 2, 3)), layer), {"c.weight": weight}, pictures).values()
    assert np.array_equal(found.transpose(0, 2, 3, 1), expected)
