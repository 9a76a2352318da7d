import numpy as np
import pytest
from torch.optim.lr_scheduler import CosineAnnealingLR

from eyebright.training.schedule import learning_rate


def rates(steps: int, warmup: int) -> list[float]:
    return [learning_rate(step, steps=steps, warmup_steps=warmup, peak=0.5) for step in range(steps)]


def test_warm_up_is_a_straight_line_to_the_peak():
    assert rates(100, 10)[:10] == pytest.approx(np.linspace(0.05, 0.5, 10))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_after_it_comes_the_cosine_that_torch_has():
    import torch

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    scheduler = CosineAnnealingLR(optimizer, T_max=90)
    expected = []
    for _ in range(90):
        expected.append(scheduler.get_last_lr()[0])
        scheduler.step()
    assert rates(100, 10)[10:] == pytest.approx(expected, abs=1e-9)


def test_a_warm_up_longer_than_half_of_the_training_is_cut_to_half():
    assert np.argmax(rates(10, 1_000)) in (4, 5)


def test_a_single_step_is_made_at_the_peak():
    assert rates(1, 100) == [0.5]
