import numpy as np
import pytest

from eyebright.network import Conv2d, Input, Network
from eyebright.network.onnx import to_onnx


@pytest.mark.parametrize(
    ("size", "kernel", "row"),
    [
        (3, [[0, 0, 0], [-1, 0, 1], [0, 0, 0]], [0.5, 9.5, 9.5, -8.5]),
        ((1, 2), [[-1, 1]], [0.5, 9.5, 0.5, -8.5]),  # an even kernel looks to the right
    ],
)
def test_convolutions_of_a_step_by_hand(run, size, kernel, row):
    network = Network.sequential(Input((1, 3, 4)), Conv2d(1, size, padding="same", name="c"))
    weights = {"c.weight": np.array([[kernel]], np.float32), "c.bias": np.array([0.5], np.float32)}
    step = np.array([[0, 0, 9, 9]] * 3, np.uint8).reshape(1, 3, 4, 1)
    assert np.array_equal(run(network, weights, step), [[[row] * 3]])


@pytest.mark.parametrize(
    ("channels", "width", "strides"), [(1, 3, [1, 1]), (2, 3, [2, 2]), (1, 7, [2, 2])], ids=["sliced", "two", "wide"]
)
def test_one_channel_that_becomes_one_column_is_convolved_without_stride(run, channels, width, strides):
    """OpenVINO mixes up its rows otherwise. Each value is the sum of 9 ones for each channel."""
    network = Network.sequential(Input((channels, 9, width)), Conv2d(1, 3, 2, bias=False, name="c"))
    weights = {"c.weight": np.ones((1, channels, 3, 3), np.float32)}
    (conv,) = [node for node in to_onnx(network, weights).graph.node if node.op_type == "Conv"]
    assert [list(attribute.ints) for attribute in conv.attribute if attribute.name == "strides"] == [strides]
    result = run(network, weights, np.ones((1, 9, width, channels), np.uint8))
    assert np.array_equal(result, np.full((1, 1, 4, (width - 1) // 2), 9 * channels))
