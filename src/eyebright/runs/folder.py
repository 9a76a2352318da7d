"""A run's folder: where things are in it, and its settings as TOML.

RUN/
  config.toml     the resolved settings, flat; train --config repeats the run
  network.json    the network that was trained
  start.safetensors   the weights that it starts from, where `--network auto` found them
  seen.json       pictures that the model it started from had learned from, where there was one
  split.csv       which picture is on which side             left_out.csv   pictures that could not be opened, and why
  events.jsonl    what happened, line by line
  checkpoint/     the state after so many steps, the last two of them
  curves.png      accuracy and loss by epoch, where there were any
  model/          the result                             .lock           held while somebody trains here
"""

import csv
import io
import shutil
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock
import msgspec
import tomli_w
from safetensors.numpy import save

from eyebright.data.dataset import Dataset
from eyebright.data.pack import Pack
from eyebright.data.pictures import Fit
from eyebright.data.split_file import to_csv
from eyebright.model.card import Seen
from eyebright.network import Network, Weights
from eyebright.system import files, records
from eyebright.system.errors import OutputError, SettingsError
from eyebright.system.records import Record
from eyebright.training.settings import Settings

CONFIG, NETWORK = "config.toml", "network.json"
MADE_WITH = (CONFIG, NETWORK)
_LOCK = ".lock"
_NOTHING = Seen()
SETTINGS = set(Settings.__struct_fields__)
"""Names of the settings of the training."""


class RunConfig(Record, frozen=True, kw_only=True):
    """The content of config.toml: everything that decides how a run goes; `training` stands among the rest there."""

    pictures: str
    group_by: str = ""
    split: str = ""
    excluded: tuple[str, ...] = ()
    network: str = "flowers_cnn"
    weights: str = ""
    start_from: str = msgspec.field(default="", name="from")
    start_sha256: str = ""
    size: int
    fit: Fit = "crop"
    validation: float = 0.15
    test: float = 0.15
    split_seed: int = 0
    log: tuple[str, ...] = ()
    training: Settings = Settings()


class Run:
    """The places in a run's folder.

    Args:
        path: The folder; it may not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / CONFIG
        self.network = path / NETWORK
        self.start = path / "start.safetensors"
        self.split = path / "split.csv"
        self.left_out = path / "left_out.csv"
        self.seen = path / "seen.json"
        self.events = path / "events.jsonl"
        self.checkpoint = path / "checkpoint"
        self.curves = path / "curves.png"
        self.model = path / "model"

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is a state to go on from."""
        return any(self.checkpoint.glob("[0-9]*"))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else trains in this folder meanwhile.

        Raises:
            SettingsError: When somebody does already.
        """
        lock = filelock.FileLock(self.path / _LOCK, timeout=0)
        with files.explained(self.path):
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

    def begin(
        self,
        config: RunConfig,
        network: Network,
        *,
        overwrite: bool,
        seen: Seen = _NOTHING,
        start: Weights | None = None,
    ) -> None:
        """Make the folder with settings and network; a run that is there is set aside until the new model stands.

        A run without a model is not set aside where that would take the place of one that has a model.
        """
        files.require_free(self.path, overwrite=overwrite, made_with=MADE_WITH)  # also against what came meanwhile
        if self.path.exists() and files.aside_of(self.path).exists() and not self.model.exists():
            shutil.rmtree(self.path)
        elif self.path.exists():
            with self.locked():
                files.set_aside(self.path)
        try:
            with files.explained(self.path):
                self.path.mkdir(parents=True)
            files.write_file(self.network, network.to_json().encode())
            if start is not None:
                files.write_file(self.start, save(dict(start)))
            if seen != _NOTHING:
                files.write_file(self.seen, records.to_json(seen).encode())
            self.write_config(config)
        except OutputError:  # half a run can neither be resumed nor replaced
            shutil.rmtree(self.path, ignore_errors=True)
            if files.aside_of(self.path).exists():
                files.aside_of(self.path).rename(self.path)
            raise

    def write_config(self, config: RunConfig) -> None:
        """Write config.toml, at the beginning and when a choice is settled."""
        data = msgspec.to_builtins(config)
        files.write_file(self.config, tomli_w.dumps(data | data.pop("training")).encode())

    def read(self) -> tuple[RunConfig, Network]:
        """Settings and network; a `SettingsError` where the folder is no run or its settings are not sound."""
        if not self.config.is_file() or not self.network.is_file():
            raise SettingsError(
                f"{self.path} is no run: it holds no {CONFIG} and {NETWORK}; give the folder that train -o made"
            )
        data = read_toml(self.config)
        training = {name: data.pop(name) for name in SETTINGS & data.keys()}
        config = records.from_builtins(
            data | {"training": training}, RunConfig, what=str(self.config), error=SettingsError
        )
        return config, Network.from_file(self.network)

    def read_seen(self) -> Seen:
        """Pictures that the model from which the run started had learned from."""
        if not self.seen.exists():
            return Seen()
        return records.from_json(self.seen.read_bytes(), Seen, what=str(self.seen), error=SettingsError)

    def write_split(self, dataset: Dataset, pack: Pack) -> None:
        """Write down which picture is on which side."""
        files.write_file(self.split, split_csv(dataset, pack))

    def write_left_out(self, left_out: Iterable[tuple[str, str]]) -> None:
        """Write down which pictures could not be opened, or have vanished."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([("name", "reason"), *left_out])
        files.write_file(self.left_out, text.getvalue().encode("utf-8", "surrogateescape"))


def split_csv(dataset: Dataset, pack: Pack) -> bytes:
    """The content of split.csv."""
    return to_csv(dataset.source.names, dataset.labels, pack.digests, dataset.classes, dataset.split(pack))


def read_toml(path: Path) -> dict[str, Any]:
    """A flat file of settings; those of an older run stand in a table, `training`.

    Raises:
        SettingsError: When it cannot be read, or holds other tables.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise SettingsError(f"{path} cannot be read: {problem.strerror}") from problem
    except ValueError as problem:  # of the text, or of its encoding
        raise SettingsError(f"{path} cannot be read: {problem}; expected lines as in: epochs = 30") from problem
    training = data.pop("training", {})
    found = data | (training if isinstance(training, dict) else {"training": training})
    for name, value in found.items():
        if isinstance(value, dict):
            raise SettingsError(f"{path} holds a table, {name!r}: expected nothing but lines as in: epochs = 30")
    return found
