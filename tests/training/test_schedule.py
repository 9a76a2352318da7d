import numpy as np
import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, OneCycleLR

from eyebright.training.schedule import learning_rate


def rates(steps: int, warmup: int, schedule: str = "cosine") -> list[float]:
    return [learning_rate(step, steps=steps, warmup_steps=warmup, peak=0.5, schedule=schedule) for step in range(steps)]


def rates_of_torch(scheduler: LRScheduler, steps: int) -> list[float]:
    found = []
    for step in range(steps):
        found.append(scheduler.get_last_lr()[0])
        if step < steps - 1:
            scheduler.step()
    return found


def optimizer() -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)


def test_warm_up_is_a_straight_line_to_the_peak():
    assert rates(100, 10)[:10] == pytest.approx(np.linspace(0.05, 0.5, 10))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_after_it_comes_the_cosine_that_torch_has():
    expected = rates_of_torch(CosineAnnealingLR(optimizer(), T_max=90), 90)
    assert rates(100, 10)[10:] == pytest.approx(expected, abs=1e-9)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("steps", [5, 10, 99, 1000])
def test_one_cycle_is_the_one_that_torch_has(steps):
    expected = rates_of_torch(OneCycleLR(optimizer(), 0.5, total_steps=steps, cycle_momentum=False), steps)
    assert rates(steps, 10, "one-cycle") == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_one_cycle_of_a_few_steps_stays_within_the_peak_and_ends_low(steps):
    found = rates(steps, 0, "one-cycle")
    assert all(0 < rate <= 0.5 for rate in found)
    assert found[-1] == pytest.approx(0.5 / 25e4) or steps == 1


def test_a_constant_rate_is_the_peak_after_the_warm_up():
    found = rates(100, 10, "constant")
    assert found[:10] == pytest.approx(np.linspace(0.05, 0.5, 10))
    assert set(found[10:]) == {0.5}


def test_a_warm_up_longer_than_half_of_the_training_is_cut_to_half():
    assert np.argmax(rates(10, 1_000)) in (4, 5)


def test_a_single_step_is_made_at_the_peak():
    assert rates(1, 100) == [0.5]
