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
from eyebright.training.schedule import Pace, Position, learning_rate, leg_ends, leg_rate
from eyebright.training.settings import Settings


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


def test_a_leg_that_started_early_falls_over_all_remaining_epochs():
    settings = Settings(epochs=10, extended_at=(6,), learning_rate=1.0)  # nothing got better after the third
    assert leg_rate(30, settings, 10, leg=1, leg_epoch=3, leg_step=30) == pytest.approx(0.1)
    assert leg_rate(65, settings, 10, leg=1, leg_epoch=3, leg_step=30) == pytest.approx(0.05)


@pytest.mark.parametrize("extended_at", [[15], [20], [3, 3], [5, 4], [0]])
def test_legs_ascend_up_to_the_number_of_epochs(extended_at):
    with pytest.raises(SettingsError, match="extended_at must ascend up to epochs"):
        Settings().changed({"epochs": 15, "extended_at": extended_at})


@given(more=st.lists(st.integers(1, 3000), min_size=2, max_size=8), schedule=st.sampled_from(["cosine", "constant"]))
def test_changing_plans_never_make_the_rate_jump_or_rise_after_the_warm_up(more, schedule):
    settings = Settings(minutes=1, learning_rate=1.0, schedule=schedule, warmup_epochs=1)
    pace, at, rates = Pace(settings, steps=10, timed=True), Position(), []
    for more_steps in more:
        at = pace.plan(at, more_steps)
        for _ in range(min(10, pace.total - at.step)):
            rates.append(pace.rate(at.step, at))
            at = at.after_step(1, 0.0, 0)
    after = rates[pace.warmup :]
    assert all(0 <= later <= earlier + 1e-9 for earlier, later in itertools.pairwise(after))
    assert max(rates) <= 1.0


def test_a_plan_that_holds_gives_the_cosine_of_as_many_steps():
    settings = Settings(minutes=1, learning_rate=1.0, warmup_epochs=0)
    pace = Pace(settings, steps=10, timed=True)
    at = pace.plan(Position(), 100)
    assert pace.total == 100 and pace.epochs == 10
    assert [pace.rate(step, at) for step in (0, 50, 100)] == pytest.approx([1.0, 0.5, 0.0], abs=1e-6)
    at = pace.plan(msgspec.structs.replace(at, step=50, epoch=5), 50)
    assert pace.rate(75, at) == pytest.approx(0.1464, abs=1e-3)  # (1 + cos(3/4 pi)) / 2, as without a second plan


def test_a_training_that_continues_in_a_new_process_has_the_same_rates():
    settings = Settings(minutes=1, learning_rate=1.0, warmup_epochs=0, epochs=0)
    whole, resumed = (Pace(settings, steps=10, timed=True) for _ in range(2))
    at = whole.plan(Position(), 200)
    at = msgspec.structs.replace(at, step=45, epoch=4, seen=5)  # from a checkpoint
    later = resumed.plan(at, 155)
    steps = range(45, 200, 5)
    assert [resumed.rate(step, later) for step in steps] == pytest.approx([whole.rate(step, at) for step in steps])


def test_the_warm_up_of_a_timed_training_takes_a_fifth_of_its_steps_at_most():
    pace = Pace(Settings(minutes=1, learning_rate=1.0, warmup_epochs=3), steps=10, timed=True)
    at = pace.plan(Position(), 50)
    assert pace.warmup == 10
    assert [pace.rate(step, at) for step in (0, 4)] == pytest.approx([0.1, 0.5], rel=0.05)


def test_without_a_budget_there_are_steps_left_until_the_leg_ends():
    pace = Pace(Settings(epochs=9, extended_at=(4,)), steps=10)
    assert (pace.total, pace.epochs) == (90, 9)
    for epoch, leg, more in ((3, 0, True), (4, 0, False), (4, 1, True), (9, 1, False)):
        assert pace.more(Position(epoch=epoch, leg=leg)) == more


def test_a_start_is_replaced_only_by_an_epoch_that_is_better_in_loss_and_accuracy():
    start = Position().at_start(loss=0.70, accuracy=0.80)
    assert start.after_epoch(loss=0.71, accuracy=0.81).best_epoch == 0
    assert start.after_epoch(loss=0.69, accuracy=0.79).best_epoch == 0
    assert start.after_epoch(loss=0.69, accuracy=0.81).best_epoch == 1
    assert Position().after_epoch(loss=9.0, accuracy=0.1).best_epoch == 1  # the start was not validated


def test_the_best_epoch_of_a_detector_has_the_lowest_loss():
    figures = [(1.4, 0.92), (1.3, 0.90), (1.35, 0.95)]  # loss, mAP50
    at, by_accuracy = Position(), Position()
    for loss, accuracy in figures:
        at = at.after_epoch(loss, accuracy, by_loss=True)
        by_accuracy = by_accuracy.after_epoch(loss, accuracy)
    assert (at.best_epoch, at.best_loss, at.best_accuracy) == (2, 1.3, 0.90)
    assert by_accuracy.best_epoch == 3


def test_epochs_are_stale_until_accuracy_or_loss_improves():
    at = Position().after_epoch(loss=1.0, accuracy=0.5).after_epoch(loss=1.0, accuracy=0.5)
    assert (at.best_epoch, at.stale_epochs) == (1, 1)
    assert at.after_epoch(loss=0.9, accuracy=0.4).stale_epochs == 0
    better = at.after_epoch(loss=1.5, accuracy=0.6)
    assert (better.best_epoch, better.stale_epochs, better.lowest_loss) == (3, 0, 1.0)
    assert at.next_leg().stale_epochs == 0


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
def test_the_cosine_after_the_warm_up_is_that_of_torch():
    expected = rates_of_torch(CosineAnnealingLR(optimizer(), T_max=90), 90)
    assert rates(100, 10)[10:] == pytest.approx(expected, abs=1e-9)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("steps", [5, 10, 99, 1000])
def test_one_cycle_is_that_of_torch(steps):
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
