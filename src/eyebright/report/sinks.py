"""Logs of a run for other programs, written from its events: `--log csv`, `--log tensorboard`.

RUN/epochs.csv      a row for each epoch
RUN/tensorboard/    scalars by epoch; to see them: tensorboard --logdir RUN
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

from eyebright.system import files
from eyebright.system.errors import MissingExtraError, SettingsError
from eyebright.system.text import nearest
from eyebright.training.events.event import Event
from eyebright.training.events.fitting import EpochEnded
from eyebright.training.events.results import Evaluated

_COLUMNS = [name for name in EpochEnded.__struct_fields__ if name not in ("time_s", "epochs")]
_SCALARS = {
    "train_loss": "loss/train", "validation_loss": "loss/validation", "train_accuracy": "{measure}/train",
    "validation_accuracy": "{measure}/validation", "running_loss": "loss/running",
    "running_accuracy": "{measure}/running", "learning_rate": "learning_rate",
    "pictures_per_second": "pictures_per_second",
}  # fmt: skip
"""The names of scalars; `measure` is what the accuracy is."""


class Sink(Protocol):
    """Receives events until it is closed."""

    def __call__(self, event: Event) -> None: ...
    def close(self) -> None:
        """Write what is still in memory."""


class CsvSink:
    """A table with a row for each epoch, complete after every epoch, also when an epoch is repeated after a crash.

    Args:
        folder: The run's folder.
        earlier: The events of the run so far.
    """

    def __init__(self, folder: Path, earlier: Iterable[Event] = ()) -> None:
        self._path = folder / "epochs.csv"
        self._rows: dict[int, list[object]] = {}
        for event in earlier:
            self._take(event)

    def __call__(self, event: Event) -> None:
        if not self._take(event):
            return
        text = io.StringIO()
        rows = [self._rows[epoch] for epoch in sorted(self._rows)]
        csv.writer(text, lineterminator="\n").writerows([_COLUMNS, *rows])
        files.write_file(self._path, text.getvalue().encode())

    def _take(self, event: Event) -> bool:
        if isinstance(event, EpochEnded):
            self._rows[event.epoch] = [getattr(event, name) for name in _COLUMNS]
        return isinstance(event, EpochEnded)

    def close(self) -> None:
        """Do nothing: the file is complete."""


class TensorBoardSink:
    """Scalars by epoch, for TensorBoard.

    Args:
        folder: The run's folder.
        earlier: The events of the run so far; TensorBoard ignores earlier values of a repeated epoch.
    """

    def __init__(self, folder: Path, earlier: Iterable[Event] = ()) -> None:
        self._place = folder / "tensorboard"
        done = [event.epoch for event in earlier if isinstance(event, EpochEnded)]
        with files.write_errors(self._place):
            count = len(list(self._place.glob("*")))  # names of two files from the same second must differ
            self._writer = _tensorboard().SummaryWriter(
                str(self._place), purge_step=done[-1] + 1 if done else None, filename_suffix=f".{count}"
            )

    def __call__(self, event: Event) -> None:
        with files.write_errors(self._place):
            match event:
                case EpochEnded():
                    for name, title in _SCALARS.items():
                        if (value := getattr(event, name)) is not None:
                            self._writer.add_scalar(title.format(measure=event.measure), value, event.epoch)
                    self._writer.flush()
                case Evaluated():
                    self._writer.add_scalar(f"{event.measure}/{event.side}", event.accuracy, 0)

    def close(self) -> None:
        """Write what is still in memory."""
        with files.write_errors(self._place):
            self._writer.close()


SINKS: dict[str, type[CsvSink] | type[TensorBoardSink]] = {"csv": CsvSink, "tensorboard": TensorBoardSink}
"""The sinks by their names."""


def require(names: Sequence[str]) -> None:
    """Check the names of sinks before the training starts.

    Raises:
        SettingsError: When a name is unknown; the nearest one is suggested.
        MissingExtraError: When the package for TensorBoard is not installed.
    """
    for name in names:
        if name not in SINKS:
            raise SettingsError(f"log = {name}: unknown log, {nearest(name, list(SINKS))}")
        if name == "tensorboard":
            _tensorboard()


@contextmanager
def opened(names: Sequence[str], folder: Path, earlier: Iterable[Event]) -> Iterator[list[Sink]]:
    """Open the sinks of these names for a run, and close them in the end, also after an error."""
    events = list(earlier)
    with ExitStack() as stack:
        yield [stack.enter_context(closing(SINKS[name](folder, events))) for name in dict.fromkeys(names)]


def _tensorboard() -> Any:
    try:
        import tensorboardX
    except ModuleNotFoundError as problem:
        raise MissingExtraError(
            "TensorBoard logs need a package that is not installed: pip install 'eyebright[tensorboard]'"
        ) from problem
    return tensorboardX
