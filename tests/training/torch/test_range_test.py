import numpy as np
import pytest
import torch
from tests.training.torch.making import nothing

from eyebright.system.errors import SettingsError
from eyebright.training.events.event import Event, Progress
from eyebright.training.torch.fit import fit
from eyebright.training.torch.range_test import range_test


@pytest.mark.parametrize("changes", [{"accumulation": 2}, {"optimizer": "sgd", "weight_decay": 5e-4}])
def test_the_suggested_rate_learns_better_than_ones_far_from_it(job, changes):
    settings = job.settings.changed({"epochs": 4, **changes})
    found = range_test(job.network, job.weights, job.material, settings, emit=nothing)

    def loss(rate: float) -> float:
        events: list[Event] = []
        try:
            fit(*job._replace(settings=settings.changed({"learning_rate": rate})), emit=events.append)
        except SettingsError:  # burst
            return np.inf
        return min(event.validation_loss for event in events if hasattr(event, "validation_loss"))

    best = loss(found.suggestion)
    assert best < loss(found.suggestion / 300)
    assert best < loss(min(found.suggestion * 1000, 100))


def test_the_arguments_stay_the_same_and_validation_images_are_not_used(job):
    before = {name: values.copy() for name, values in job.weights.items()}
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    threads = torch.get_num_threads()
    alone = job.material._replace(validation=np.empty(0, np.int64))
    found = range_test(job.network, job.weights, alone, job.settings, emit=nothing, steps=30)
    assert all(np.array_equal(before[name], values) for name, values in job.weights.items())
    assert torch.equal(torch.rand(4), expected)
    assert torch.get_num_threads() == threads
    assert found == range_test(job.network, job.weights, job.material, job.settings, emit=nothing, steps=30)


def test_it_ends_when_the_loss_diverges_and_reports_every_step(job):
    events: list[Event] = []
    found = range_test(job.network, job.weights, job.material, job.settings, emit=events.append)
    tried = [event for event in events if isinstance(event, Progress)]
    assert [event.done for event in tried] == list(range(1, len(found.rates) + 1))
    assert tried[-1].note == f"rate {found.rates[-1]:.1e}  loss {found.smoothed[-1]:.3f}"
    assert len(found.rates) < tried[0].of == 200
    assert max(found.smoothed[:-1]) <= 4 * min(found.smoothed)
    assert found.losses[0] == pytest.approx(np.log(3), rel=0.5)  # of a network that knows nothing


def test_weights_that_are_not_finite_give_no_suggestion(job):
    weights = dict(job.weights) | {"dense_2.bias": np.full(3, np.nan, np.float32)}
    with pytest.raises(SettingsError, match="the loss does not fall at any learning rate"):
        range_test(job.network, weights, job.material, job.settings, emit=nothing)
