"""History: the course of a training, epoch by epoch, as lists that plot well."""

from collections.abc import Iterable

from eyebright.codec import Record
from eyebright.training.events import AnyEvent, EpochEnded


class History(Record, frozen=True, kw_only=True):
    """One value for each epoch; see `EpochEnded` for what they are."""

    loss: tuple[float, ...] = ()
    accuracy: tuple[float, ...] = ()
    validation_loss: tuple[float, ...] = ()
    validation_accuracy: tuple[float, ...] = ()
    learning_rate: tuple[float, ...] = ()
    pictures_per_second: tuple[float, ...] = ()
    seconds: tuple[float, ...] = ()
    best_epoch: int = 0

    @classmethod
    def from_events(cls, events: Iterable[AnyEvent]) -> "History":
        """The history that a run's events tell; an epoch that was done twice (after a crash) counts as done last."""
        epochs = {event.epoch: event for event in events if isinstance(event, EpochEnded)}
        course = [epochs[number] for number in sorted(epochs)]
        return cls(
            loss=tuple(epoch.train_loss for epoch in course),
            accuracy=tuple(epoch.train_accuracy for epoch in course),
            validation_loss=tuple(epoch.validation_loss for epoch in course),
            validation_accuracy=tuple(epoch.validation_accuracy for epoch in course),
            learning_rate=tuple(epoch.learning_rate for epoch in course),
            pictures_per_second=tuple(epoch.pictures_per_second for epoch in course),
            seconds=tuple(epoch.seconds for epoch in course),
            best_epoch=max((epoch.epoch for epoch in course if epoch.best), default=0),
        )
