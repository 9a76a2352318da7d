"""How many views are kept for a training: as the disk and the time allow."""

import numpy as np
import pytest

from eyebright.data.pictures import Preparation
from eyebright.network.zoo.detection import detector_weights, lite0_detector
from eyebright.system.errors import DataError
from eyebright.tasks.detection.data.dataset import BoxDataset
from eyebright.tasks.detection.data.prepare import prepare
from eyebright.tasks.detection.runs import keeping
from eyebright.tasks.detection.runs.keeping import deadline_of, views_of
from eyebright.tasks.detection.training.views import ViewCache, ViewFeatures
from eyebright.training import budget, processes
from eyebright.training.budget import Deadline
from eyebright.training.events.starting import ViewsKept
from eyebright.training.settings import Settings


class Clock:
    """A clock that only stands still, unless a row is computed: that takes a second."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now


@pytest.fixture
def features(squares):
    prepared = prepare(BoxDataset.open(squares), Preparation(width=64, height=64, fit="pad"))
    network = lite0_detector(1, input_size=64)
    return ViewFeatures(prepared, network, detector_weights(network), Settings(minutes=1.0))


@pytest.fixture
def clock(features, monkeypatch):
    clock = Clock()
    for module in (budget, keeping):
        monkeypatch.setattr(module, "time", clock)

    def rows(pairs):
        for _ in pairs:
            clock.now += 1
            yield np.zeros(features.width, features.kind)

    monkeypatch.setattr(features, "rows", rows)
    return clock


def kept(features, deadline, earlier=()):
    events = []
    views = views_of(features, features.settings, events.append, earlier, deadline)
    return views.count, [event for event in events if isinstance(event, ViewsKept)]


def rounds_in(features, left_s):
    """How many views of each image fit if each takes a second and as long again in each of four epochs for a view."""
    train, count = len(features.prepared.indices("train")), 1
    left_s -= train + len(features.prepared.indices("validation"))
    while count < 7 and left_s >= train * (1 + 4 * (count + 1)):
        count, left_s = count + 1, left_s - train
    return count


@pytest.mark.parametrize("left_s", [1.0, 90.0, 140.0, 190.0, 100_000.0])
def test_little_time_keeps_fewer_views_but_one_in_any_case(left_s, features, clock):
    count, (event,) = kept(features, Deadline(left_s / 60, clock.now, 0, saving_s=0.0))
    assert count == event.views == rounds_in(features, left_s)
    assert event.wanted == 7 and event.by_time == (count < 7)
    assert event.size_bytes == ViewCache(features, *map(features.prepared.indices, ("train", "validation"))).size_bytes(
        count
    )


def test_what_follows_the_training_leaves_less_time_for_views(features, clock):
    train = len(features.prepared.indices("train"))
    after = Deadline(400 / 60, clock.now, evaluated=train, saving_s=100.0, evaluation_cost=3.0)
    expected = rounds_in(features, 400 - 100 - 3 * train)
    assert kept(features, after)[0] == expected < rounds_in(features, 400)


def test_views_that_are_there_take_no_time(features, clock):
    kept(features, None)
    before = clock.now
    assert kept(features, Deadline(0.5, clock.now, 0))[0] == 7
    assert clock.now == before


def test_a_training_that_continues_keeps_the_views_that_it_had(features, clock):
    before = ViewsKept(views=2, wanted=7, kept=True, size_bytes=1, by_time=True)
    assert kept(features, Deadline(100.0, clock.now, 0), [before]) == (2, [])


def test_the_budget_counts_the_images_of_all_evaluations(features):
    count = {side: len(features.prepared.indices(side)) for side in ("train", "validation", "test")}
    deadline = deadline_of(Settings(minutes=2.0), features.prepared, 0.0)
    assert deadline.evaluated == count["train"] + count["validation"] + count["test"]
    assert deadline_of(Settings(), features.prepared, 0.0) is None


def test_several_processes_need_views_on_the_disk(features, monkeypatch):
    monkeypatch.setattr(ViewCache, "fitting", lambda cache, wanted: 0)
    with processes.joined(processes.ProcessPlace(0, 2, 2)), pytest.raises(DataError, match="has no room for them"):
        kept(features, None)
