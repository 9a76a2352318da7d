import numpy as np
import pytest
import torch

from eyebright.network import (
    Dropout,
    Input,
    Linear,
    Network,
    Normalize,
    ReLU,
    initial_weights,
)
from eyebright.network.torch import TorchNetwork, as_input


def test_a_network_on_vectors_agrees_with_modules_of_torch():
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
def test_dropout_zeroes_its_share_in_training_only_and_keeps_the_mean(p):
    module = TorchNetwork(Network.sequential(Input((60_000,)), Dropout(p)), {})
    ones = torch.ones(1, 60_000)
    torch.manual_seed(0)
    dropped = module.train()(ones)
    assert abs(float((dropped == 0).float().mean()) - p) < 0.01
    assert abs(float(dropped.mean()) - 1) < 0.02
    assert torch.equal(module.eval()(ones), ones)


def test_dropout_with_p_0_does_nothing():
    module = TorchNetwork(Network.sequential(Input((1000,)), Dropout(0.0)), {}).train()
    assert torch.equal(module(torch.ones(3, 1000)), torch.ones(3, 1000))


def test_dropout_works_on_images_in_channels_last_order():
    module = TorchNetwork(Network.sequential(Input((3, 50, 40)), Dropout(0.5)), {}).train()
    pictures = torch.ones(2, 3, 50, 40).contiguous(memory_format=torch.channels_last)
    dropped = module(pictures)
    assert set(dropped.unique().tolist()) == {0.0, 2.0} and abs(float(dropped.mean()) - 1) < 0.1


def test_normalize_and_relu_do_not_change_the_given_samples(answers):
    samples = np.array([[-1, 2]], np.float32)
    answers(Network.sequential(Input((2,)), Normalize(1.0, 2.0), ReLU()), {}, samples)
    assert samples.tolist() == [[-1, 2]]
