import math
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eyebright.system.errors import SettingsError
from eyebright.training import budget
from eyebright.training.budget import Deadline, Plan, answers_in, watched
from eyebright.training.events.event import Progress
from eyebright.training.settings import Settings


class Clock:
    """A clock that stands unless it is told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(budget, "time", clock)
    return clock


def plan_of(clock, *, minutes=2.0, step_s=0.1, steps=95, evaluated=1800, validation=600):
    deadline = Deadline(minutes, clock.now, evaluated)
    return Plan(deadline, step_s, picture_s=step_s / 32, steps=steps, evaluated=validation)


@example(minutes=0.5, step_s=0.453125, steps=1, validation=682)  # the rest once held steps of several epochs
@given(
    minutes=st.floats(0.5, 60),
    step_s=st.floats(0.001, 0.5),
    steps=st.integers(1, 500),
    validation=st.integers(1, 800),
)
def test_planned_steps_fit_with_their_validations_evaluation_and_saving(minutes, step_s, steps, validation):
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(budget, "time", clock)
        try:
            plan = plan_of(clock, minutes=minutes, step_s=step_s, steps=steps, validation=validation)
        except SettingsError:
            return
        plan.measured(1, step_s, 0.01 * validation * step_s)
        more = plan.more_steps()
        clock.now += more * step_s + math.ceil(more / steps) * 0.01 * validation * step_s
        assert clock.now + 4 + 1800 * step_s / 32 * 0.6 < 1000 + 60 * minutes


@pytest.mark.parametrize(("frozen", "share"), [((), 0.6), (("conv1",), 0.8)])
def test_an_evaluation_takes_more_of_a_step_where_only_the_top_is_trained(frozen, share):
    assert Deadline.of_training(Settings(frozen=frozen), 0.0, 200) is None
    deadline = Deadline.of_training(Settings(minutes=2, frozen=frozen), 0.0, 200)
    assert deadline.after_s(0.1) - deadline.after_s(0.0) == pytest.approx(200 * 0.1 * share)


def test_too_little_time_is_refused_with_a_budget_that_is_enough(clock):
    with pytest.raises(SettingsError, match=r"minutes = 0\.1 is too short: 0 s were used before") as problem:
        plan_of(clock, minutes=0.1)
    enough = float(re.search(r"use minutes = ([\d.]+) or more", str(problem.value))[1])
    assert plan_of(clock, minutes=enough).more_steps() > 0


def test_no_more_steps_remain_than_fit_or_than_are_enough(clock):
    """Two epochs of 95 steps of 0.1 s, each with a validation of 600 images at 0.4 / 320 s."""
    deadline = Deadline(2.0, clock.now, 1800, epochs=2)
    plan = Plan(deadline, 0.1, picture_s=0.1 / 32, steps=95, evaluated=600)
    assert plan.enough == 190 and plan.remaining(0) == (190, pytest.approx(190 * 0.1 + 2 * 600 * 0.4 / 320))
    assert plan.remaining(185) == (5, pytest.approx(5 * 0.1 + 600 * 0.4 / 320))
    assert plan.remaining(200) == (0, 0.0)
    clock.now += 105
    assert plan.remaining(0) == (plan.more_steps(), 15.0)
    assert plan_of(clock).remaining(10_000) == (plan_of(clock).more_steps(), 120.0)


def test_an_epoch_that_took_longer_leaves_fewer_steps(clock):
    plan = plan_of(clock)
    before = plan.more_steps()
    plan.measured(95, training_s=19.0, validation_s=1.0)
    assert 0 < plan.more_steps() < 0.6 * before


def test_the_epoch_ends_while_there_is_time_to_validate_it(clock):
    plan = plan_of(clock)
    assert not plan.over
    clock.now += 120 - 5 - 1800 * 0.1 / 32 * 0.6 - 600 * 0.1 / 32 * 0.4 - 0.01
    assert not plan.over
    clock.now += 0.02
    assert plan.over


def test_a_preparation_that_would_take_too_long_is_stopped_with_a_budget_that_is_enough(clock):
    said = []
    tell = watched(said.append, 1.0, clock.now)
    tell(Progress(stage="preparing", done=0, of=1000))
    clock.now += 10
    tell(Progress(stage="preparing", done=500, of=1000))  # 20 seconds in all
    tell(Progress(stage="computing features", done=0, of=1000))
    clock.now += 1
    tell(Progress(stage="computing features", done=1, of=1000))  # 1,000 s, but one image is too few to know
    clock.now += 10
    with pytest.raises(
        SettingsError, match=r"minutes = 1 is too short: preparing 1,000 images ends after about 16 min 45 s"
    ):
        tell(Progress(stage="computing features", done=20, of=1000))
    assert len(said) == 5


def test_a_stage_that_starts_again_is_measured_again(clock):
    tell = watched(lambda event: None, 1.0, clock.now)
    tell(Progress(stage="computing features", done=0, of=100))
    clock.now += 5
    tell(Progress(stage="computing features", done=100, of=100))
    tell(Progress(stage="computing features", done=0, of=100))
    clock.now += 10
    with pytest.raises(SettingsError, match="preparing 100 images ends after about 1 min 40 s"):
        tell(Progress(stage="computing features", done=20, of=100))  # 15 s, 40 for the rest, 40 to evaluate, 5 to save


def test_without_a_budget_nothing_is_watched():
    assert watched(print, 0.0, 0.0) is print


def test_the_end_of_a_budget_is_too_late_to_start(clock):
    deadline = Deadline(1.0, clock.now, 100)
    clock.now += 50
    assert not deadline.too_late
    clock.now += 2
    assert deadline.too_late


def test_time_used_before_a_stop_counts(clock):
    deadline = Deadline(1.0, clock.now, 100)
    clock.now += 20
    assert deadline.used_s == 20 and deadline.after(30).left_s == 10


@given(left_s=st.floats(5, 400), validation=st.integers(1, 20_000))
def test_every_plan_has_at_least_eight_steps(left_s, validation):
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(budget, "time", clock)
        try:
            plan = plan_of(clock, minutes=left_s / 60, step_s=0.1, evaluated=0, validation=validation)
        except SettingsError:
            return
        assert plan.more_steps() >= 8


def test_what_may_follow_a_training_is_counted_in_answers():
    """An image costs 2.5 answers whatever is trained, and a step with one another three."""
    assert answers_in(0.1, 1_000, 0) == pytest.approx(250)
    assert answers_in(0.1, 1_000, 700 * 15) == pytest.approx(250 + 3_150)
