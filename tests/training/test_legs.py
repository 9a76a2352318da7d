import math

import pytest

from eyebright.errors import SettingsError
from eyebright.training.events import AnyEvent, EpochEnded, PrecisionChosen
from eyebright.training.fit import fit
from eyebright.training.legs import ends, rate
from eyebright.training.settings import Settings


def test_a_leg_falls_as_half_a_cosine_from_a_tenth_of_the_peak():
    settings = Settings(epochs=10, extended_at=(4,), learning_rate=0.5)
    assert ends(settings) == (4, 10)
    found = [rate(12 + step, settings, 3, leg=1, leg_epoch=4, leg_step=12) for step in range(18)]
    assert found == pytest.approx([0.05 * (1 + math.cos(math.pi * step / 18)) / 2 for step in range(18)])


def test_the_first_leg_is_the_schedule_without_any_others():
    planned, extended = Settings(epochs=4), Settings(epochs=9, extended_at=(4, 6))
    for step in range(40):
        one, other = (rate(step, settings, 10, leg=0, leg_epoch=0, leg_step=0) for settings in (planned, extended))
        assert one == other


def test_a_leg_that_began_early_falls_over_all_the_epochs_that_are_left():
    settings = Settings(epochs=10, extended_at=(6,), learning_rate=1.0)  # nothing got better after the third
    assert rate(30, settings, 10, leg=1, leg_epoch=3, leg_step=30) == pytest.approx(0.1)
    assert rate(65, settings, 10, leg=1, leg_epoch=3, leg_step=30) == pytest.approx(0.05)


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
