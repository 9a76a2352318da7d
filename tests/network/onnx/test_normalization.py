import numpy as np
import pytest

from eyebright.network import BatchNorm, Input, LocalContrastNorm, LocalResponseNorm, Network, Normalize
from eyebright.network.onnx import to_onnx


@pytest.mark.parametrize(("k", "operators"), [(2.0, ["LRN"]), (1.5, ["LRN", "Mul"])])
def test_every_bias_of_a_response_norm_is_an_integer(k, operators):
    """OpenVINO rounds it; another k is a factor after the operator."""
    nodes = to_onnx(Network.sequential(Input((3, 9, 8)), LocalResponseNorm(k=k)), {}).graph.node[2:]
    assert [node.op_type for node in nodes] == operators
    (bias,) = [attribute.f for attribute in nodes[0].attribute if attribute.name == "bias"]
    assert bias == int(bias)


def test_batch_norm_uses_its_running_statistics_in_the_order_of_onnx(run, pictures):
    """Scale, shift, mean, variance: (x - 3) / sqrt(4) * 10 + 1."""
    network = Network.sequential(Input((3, 9, 8)), BatchNorm(name="n"))
    values = {"weight": 10, "bias": 1, "running_mean": 3, "running_var": 4}
    weights = {f"n.{key}": np.full(3, value, np.float32) for key, value in values.items()}
    expected = (pictures.transpose(0, 3, 1, 2).astype(np.float64) - 3) / 2 * 10 + 1
    np.testing.assert_allclose(run(network, weights, pictures), expected, rtol=1e-4)


def test_local_contrast_of_an_image_of_one_colour_is_0(run):
    network = Network.sequential(Input((3, 9, 8)), Normalize(), LocalContrastNorm(5))
    assert np.abs(run(network, {}, np.full((1, 9, 8, 3), 200, np.uint8))).max() < 1e-3
