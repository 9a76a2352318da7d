import sys

import numpy as np
import pytest
import torch

from eyebright.network import BatchNorm, Flatten, Input, Linear, Network, initial_weights
from eyebright.network.torch import TorchNetwork
from eyebright.training.torch.optimizer import Average, decay_at, eager

NETWORK = Network.sequential(Input((3, 4, 4)), BatchNorm(name="norm"), Flatten(), Linear(2, name="head"))


@pytest.mark.parametrize("decay", [0.5, 0.9, 0.999])
def test_the_average_is_the_weighted_sum_of_all_weights_so_far(decay):
    """By hand: each step's weights count for what later steps have kept of them."""
    stream = np.random.default_rng(0)
    start = initial_weights(NETWORK, 1)
    module, average = TorchNetwork(NETWORK, start), Average(NETWORK, start, decay)
    course = [start]
    for step in range(40):
        weights = {name: stream.normal(size=values.shape).astype(np.float32) for name, values in start.items()}
        module.set_weights(weights)
        average.update(module, step)
        course.append(weights)
    kept = [min(decay, (1 + step) / (10 + step)) for step in range(40)]
    shares = [np.prod(kept)] + [(1 - kept[step]) * np.prod(kept[step + 1 :]) for step in range(40)]
    assert sum(shares) == pytest.approx(1)
    for name, values in average.module.get_weights().items():
        expected = sum(share * weights[name].astype(np.float64) for share, weights in zip(shares, course, strict=True))
        assert values == pytest.approx(expected, abs=1e-5), name


def test_running_statistics_are_averaged_with_the_weights():
    start = initial_weights(NETWORK, 1)
    module, average = TorchNetwork(NETWORK, start).train(), Average(NETWORK, start, 0.9)
    module(torch.full((8, 3, 4, 4), 100.0) + torch.randn(8, 3, 4, 4))
    average.update(module, 0)
    now = module.get_weights()["norm.running_mean"]
    assert average.module.get_weights()["norm.running_mean"] == pytest.approx(0.9 * now)
    assert not average.module.training


def test_the_average_starts_short_and_grows():
    found = [decay_at(step, 0.99) for step in range(2_000)]
    assert found[0] == 0.1
    assert found == sorted(found)
    assert found[-1] == 0.99


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW])
def test_an_eager_optimizer_works_without_the_compiler_of_torch(kind, monkeypatch):
    """That it changes weights as that of torch does is in test_learner.py."""
    monkeypatch.setitem(sys.modules, "torch._dynamo", None)  # so that importing it fails
    weights = torch.nn.Parameter(torch.ones(2))
    optimizer = eager(kind)([weights], lr=0.25)
    optimizer.zero_grad()
    weights.grad = torch.ones(2)
    optimizer.step()
    optimizer.load_state_dict(optimizer.state_dict())
    assert weights.tolist() == pytest.approx([0.75, 0.75], abs=0.01)  # Adam's first step is its learning rate, too
    assert weights.requires_grad
