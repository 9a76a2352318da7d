import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from eyebright.network import Dropout, Flatten, Input, Linear, Network, Normalize, ReLU, initial_weights
from eyebright.network.torch import TorchNetwork, as_input


@settings(max_examples=25, deadline=None)
@given(in_features=st.integers(1, 20), out_features=st.integers(1, 20), bias=st.booleans())
def test_a_dense_layer_is_a_product_of_matrices(answers, in_features, out_features, bias):
    random = np.random.default_rng([in_features, out_features])
    samples, weight = random.standard_normal((4, in_features)), random.standard_normal((out_features, in_features))
    weights = {"d.weight": weight} | ({"d.bias": random.standard_normal(out_features)} if bias else {})
    weights = {name: tensor.astype(np.float32) for name, tensor in weights.items()}
    samples = samples.astype(np.float32)
    expected = np.einsum("ni,oi->no", samples.astype(np.float64), weights["d.weight"].astype(np.float64))
    expected += weights.get("d.bias", 0)
    network = Network.sequential(Input((in_features,)), Linear(out_features, bias, name="d"))
    for found in answers(network, weights, samples).values():
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_a_dense_layer_on_pictures_in_openvino_too(agree, noise):
    weights = {name: np.random.default_rng(1).standard_normal(shape).astype(np.float32) / 8
               for name, shape in (("d.weight", (5, 60)), ("d.bias", (5,)))}  # fmt: skip
    layers = [Flatten(), Dropout(0.9), Linear(5, name="d")]
    agree(
        layers,
        noise(3, 4, 5),
        lambda values: values.reshape(2, 60) @ weights["d.weight"].T.astype(np.float64) + weights["d.bias"],
        weights,
        engine=True,
    )


def test_a_vector_network_is_torchs_own():
    network = Network.sequential(
        Input((5,)), Normalize((1.0,) * 5, 2.0), Linear(4, name="a"), ReLU(), Linear(3, name="b")
    )
    weights = initial_weights(network)
    own = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.ReLU(), torch.nn.Linear(4, 3))
    own.load_state_dict({f"{index}.{key}": torch.tensor(weights[f"{name}.{key}"])
                         for index, name in ((0, "a"), (2, "b")) for key in ("weight", "bias")})  # fmt: skip
    samples = np.random.default_rng(3).standard_normal((6, 5)).astype(np.float32)
    torch.testing.assert_close(TorchNetwork(network, weights)(as_input(samples)), own((torch.tensor(samples) - 1) / 2))


@pytest.mark.parametrize("p", [0.3, 0.75])
def test_dropout_drops_its_share_in_training_only_and_keeps_the_mean(p):
    module = TorchNetwork(Network.sequential(Input((60_000,)), Dropout(p)), {})
    ones = torch.ones(1, 60_000)
    torch.manual_seed(0)
    dropped = module.train()(ones)
    assert abs(float((dropped == 0).float().mean()) - p) < 0.01
    assert abs(float(dropped.mean()) - 1) < 0.02
    assert torch.equal(module.eval()(ones), ones)


def test_dropout_of_nothing_drops_nothing():
    module = TorchNetwork(Network.sequential(Input((1000,)), Dropout(0.0)), {}).train()
    assert torch.equal(module(torch.ones(3, 1000)), torch.ones(3, 1000))


def test_dropout_works_on_pictures_that_lie_channels_last():
    module = TorchNetwork(Network.sequential(Input((3, 50, 40)), Dropout(0.5)), {}).train()
    pictures = torch.ones(2, 3, 50, 40).contiguous(memory_format=torch.channels_last)
    dropped = module(pictures)
    assert set(dropped.unique().tolist()) == {0.0, 2.0} and abs(float(dropped.mean()) - 1) < 0.1
