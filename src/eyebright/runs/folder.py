"""A run's folder: where things are in it, and how they are written and read.

RUN/
  config.toml         the resolved request, flat; train --config repeats the run
  network.json        the network that is trained
  start.safetensors   the initial weights, where they could not be found again elsewhere
  seen.json           images that the model it starts from was trained on, where there is one
  corrections.json    what was decided about single images, where something was
  split.csv           the split of each image            left_out.csv   images that could not be opened, and why
  unused_boxes.csv    boxes that a detector is not trained with, and why
  events.jsonl        what happened, line by line
  checkpoint/         the state after so many steps, the last two of them
  curves.png          accuracy and loss by epoch; of a head alone, error and loss by the strength of its penalty
  confusion.png       the confusion matrix on the test set
  precision_recall.png  of a detector: precision by recall of each class on the test set
  mistakes.png        the worst mistakes on the test set, where there are any
  report.html         all of the result on a page, with its images
  model/              the result                         .lock          held while a process trains here
"""

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import filelock
from safetensors.numpy import save

from eyebright.data.corrections import Applied, Corrections
from eyebright.data.corrections import save as save_corrections
from eyebright.data.prepare import Prepared
from eyebright.data.split_file import to_csv
from eyebright.model.card import Seen
from eyebright.network import Network, Weights
from eyebright.runs.options import read_config
from eyebright.runs.request import Request
from eyebright.system import files, records
from eyebright.system.errors import OutputError, SettingsError
from eyebright.system.text import csv_cell, is_utf8, printable
from eyebright.training.events.event import Event
from eyebright.training.events.fitting import Stopped
from eyebright.training.events.results import ModelSaved
from eyebright.training.events.starting import Extended, Resumed, RunStarted
from eyebright.training.receivers import read_events

CONFIG, NETWORK = "config.toml", "network.json"
MADE_WITH = (CONFIG, NETWORK)
"""Files by which a folder is known to be a run."""
_LOCK = ".lock"
_NOTHING = Seen()


