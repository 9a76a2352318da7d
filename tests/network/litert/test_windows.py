import numpy as np
import pytest

from eyebright.network import Conv2d, Input, Network
from eyebright.network.litert import to_litert


@pytest.mark.parametrize(
    ("size", "padding", "expected"),
    [
        (7, 1, ["CONV_2D"]),  # an odd size is padded on both sides, as by TensorFlow
        (8, 1, ["PAD", "CONV_2D"]),  # an even one by TensorFlow at the end only
        (8, "same", ["CONV_2D"]),
        (8, 0, ["CONV_2D"]),
    ],
)
def test_padding_is_an_operator_only_where_tensorflow_pads_otherwise(operators, size, padding, expected):
    network = Network.sequential(Input((1, size, size)), Conv2d(1, 3, 2, padding, bias=False, name="c"))
    found = operators(to_litert(network, {"c.weight": np.ones((1, 1, 3, 3), np.float32)}))
    assert found == ["CAST", *expected]
