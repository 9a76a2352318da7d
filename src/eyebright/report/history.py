"""The history of a training: losses, accuracies and speed of each epoch, as lists, a table or a figure."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from eyebright.system.records import Record
from eyebright.system.table import Table, Tabular
from eyebright.system.text import counted, percent
from eyebright.training.events.event import Emit, Event, StepDone
from eyebright.training.events.fitting import EpochEnded, Measure
from eyebright.training.receivers import to_all

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class History(Tabular, Record, frozen=True, kw_only=True):
    """One value for each epoch; `EpochEnded` explains them.

    `loss` and `accuracy` are those of the training set, measured as those of the validation set are. `measure` says
    what the accuracy is; what was not measured is empty.
    """

    loss: tuple[float, ...] = ()
    accuracy: tuple[float, ...] = ()
    validation_loss: tuple[float, ...] = ()
    validation_accuracy: tuple[float, ...] = ()
    learning_rate: tuple[float, ...] = ()
    pictures_per_second: tuple[float, ...] = ()
    pictures: tuple[int, ...] = ()
    sample: tuple[int, ...] = ()
    running_loss: tuple[float, ...] = ()
    running_accuracy: tuple[float, ...] = ()
    seconds: tuple[float, ...] = ()
    best_epoch: int = 0
    measure: Measure = "accuracy"

    @property
    def history(self) -> dict[str, list[float]]:
        """The lists by their names in Keras: "loss", "accuracy" (or "mAP50"), "val_loss", "val_accuracy"."""
        lists = {"loss": self.loss, self.measure: self.accuracy, "val_loss": self.validation_loss,
                 f"val_{self.measure}": self.validation_accuracy}  # fmt: skip
        return {name: list(values) for name, values in lists.items() if values}

    def plot(self) -> "Figure":
        """The curves of accuracy and loss as a matplotlib figure, which a notebook shows."""
        import matplotlib.pyplot as plt  # noqa: F401 - with it a notebook knows how to show a figure

        from eyebright.report.plots import curves

        return curves(self)

    def as_table(self) -> Table:
        """A row for each epoch, with a column for everything that was measured."""
        best = f", best epoch {self.best_epoch} (marked *)" if self.best_epoch else ""
        epochs = [f"{epoch} *" if epoch == self.best_epoch else str(epoch) for epoch in range(1, len(self.loss) + 1)]
        columns = [
            ("epoch", epochs),
            ("training loss", list(map("{:#.3g}".format, self.loss))),
            (self.measure, list(map(percent, self.accuracy))),
            ("validation loss", list(map("{:#.3g}".format, self.validation_loss))),
            (self.measure, list(map(percent, self.validation_accuracy))),
            ("images/s", list(map("{:,.0f}".format, self.pictures_per_second))),
        ]
        measured = [(title, cells) for title, cells in columns if cells]
        rows = list(zip(*(cells for _, cells in measured), strict=False))
        return Table(f"History: {counted(len(epochs), 'epoch')}{best}", tuple(title for title, _ in measured), rows)

    @classmethod
    def from_events(cls, events: Iterable[Event]) -> "History":
        """The history of a run, from its events; of an epoch that was repeated after a crash, the last one counts."""
        epochs = {event.epoch: event for event in events if isinstance(event, EpochEnded)}
        ended = [epochs[number] for number in sorted(epochs)]
        return cls(
            loss=tuple(epoch.train_loss for epoch in ended),
            accuracy=tuple(epoch.train_accuracy for epoch in ended),
            validation_loss=tuple(epoch.validation_loss for epoch in ended),
            validation_accuracy=tuple(epoch.validation_accuracy for epoch in ended),
            learning_rate=tuple(epoch.learning_rate for epoch in ended),
            pictures_per_second=tuple(epoch.pictures_per_second for epoch in ended),
            pictures=tuple(epoch.pictures for epoch in ended),
            sample=tuple(epoch.sample for epoch in ended),
            running_loss=tuple(epoch.running_loss if epoch.sample else epoch.train_loss for epoch in ended),
            running_accuracy=tuple(value for value in map(_running_accuracy, ended) if value is not None),
            seconds=tuple(epoch.seconds for epoch in ended),
            best_epoch=max((epoch.epoch for epoch in ended if epoch.best), default=0),
            measure=ended[-1].measure if ended else "accuracy",
        )


def _running_accuracy(epoch: EpochEnded) -> float | None:
    """In logs of older versions the accuracy on training images is the running one."""
    return epoch.running_accuracy if epoch.sample else epoch.train_accuracy


class Recorder:
    """Passes events on, and keeps what a history and a verdict need.

    Args:
        callbacks: Receive every event.
        earlier: The events before, if a training is resumed.
    """

    def __init__(self, callbacks: Iterable[Emit], earlier: Sequence[Event] | None = None) -> None:
        self._pass_on = to_all(callbacks)
        self._epochs: list[Event] = [event for event in earlier or () if isinstance(event, EpochEnded)]
        self._from_the_start = earlier is None
        self.first_loss = 0.0  # of the first step; 0 if a training is resumed

    def __call__(self, event: Event) -> None:
        if isinstance(event, EpochEnded):
            self._epochs.append(event)
        elif isinstance(event, StepDone) and self._from_the_start and not self.first_loss:
            self.first_loss = event.loss
        self._pass_on(event)

    @property
    def history(self) -> History:
        """The history so far."""
        return History.from_events(self._epochs)
