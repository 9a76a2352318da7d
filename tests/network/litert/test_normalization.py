import numpy as np

from eyebright.network import BatchNorm, Input, LocalContrastNorm, LocalResponseNorm, Network, Normalize
from eyebright.network.litert import to_litert


def test_a_batch_norm_that_stands_alone_is_a_factor_and_a_shift(litert, operators, pictures):
    """(x - 3) / sqrt(4) * 10 + 1."""
    network = Network.sequential(Input((3, 9, 8)), BatchNorm(name="n"))
    values = {"weight": 10, "bias": 1, "running_mean": 3, "running_var": 4}
    weights = {f"n.{key}": np.full(3, value, np.float32) for key, value in values.items()}
    assert operators(to_litert(network, weights)) == ["CAST", "MUL", "ADD"]
    (found,) = litert(network, weights, pictures).values()
    np.testing.assert_allclose(found, (pictures.transpose(0, 3, 1, 2) - 3.0) / 2 * 10 + 1, rtol=1e-4)


def test_a_response_norm_is_one_operator_whose_alpha_is_for_each_channel(read):
    content = to_litert(Network.sequential(Input((3, 9, 8)), LocalResponseNorm(5, 0.5, 0.75, 1.5)), {})
    options = read(content).subgraphs[0].operators[-1].builtinOptions
    found = options.radius, options.bias, options.alpha, options.beta
    np.testing.assert_allclose(found, (2, 1.5, 0.1, 0.75), rtol=1e-6)


def test_local_contrast_of_an_image_of_one_colour_is_0(litert):
    network = Network.sequential(Input((3, 9, 8)), Normalize(), LocalContrastNorm(5))
    (found,) = litert(network, {}, np.full((1, 9, 8, 3), 200, np.uint8)).values()
    assert np.abs(found).max() < 1e-3
