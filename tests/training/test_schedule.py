import itertools
import math

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, OneCycleLR

from eyebright.system.errors import SettingsError
from eyebright.training.events import AnyEvent, EpochEnded, PrecisionChosen
from eyebright.training.schedule import Pace, Position, learning_rate, leg_ends, leg_rate
from eyebright.training.settings import Settings
from eyebright.training.torch.fit import fit


def test_a_leg_falls_as_half_a_cosine_from_a_tenth_of_the_peak():
    settings = Settings(epochs=10, extended_at=(4,), learning_rate=0.5)
    assert leg_ends(settings) == (4, 10)
    found = [leg_rate(12 + step, settings, 3, leg=1, leg_epoch=4, leg_step=12) for step in range(18)]
    assert found == pytest.approx([0.05 * (1 + math.cos(math.pi * step / 18)) / 2 for step in range(18)])


def test_the_first_leg_is_the_schedule_without_any_others():
    planned, extended = Settings(epochs=4), Settings(epochs=9, extended_at=(4, 6))
    for step in range(40):
        one, other = (leg_rate(step, settings, 10, leg=0, leg_epoch=0, leg_step=0) for settings in (planned, extended))
        assert one == other


def test_a_leg_that_began_early_falls_over_all_the_epochs_that_are_left():
    settings = Settings(epochs=10, extended_at=(6,), learning_rate=1.0)  # nothing got better after the third
    assert leg_rate(30, settings, 10, leg=1, leg_epoch=3, leg_step=30) == pytest.approx(0.1)
    assert leg_rate(65, settings, 10, leg=1, leg_epoch=3, leg_step=30) == pytest.approx(0.05)


@pytest.mark.parametrize("extended_at", [[15], [20], [3, 3], [5, 4], [0]])
def test_legs_ascend_up_to_the_number_of_epochs(extended_at):
    with pytest.raises(SettingsError, match="extended_at must ascend up to epochs"):
        Settings().changed({"epochs": 15, "extended_at": extended_at})


def told(job, folder, chosen=None, **changes) -> list[AnyEvent]:
    events: list[AnyEvent] = []
    settings = job.settings.changed(changes)
    fit(*job._replace(settings=settings), emit=events.append, checkpoint_folder=folder, resume_with=chosen)
    return events


def test_a_training_goes_on_where_it_ended_though_nothing_got_better(job, tmp_path):
    """With a rate of next to nothing an epoch soon brings nothing; the next leg begins, with new patience."""
    quiet = {"learning_rate": 1e-9, "patience": 1, "warmup_epochs": 0}
    first = told(job, tmp_path, epochs=30, **quiet)
    chosen = next(event for event in first if isinstance(event, PrecisionChosen))
    second = told(job, tmp_path, chosen, epochs=60, extended_at=[30], **quiet)
    one, two = ([e.epoch for e in events if isinstance(e, EpochEnded)] for events in (first, second))
    assert one[-1] < 30
    assert two[0] == one[-1] + 1
    assert two[-1] < 60


class Plans:
    """Plans whatever it is told."""

    def __init__(self, *more: int) -> None:
        self.more = list(more)
        self.deadline = type("Deadline", (), {"left_s": 60.0})

    def more_steps(self) -> int:
        return self.more.pop(0)


@given(more=st.lists(st.integers(1, 3000), min_size=2, max_size=8), schedule=st.sampled_from(["cosine", "constant"]))
def test_however_the_plans_change_the_rate_never_jumps_and_only_falls_after_the_warm_up(more, schedule):
    settings = Settings(minutes=1, learning_rate=1.0, schedule=schedule, warmup_epochs=1)
    pace, at, rates = Pace(settings, steps=10), Position(), []
    pace.plan = Plans(*more)
    for _ in more:
        at, _ = pace.plan_again(at)
        for _ in range(min(10, pace.total - at.step)):
            rates.append(pace.rate(at.step, at))
            at = at.after_step(1, 0.0, 0)
    after = rates[pace.warmup :]
    assert all(0 <= later <= earlier + 1e-9 for earlier, later in itertools.pairwise(after))
    assert max(rates) <= 1.0


def test_a_plan_that_holds_gives_the_cosine_of_as_many_steps():
    settings = Settings(minutes=1, learning_rate=1.0, warmup_epochs=0)
    pace = Pace(settings, steps=10)
    pace.plan = Plans(100, 50)
    at, planned = pace.plan_again(Position())
    assert planned.steps == 100 and planned.epochs == 10
    assert [pace.rate(step, at) for step in (0, 50, 100)] == pytest.approx([1.0, 0.5, 0.0], abs=1e-6)
    at = msgspec.structs.replace(at, step=50, epoch=5)
    at, _ = pace.plan_again(at)
    assert pace.rate(75, at) == pytest.approx(0.1464, abs=1e-3)  # (1 + cos(3/4 pi)) / 2, as if nothing had been


def test_a_training_that_goes_on_in_a_new_process_goes_on_at_the_same_rates():
    settings = Settings(minutes=1, learning_rate=1.0, warmup_epochs=0, epochs=0)
    whole, resumed = (Pace(settings, steps=10) for _ in range(2))
    whole.plan, resumed.plan = Plans(200), Plans(155)
    at, _ = whole.plan_again(Position())
    at = msgspec.structs.replace(at, step=45, epoch=4, seen=5)  # what the checkpoint held
    later, _ = resumed.plan_again(at)
    steps = range(45, 200, 5)
    assert [resumed.rate(step, later) for step in steps] == pytest.approx([whole.rate(step, at) for step in steps])


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
