"""A run's folder: where things are in it, and its settings as TOML.

RUN/
  config.toml     the resolved settings        network.json   the network that was trained
  split.csv       which picture is on which side             left_out.csv   pictures that could not be opened, and why
  events.jsonl    what happened, line by line
  checkpoint/     the state after so many steps, the last two of them
  curves.png      accuracy and loss by epoch
  model/          the result
"""

import csv
import io
import shutil
from pathlib import Path

import msgspec
import tomli_w

from eyebright import codec, files
from eyebright.codec import Record
from eyebright.datasets import Dataset, Pack, to_csv
from eyebright.errors import OutputError, SettingsError
from eyebright.network import Network
from eyebright.pictures import Fit
from eyebright.training.settings import Settings

CONFIG, NETWORK = "config.toml", "network.json"
MADE_WITH = (CONFIG, NETWORK)


class RunConfig(Record, frozen=True, kw_only=True):
    """The content of config.toml: everything that decides how a run goes."""

    pictures: str
    group_by: str = ""
    split: str = ""
    excluded: tuple[str, ...] = ()
    network: str = "flowers_cnn"
    weights: str = ""
    size: int
    fit: Fit = "crop"
    validation: float = 0.15
    test: float = 0.15
    split_seed: int = 0
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
        self.split = path / "split.csv"
        self.left_out = path / "left_out.csv"
        self.events = path / "events.jsonl"
        self.checkpoint = path / "checkpoint"
        self.curves = path / "curves.png"
        self.model = path / "model"

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is a state to go on from."""
        return any(self.checkpoint.glob("[0-9]*"))

    def begin(self, config: RunConfig, network: Network, *, overwrite: bool) -> None:
        """Make the folder with settings and network; a run that is there is set aside until the new model stands.

        A run without a model is not set aside where that would take the place of one that has a model.
        """
        files.require_free(self.path, overwrite=overwrite, made_with=MADE_WITH)  # also against what came meanwhile
        if self.path.exists() and files.aside_of(self.path).exists() and not self.model.exists():
            shutil.rmtree(self.path)
        elif self.path.exists():
            files.set_aside(self.path)
        try:
            self.path.mkdir(parents=True)
        except OSError as problem:
            raise OutputError(f"{self.path} cannot be written: {problem.strerror}") from problem
        files.write_file(self.config, tomli_w.dumps(msgspec.to_builtins(config)).encode())
        files.write_file(self.network, network.to_json().encode())

    def read(self) -> tuple[RunConfig, Network]:
        """Settings and network; a `SettingsError` where the folder is no run or its settings are not sound."""
        if not self.config.is_file() or not self.network.is_file():
            raise SettingsError(
                f"{self.path} is no run: it holds no {CONFIG} and {NETWORK}; give the folder that train -o made"
            )
        try:
            data = msgspec.toml.decode(self.config.read_bytes())
        except msgspec.DecodeError as problem:
            raise SettingsError(f"{self.config} cannot be read: {problem}") from problem
        config = codec.from_builtins(data, RunConfig, what=str(self.config), error=SettingsError)
        return config, Network.from_json(self.network.read_bytes())

    def write_pictures(self, dataset: Dataset, pack: Pack) -> None:
        """Write down which picture is on which side, and which could not be opened."""
        files.write_file(self.split, split_csv(dataset, pack))
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([("name", "reason"), *pack.left_out])
        files.write_file(self.left_out, text.getvalue().encode("utf-8", "surrogateescape"))


def split_csv(dataset: Dataset, pack: Pack) -> bytes:
    """The content of split.csv."""
    return to_csv(dataset.source.names, dataset.labels, pack.digests, dataset.classes, dataset.split(pack))