class Run:
    """The places in a run's folder.

    Args:
        path: The folder; it may not exist yet.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = path = files.as_path(path, "the folder of a run", SettingsError)
        self.config = path / CONFIG
        self.network = path / NETWORK
        self.start = path / "start.safetensors"
        self.split = path / "split.csv"
        self.corrections = path / "corrections.json"
        self.left_out = path / "left_out.csv"
        self.unused_boxes = path / "unused_boxes.csv"
        self.seen = path / "seen.json"
        self.events = path / "events.jsonl"
        self.checkpoint = path / "checkpoint"
        self.curves = path / "curves.png"
        self.confusion = path / "confusion.png"
        self.precision_recall = path / "precision_recall.png"
        self.mistakes = path / "mistakes.png"
        self.report = path / "report.html"
        self.model = path / "model"

    def __repr__(self) -> str:
        if not self.config.is_file():
            state = "no run yet"
        elif self.is_complete:
            state = "finished"
        else:
            state = "can be continued" if self.has_checkpoint else "started"
        return f"<Run {self.path}: {state}>"

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is a state to continue from."""
        return any(self.checkpoint.glob("[0-9]*"))

    def read_events(self) -> list[Event]:
        """What happened in the run so far."""
        return read_events(self.events)

    @property
    def is_complete(self) -> bool:
        """Whether the last training in the run ended, and its model is saved."""
        kinds = RunStarted | Resumed | Extended | Stopped | ModelSaved
        match [event for event in self.read_events() if isinstance(event, kinds)][-2:]:
            case [Stopped(reason="finished" | "patience" | "budget"), ModelSaved()]:
                return self.model.exists()
        return False

    @contextmanager
    def locked(self) -> Iterator[None]:
        """No other process trains in this folder during the block.

        Raises:
            SettingsError: When another process does already.
        """
        lock = filelock.FileLock(self.path / _LOCK, timeout=0)
        with files.write_errors(self.path):
            try:
                lock.acquire()
            except filelock.Timeout as problem:
                raise SettingsError(
                    f"another process is training in {self.path}: wait until it has finished, or stop it first"
                ) from problem
        try:
            yield
        finally:
            lock.release()

    def create(
        self,
        request: Request,
        network: Network,
        *,
        overwrite: bool,
        seen: Seen = _NOTHING,
        start: Weights | None = None,
        corrected: Applied | None = None,
    ) -> None:
        """Make the folder, which appears as a whole; a run that exists is set aside until the new model is saved.

        A run without a model is not set aside where that would replace one that has a model.

        Args:
            request: The resolved request.
            network: What is trained.
            overwrite: Whether a run that exists may be replaced.
            seen: Images that the model it starts from was trained on.
            start: The initial weights, where the run must keep them.
            corrected: The corrections that were applied to its images.
        """
        with ExitStack() as stack:
            if self.config.exists():
                stack.enter_context(self.locked())
            place = stack.enter_context(
                files.new_folder(self.path, overwrite=overwrite, made_with=MADE_WITH, keep_previous=True)
            )
            unfinished = Run(place)
            files.write_file(unfinished.network, network.to_json().encode())
            if start is not None:
                files.write_file(unfinished.start, save(dict(start)))
            if corrected is not None:
                corrections = Corrections(origin=printable(request.pictures), corrections=corrected.decisions)
                save_corrections(corrections, unfinished.corrections)
            if seen != _NOTHING:
                files.write_file(unfinished.seen, records.to_json(seen).encode())
            unfinished.write_config(request)
            if self.path.exists() and files.aside_of(self.path).exists() and not self.model.exists():
                files.discard(self.path)

    def require_free(self, *, overwrite: bool) -> None:
        """Check that the run can be created, before the work; says how to continue one that was stopped.

        Raises:
            OutputError: When it exists and may not be overwritten, or cannot be written.
        """
        if not overwrite and self.config.is_file() and self.network.is_file() and not self.is_complete:
            raise OutputError(
                f"{self.path} is a run that was stopped. To continue it: eyebright train --resume {self.path}. To "
                "start again, pass --overwrite (overwrite=True) or choose another folder"
            )
        files.require_free(self.path, overwrite=overwrite, made_with=MADE_WITH)

    def require_model(self) -> None:
        """Raise a `SettingsError` where the run has no model yet; it says how to go on."""
        if not self.model.exists():
            raise SettingsError(
                f"{self.path} has no model yet; to continue the training: eyebright train --resume {self.path}"
            )

    @contextmanager
    def removed_if_refused(self) -> Iterator[None]:
        """A new run that is refused before its first checkpoint, such as one with too few minutes, leaves no folder.

        The run that it replaced is back in its place.
        """
        try:
            yield
        except SettingsError:
            if not self.has_checkpoint:
                files.discard(self.path)
                files.bring_back(self.path)
            raise

    def write_config(self, request: Request) -> None:
        """Write config.toml, at the start and when a measurement has settled something."""
        files.write_file(self.config, request.to_toml().encode())

    def read(self) -> tuple[Request, Network]:
        """The resolved request and the network; a `SettingsError` where the folder is not a run or is damaged.

        A run that a kill left set aside, just before a new one was to take its place, is put back first.
        """
        if not is_utf8(str(self.path)):
            raise SettingsError(f"the name of the run, {printable(str(self.path))}, is not valid UTF-8: rename it")
        files.bring_back(self.path)
        if not self.config.is_file() or not self.network.is_file():
            raise SettingsError(
                f"{self.path} is not a run: it has no {CONFIG} and {NETWORK}; give the folder that train -o made"
            )
        return read_config(self.config), Network.from_file(self.network)

    def reopening(self, request: Request) -> Request:
        """The request as its images are opened again: with the corrections that the run keeps."""
        return request.changed(corrections=str(self.corrections)) if request.corrections else request

    def read_seen(self) -> Seen:
        """Images that the model which the run started from was trained on."""
        if not self.seen.exists():
            return Seen()
        return records.from_json(self.seen.read_bytes(), Seen, what=str(self.seen), error=SettingsError)

    def write_split(self, prepared: Prepared) -> None:
        """Write the split of each image."""
        files.write_file(self.split, split_csv(prepared))

    def write_left_out(self, left_out: Iterable[tuple[str, str]]) -> None:
        """Write which images could not be opened, or have been removed, with the reasons."""
        _write_table(self.left_out, ("name", "reason"), left_out)

    def write_unused_boxes(self, unused: Iterable[tuple[str, str, str]]) -> None:
        """Write which boxes are not used: their images, the reasons, and the boxes as the files give them."""
        _write_table(self.unused_boxes, ("image", "reason", "box"), unused)


def _write_table(path: Path, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *(map(csv_cell, row) for row in rows)])
    files.write_file(path, text.getvalue().encode("utf-8", "surrogateescape"))


def split_csv(prepared: Prepared) -> bytes:
    """The content of split.csv."""
    dataset = prepared.dataset
    return to_csv(dataset.source.names, dataset.labels, prepared.pack.digests, dataset.classes, prepared.sides)
