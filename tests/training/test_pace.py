import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyebright.training.checkpoint import Progress
from eyebright.training.pace import Pace
from eyebright.training.settings import Settings


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
    pace, at, rates = Pace(settings, steps=10), Progress(), []
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
    at, planned = pace.plan_again(Progress())
    assert planned.steps == 100 and planned.epochs == 10
    assert [pace.rate(step, at) for step in (0, 50, 100)] == pytest.approx([1.0, 0.5, 0.0], abs=1e-6)
    at = msgspec.structs.replace(at, step=50, epoch=5)
    at, _ = pace.plan_again(at)
    assert pace.rate(75, at) == pytest.approx(0.1464, abs=1e-3)  # (1 + cos(3/4 pi)) / 2, as if nothing had been


def test_a_training_that_goes_on_in_a_new_process_goes_on_at_the_same_rates():
    settings = Settings(minutes=1, learning_rate=1.0, warmup_epochs=0, epochs=0)
    whole, resumed = (Pace(settings, steps=10) for _ in range(2))
    whole.plan, resumed.plan = Plans(200), Plans(155)
    at, _ = whole.plan_again(Progress())
    at = msgspec.structs.replace(at, step=45, epoch=4, seen=5)  # what the checkpoint held
    later, _ = resumed.plan_again(at)
    steps = range(45, 200, 5)
    assert [resumed.rate(step, later) for step in steps] == pytest.approx([whole.rate(step, at) for step in steps])
