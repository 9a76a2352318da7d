"""A recorded step has the bits of the step without a graph."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from eyebright.network import initial_weights, zoo
from eyebright.training.settings import Settings
from eyebright.training.torch import graph, hardware
from eyebright.training.torch.learner import Learner
from eyebright.training.torch.objective import Classification

NETWORK = zoo.flowers_cnn(3, input_size=32)
LABELS = np.tile(np.arange(3), 8)


def trained(recipe: dict[str, object], warm_up: int, monkeypatch: pytest.MonkeyPatch) -> tuple[list[float], dict]:
    monkeypatch.setattr(graph, "_WARM_UP", warm_up)
    settings = Settings(learning_rate=1e-3).changed(recipe)
    with hardware.torch_set_up(1):
        made = Learner(
            NETWORK, initial_weights(NETWORK, 1), settings, Classification(LABELS, 3, settings, hardware.find("auto"))
        )
        made.precision, losses = "bfloat16", []
        made.module.train()
        random = torch.Generator().manual_seed(0)
        for step in range(12):
            count = 16 if step % 5 == 4 else 24  # as the last batch of an epoch
            pictures = (255 * torch.rand(count, 3, 32, 32, generator=random)).to(made.device)
            labels = torch.from_numpy(LABELS[:count]).to(made.device)
            losses.append(made.learn([(pictures, labels)], count, step=step, rate=1e-3 * (step + 1)).loss)
        if warm_up < 12:
            assert made._graph is not None and made._graph._graph is not None
        return losses, made.result.get_weights()


@pytest.mark.gpu
@pytest.mark.parametrize(
    "recipe", [{}, {"ema": 0.9, "clip_norm": 0.5}, {"optimizer": "sgd", "weight_decay": 1e-4, "label_smoothing": 0.0}]
)
def test_a_recorded_step_has_the_same_bits(recipe, monkeypatch):
    plain, recorded = trained(recipe, 99, monkeypatch), trained(recipe, 3, monkeypatch)
    assert plain[0] == recorded[0]
    assert all(np.array_equal(values, recorded[1][name]) for name, values in plain[1].items())


@pytest.mark.gpu
def test_a_step_that_waits_for_the_gpu_is_made_without_a_graph():
    step = graph.StepGraph()

    def waits(pictures: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return functional.dropout(pictures, 0.0).sum() * float(labels.sum())

    pictures, labels = torch.ones(2, 3, device="cuda"), torch.ones(2, device="cuda")
    assert [float(step(waits, number * pictures, labels)) for number in range(6)] == [0.0, 12, 24, 36, 48, 60]


@pytest.mark.gpu
def test_random_numbers_are_drawn_after_a_step_that_could_not_be_recorded():
    step = graph.StepGraph()
    with torch.random.fork_rng(devices=[0]):
        for _ in range(6):
            step(lambda pictures, labels: functional.dropout(pictures, 0.5).sum() * float(labels.sum()),
                 torch.ones(2, 3, device="cuda"), torch.ones(2, device="cuda"))  # fmt: skip
        torch.manual_seed(3)
        first = torch.rand(4, device="cuda")
        torch.manual_seed(3)
        assert torch.equal(first, torch.rand(4, device="cuda"))
