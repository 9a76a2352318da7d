"""The course of a run for other programs: a table of its epochs, or TensorBoard's files. They receive its events.

RUN/epochs.csv      a row for each epoch
RUN/tensorboard/    scalars by epoch; look at them with: tensorboard --logdir RUN
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

import msgspec

from eyebright.system import files
from eyebright.system.errors import MissingExtraError, SettingsError
from eyebright.system.text import nearest
from eyebright.training.events import AnyEvent, EpochEnded, Evaluated

_COLUMNS = [name for name in EpochEnded.__struct_fields__ if name not in ("time_s", "epochs")]
_SCALARS = {
    "train_loss": "loss/train", "validation_loss": "loss/validation", "train_accuracy": "accuracy/train",
    "validation_accuracy": "accuracy/validation", "learning_rate": "learning_rate",
    "pictures_per_second": "pictures_per_second",
}  # fmt: skip


class Sink(Protocol):
    """Receives events until it is closed."""

    def __call__(self, event: AnyEvent) -> None: ...
    def close(self) -> None:
        """Write what is still to be written."""


class CsvSink:
    """A table with a row for each epoch; whole after every epoch, also where an epoch is done again after a kill.

    Args:
        folder: The run's folder.
        earlier: The events of the run so far.
    """

    def __init__(self, folder: Path, earlier: Iterable[AnyEvent] = ()) -> None:
        self._path = folder / "epochs.csv"
        self._rows: dict[int, list[object]] = {}
        for event in earlier:
            self._take(event)

    def __call__(self, event: AnyEvent) -> None:
        if not self._take(event):
            return
        text = io.StringIO()
        rows = [self._rows[epoch] for epoch in sorted(self._rows)]
        csv.writer(text, lineterminator="\n").writerows([_COLUMNS, *rows])
        files.write_file(self._path, text.getvalue().encode())

    def _take(self, event: AnyEvent) -> bool:
        if isinstance(event, EpochEnded):
            self._rows[event.epoch] = [getattr(event, name) for name in _COLUMNS]
        return isinstance(event, EpochEnded)

    def close(self) -> None:
        """Nothing is left to write."""


class TensorBoardSink:
    """Scalars by epoch, as TensorBoard reads them.

    Args:
        folder: The run's folder.
        earlier: The events of the run so far; TensorBoard passes over what was told of an epoch that is done again.
    """

    def __init__(self, folder: Path, earlier: Iterable[AnyEvent] = ()) -> None:
        self._place = folder / "tensorboard"
        done = [event.epoch for event in earlier if isinstance(event, EpochEnded)]
        with files.write_errors(self._place):
            count = len(list(self._place.glob("*")))  # two files that are begun in one second must differ in name
            self._writer = _tensorboard().SummaryWriter(
                str(self._place), purge_step=done[-1] + 1 if done else None, filename_suffix=f".{count}"
            )

    def __call__(self, event: AnyEvent) -> None:
        with files.write_errors(self._place):
            match event:
                case EpochEnded():
                    for name, value in msgspec.structs.asdict(event).items():
                        if name in _SCALARS:
                            self._writer.add_scalar(_SCALARS[name], value, event.epoch)
                    self._writer.flush()
                case Evaluated():
                    self._writer.add_scalar(f"accuracy/{event.side}", event.accuracy, 0)

    def close(self) -> None:
        """Write what is still to be written."""
        with files.write_errors(self._place):
            self._writer.close()


SINKS: dict[str, type[CsvSink] | type[TensorBoardSink]] = {"csv": CsvSink, "tensorboard": TensorBoardSink}
"""The sinks by their names."""


def require(names: Sequence[str]) -> None:
    """Refuse what cannot be had, before the work begins.

    Raises:
        SettingsError: When there is no such sink; the nearest is named.
        MissingExtraError: When the one for TensorBoard is not installed.
    """
    for name in names:
        if name not in SINKS:
            raise SettingsError(f"log = {name}: there is no such log; {nearest(name, list(SINKS))}")
        if name == "tensorboard":
            _tensorboard()


@contextmanager
def opened(names: Sequence[str], folder: Path, earlier: Iterable[AnyEvent]) -> Iterator[list[Sink]]:
    """The sinks of these names, for a run; they are closed in the end, whatever happens."""
    events = list(earlier)
    with ExitStack() as stack:
        yield [stack.enter_context(closing(SINKS[name](folder, events))) for name in dict.fromkeys(names)]


def _tensorboard() -> Any:
    try:
        import tensorboardX
    except ModuleNotFoundError as problem:
        raise MissingExtraError(
            "writing for TensorBoard needs a package that is not installed: pip install 'eyebright[tensorboard]'"
        ) from problem
    return tensorboardX
