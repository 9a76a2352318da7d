"""How many views of the images a training keeps: as many as the disk has room for, and the budget time.

A budget ends with the saved model: what follows the training is planned here too.
"""

import time
from collections.abc import Sequence

from eyebright.system.errors import DataError
from eyebright.system.progress import Report
from eyebright.tasks.detection.data.prepare import PreparedBoxes
from eyebright.tasks.detection.model.assess import TRAIN_SAMPLE
from eyebright.tasks.detection.runs.recipe import enough_time, views_for
from eyebright.tasks.detection.training.views import ViewCache, ViewFeatures, Views
from eyebright.training import processes
from eyebright.training.budget import Deadline
from eyebright.training.events.event import Emit, Event
from eyebright.training.events.starting import ViewsKept
from eyebright.training.receivers import reporting
from eyebright.training.settings import Settings

_SAVING_S = 12.0  # to compile graphs, find intervals, draw figures, and write the page and the model
_EVALUATION_COST = 2.5  # an image goes through the whole network in float32, and in training only through its top


def deadline_of(settings: Settings, prepared: PreparedBoxes, started_at: float) -> Deadline | None:
    """The end of the budget, if there is one.

    The usual number of epochs is enough, since more of them overfit the kept views.

    Args:
        settings: How long, and how many epochs.
        prepared: The images.
        started_at: When the budget started, on `time.monotonic`.
    """
    if not settings.minutes:
        return None
    count = {side: len(prepared.indices(side)) for side in ("train", "validation", "held_back", "test")}
    evaluated = count["validation"] + count["held_back"] + count["test"] + min(count["train"], TRAIN_SAMPLE)
    return Deadline(
        settings.minutes, started_at, evaluated, saving_s=_SAVING_S, evaluation_cost=_EVALUATION_COST,
        epochs=settings.epochs,
    )  # fmt: skip


def views_of(
    features: ViewFeatures, settings: Settings, emit: Emit, earlier: Sequence[Event], deadline: Deadline | None
) -> Views:
    """The views of the images that are learned; as many as before where a training continues.

    Args:
        features: Computes them.
        settings: How the images are learned.
        emit: Receives the progress and how many views are kept.
        earlier: The events of a training that was interrupted.
        deadline: The end of the budget, if there is one.

    Raises:
        DataError: When several processes would share views that the disk has no room for.
        OutputError: When the cache cannot be written.
    """
    prepared, report = features.prepared, reporting(emit)
    train = prepared.indices("train")
    cache = ViewCache(features, train, prepared.indices("validation"))
    before = next((event for event in earlier if isinstance(event, ViewsKept)), None)
    if before is not None:
        return _views(cache, before.views, before.kept, report)
    wanted = views_for(len(train), settings)
    room = cache.fitting(wanted)
    views = None
    if room and deadline is not None:
        views = _in_time(cache, room, deadline, report)
    count = views.count if views else room or wanted
    emit(ViewsKept(
        views=count, wanted=wanted, kept=room > 0, size_bytes=cache.size_bytes(count) if room else 0,
        by_time=count < room,
    ))  # fmt: skip
    return views or _views(cache, count, room > 0, report)


def _in_time(cache: ViewCache, most: int, deadline: Deadline, report: Report) -> Views:
    """View after view of all images, as long as enough time is left to learn from another one."""
    begun, lacking = time.monotonic(), cache.lacking(1)
    views = cache.views(1, report)
    for count in range(2, most + 1):
        view_s = (time.monotonic() - begun) / max(lacking, 1) if lacking else 0.0
        if not enough_time(deadline.left_s - deadline.after_s(view_s), len(cache.indices) * view_s, count):
            break
        begun, lacking = time.monotonic(), cache.lacking(count)
        views = cache.views(count, report)
    return views


def _views(cache: ViewCache, count: int, kept: bool, report: Report) -> Views:
    features = cache.features
    if kept:
        return cache.views(count, report)
    if processes.place().size > 1:
        raise DataError(
            "several processes share the views of the images, but the disk of the cache has no room for them: make "
            "room, set EYEBRIGHT_CACHE to another disk, or train in one process"
        )
    return Views(features.settings, count, features.layout, features)
