import numpy as np
import pytest

from eyebright.network import AdaptiveAvgPool2d, AvgPool2d, Input, MaxPool2d, Network
from eyebright.network.onnx import to_onnx


@pytest.mark.parametrize("layer", [MaxPool2d(3, 2, ceil_mode=True), AvgPool2d(3, 2, 1, ceil_mode=True)])
def test_ceil_mode_is_written_as_padding(layer):
    model = to_onnx(Network.sequential(Input((3, 6, 8)), layer), {})
    assert all(attribute.name != "ceil_mode" for node in model.graph.node for attribute in node.attribute)


def test_zeros_of_the_padding_count_in_a_mean_only_if_asked_for(run):
    """Windows of 2 over 4, 8, 12 with a zero before and after: (0, 4) and (8, 12)."""
    row = np.array([4, 8, 12], np.uint8).reshape(1, 1, 3, 1)
    for counted, expected in ((True, [2, 10]), (False, [4, 10])):
        layer = AvgPool2d((1, 2), 2, (0, 1), count_include_pad=counted)
        assert run(Network.sequential(Input((1, 1, 3)), layer), {}, row).tolist() == [[[expected]]]


@pytest.mark.parametrize(("output_size", "operators"), [((3, 4), ["AveragePool"]), ((2, 4), ["MatMul", "MatMul"])])
def test_bins_of_one_size_are_a_plain_pool_and_others_products_of_matrices(output_size, operators):
    nodes = to_onnx(Network.sequential(Input((3, 9, 8)), AdaptiveAvgPool2d(output_size)), {}).graph.node[2:]
    assert [node.op_type for node in nodes] == operators


@pytest.mark.parametrize(
    ("layer", "operators"),
    [
        (AvgPool2d(2), ["AveragePool"]),
        (AvgPool2d(3, 2, 1), ["Pad", "AveragePool"]),
        (AvgPool2d(3, 2, 1, count_include_pad=False), ["AveragePool"]),
    ],
)
def test_a_mean_is_one_node_unless_zeros_of_the_padding_count(layer, operators):
    nodes = to_onnx(Network.sequential(Input((3, 9, 8)), layer), {}).graph.node[2:]
    assert [node.op_type for node in nodes] == operators
