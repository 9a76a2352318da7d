import numpy as np
import pytest
import torch

from eyebright.network import (
    BatchNorm,
    Input,
    LocalContrastNorm,
    LocalResponseNorm,
    Network,
    Normalize,
    initial_weights,
)
from eyebright.network.torch import TorchNetwork, as_input


@pytest.mark.parametrize("momentum", [0.1, 1.0])
def test_batch_norm_updates_its_running_statistics_in_training(noise, momentum):
    """Ioffe and Szegedy 2015, algorithm 2: the variance that is kept is m / (m - 1) of the batch's."""
    network = Network.sequential(Input((3, 6, 5)), BatchNorm(momentum=momentum, name="n"))
    module = TorchNetwork(network, initial_weights(network)).train()
    pictures = noise(3, 6, 5)
    mean, variance = np.zeros(3), np.ones(3)
    for batch in (pictures, 255 - pictures[:1]):
        values = batch.astype(np.float64).reshape(-1, 3)
        mean = (1 - momentum) * mean + momentum * values.mean(axis=0)
        variance = (1 - momentum) * variance + momentum * values.var(axis=0, ddof=1)
        result = module(as_input(batch)).detach().numpy()
        standard = (values - values.mean(axis=0)) / np.sqrt(values.var(axis=0) + 1e-5)
        np.testing.assert_allclose(result.transpose(0, 2, 3, 1).reshape(-1, 3), standard, atol=1e-4)
    found = module.get_weights()
    np.testing.assert_allclose(found["n.running_mean"], mean, rtol=1e-5)
    np.testing.assert_allclose(found["n.running_var"], variance, rtol=1e-5)
    assert set(found["n.weight"]) == {1} and set(found["n.bias"]) == {0}


def test_running_statistics_give_the_same_outputs_in_onnx_and_openvino(answers, noise):
    network = Network.sequential(Input((3, 6, 5)), Normalize(), BatchNorm(name="n"))
    module = TorchNetwork(network, initial_weights(network)).train()
    for _ in range(5):
        module(as_input(noise(3, 6, 5)))
    with torch.no_grad():
        expected = module.eval()(as_input(noise(3, 6, 5))).numpy()
    for found in answers(network, module.get_weights(), noise(3, 6, 5), engine=True).values():
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_running_statistics_are_not_parameters():
    network = Network.sequential(Input((3, 6, 5)), BatchNorm(name="n"))
    module = TorchNetwork(network, initial_weights(network))
    assert sum(parameter.numel() for parameter in module.parameters()) == network.parameter_count == 6


def test_the_gradient_of_local_contrast_stays_finite_on_one_colour():
    network = Network.sequential(Input((3, 12, 11)), LocalContrastNorm())
    pictures = torch.full((1, 3, 12, 11), 200.0, requires_grad=True)
    (TorchNetwork(network, {})(pictures) * torch.randn(1, 3, 12, 11)).sum().backward()
    assert torch.isfinite(pictures.grad).all()


@pytest.mark.parametrize("layer", [LocalContrastNorm(5), LocalResponseNorm()])
def test_local_normalisations_run_in_float32_under_autocast(noise, layer):
    module = TorchNetwork(Network.sequential(Input((3, 12, 11)), layer), {})
    samples = as_input(noise(3, 12, 11))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(module(samples), module.eval()(samples.clone()))
        found = module(samples)
    assert found.dtype == torch.float32 and torch.equal(found, module(samples))
