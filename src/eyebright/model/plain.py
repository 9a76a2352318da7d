"""Model: a network with its weights, for any task; a `Classifier` also has classes and a preparation.

    inputs = Input((32,))()
    model = eb.Model(Network(inputs, Linear(1)(inputs)))
    model.fit(samples, targets)
    model.predict(samples)
    model.save("my_model");  eb.Model.load("my_model")

The saved folder contains:

    plain.json            format, network as data, SHA-256 of the files
    weights.safetensors   the tensors by `layer.tensor`
    network.onnx          the same network for other programs
"""

import os
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyebright.data.pictures.arrays import as_array
from eyebright.model.card_file import check_files, read_card, write_card
from eyebright.model.engine import Engine, onnx_graph
from eyebright.model.folder import CARD, ONNX, PLAIN, WEIGHTS
from eyebright.model.inputs import both_given
from eyebright.model.predictor import BATCH_SIZE
from eyebright.model.weights import Weighted
from eyebright.network import Network, Weights, check_weights, initial_weights, load_weights, save_weights
from eyebright.report.history import History
from eyebright.report.progress import shown
from eyebright.system import files
from eyebright.system.errors import ModelError, NetworkError, SettingsError
from eyebright.system.records import Record
from eyebright.system.table import Table
from eyebright.system.text import nearest
from eyebright.training import trainer
from eyebright.training.argument_hints import refuse_foreign_arguments
from eyebright.training.events.event import Event
from eyebright.training.settings import Settings

FORMAT = 1
_SETTINGS = ("epochs", "batch_size", "learning_rate", "seed", "threads", "device")
_Pairs: TypeAlias = tuple[NDArray[Any], NDArray[np.float32]]  # samples and targets


class _Card(Record, frozen=True, kw_only=True):
    format: int
    network: dict[str, object]
    sha256: dict[str, str]


def is_plain(path: Path) -> bool:
    """Whether a folder was written by `Model.save`."""
    return (path / PLAIN).is_file()


def write_plain(
    path: Path, network: Network, weights: Mapping[str, NDArray[np.float32]], onnx: bytes, *, overwrite: bool = False
) -> None:
    """Write the folder of a model, which appears complete or not at all.

    Raises:
        OutputError: When the folder exists and may not be overwritten, or cannot be written.
    """
    with files.new_folder(path, overwrite=overwrite, made_with=[PLAIN]) as place:
        save_weights(place / WEIGHTS, weights)
        (place / ONNX).write_bytes(onnx)
        digests = {name: files.sha256(place / name) for name in (WEIGHTS, ONNX)}
        write_card(place / PLAIN, _Card(format=FORMAT, network=network.to_dict(), sha256=digests))


def read_plain(path: Path) -> tuple[Network, Weights]:
    """Read the network and the weights from the folder of a model.

    Raises:
        ModelError: When the folder is missing, incomplete, altered, of a newer format, or invalid.
    """
    path = _existing(path)
    card = read_card(path / PLAIN, _Card, newest=FORMAT)
    check_files(path / PLAIN, card.sha256, (WEIGHTS, ONNX))
    try:
        network = Network.from_dict(card.network)
        weights = load_weights(path / WEIGHTS)
        check_weights(network, weights)
    except NetworkError as problem:
        raise ModelError(f"{path} is invalid: {problem}") from problem
    return network, weights


def _existing(path: Path) -> Path:
    """The folder of a model, as `files.current_folder` finds it; a `ModelError` that says what else is there."""
    try:
        place = files.current_folder(path)
        if is_plain(place):
            return place
        missing, classifier = not path.exists(), any((path / name).exists() for name in (CARD, "model"))
    except (OSError, ValueError) as problem:
        raise ModelError(f"{path} cannot be read: {problem}") from problem
    if missing:
        raise ModelError(f"{path} does not exist: give a folder that Model.save has written")
    if classifier:
        raise ModelError(f"{path} contains a classifier: load it with eyebright.load")
    raise ModelError(f"{path} is not a model: it has no {PLAIN}; give a folder that Model.save has written")


class Model(Weighted):
    """A network with its weights; it learns to give values.

    Args:
        network: Any network, for images or vectors.
        weights: Its tensors by `layer.tensor`; initialised with the seed unless given.
        seed: Decides the initial weights and, unless it is given another, the order in `fit`.

    Raises:
        NetworkError: When the weights are not those of the network.
    """

    _trained = (
        "write model.fit(samples, targets, epochs=15, learning_rate=1e-3). The loss is the mean squared error, the "
        "optimizer Adam"
    )

    def __init__(
        self, network: Network, weights: Mapping[str, NDArray[np.float32]] | None = None, *, seed: int = 0
    ) -> None:
        self.network, self.seed = network, seed
        self._weights: Weights = {}
        self.set_weights(initial_weights(network, seed) if weights is None else weights)

    def as_table(self) -> Table:
        """The network in one line."""
        return Table(f"Model: {self.network!r}")

    def fit(
        self,
        samples: NDArray[Any],
        targets: NDArray[Any],
        epochs: int | None = None,
        *,
        validation_data: tuple[NDArray[Any], NDArray[Any]] | None = None,
        validation_split: float = 0.0,
        verbose: bool = True,
        callbacks: Iterable[Callable[[Event], None]] = (),
        **changes: Any,
    ) -> History:
        """Train by the mean squared error, with Adam at a constant rate; the same call gives the same weights.

        Args:
            samples: As in `predict`.
            targets: What the network should give for each, `(N, *network.output_shape)`; for one output also `(N,)`.
            epochs: Passes over the samples.
            validation_data: Other samples and their targets, on which the loss is measured after each epoch.
            validation_split: Instead: the share of the samples, the last ones, that is not trained on but measured.
            verbose: Whether to show the progress.
            callbacks: Receive the progress.
            **changes: `batch_size`, `learning_rate` (1e-3 unless given), `seed`, `threads`, `device`; see `Settings`.

        Returns:
            The losses of each epoch.

        Raises:
            MissingExtraError: When torch is not installed.
            NetworkError: When samples or targets do not fit the network.
            SettingsError: When a setting is unknown or out of range, or the loss is no longer finite.
        """
        settings = _settings(self.seed, changes | ({} if epochs is None else {"epochs": epochs}))
        training = trainer()
        train = self._as_pairs(samples, targets)
        validation = None if validation_data is None else self._as_pairs(*validation_data)
        if validation_split:
            train, validation = _parted(train, validation_split, validation)
        with shown(callbacks, verbose=verbose) as emit:
            weights, losses, later = training.fit_values(
                self.network, self._weights, train, settings, validation=validation, emit=emit
            )
        self.set_weights(weights)
        return History(loss=tuple(losses), validation_loss=tuple(later))

    def predict(self, samples: NDArray[np.float32] | NDArray[np.uint8]) -> NDArray[np.float32]:
        """The output of the network.

        Args:
            samples: Vectors `(N, features)`, or images `(N, H, W, C)`, uint8, 0 to 255; for networks with one channel
                also `(N, H, W)`.

        Returns:
            `(N, *network.output_shape)`, float32.

        Raises:
            NetworkError: When the samples have another shape or are not numbers, or the images are not uint8.
        """
        array = self._as_samples(samples)
        batches = [self._engine(array[at : at + BATCH_SIZE]) for at in range(0, len(array), BATCH_SIZE)]
        return np.concatenate([np.empty((0, *self.network.output_shape), np.float32), *batches])

    def _as_pairs(self, samples: object, targets: object) -> _Pairs:
        """Samples and targets that can be trained on."""
        inputs, shape = self._as_samples(samples), self.network.output_shape
        title = f"targets ({', '.join(map(str, (len(inputs), *shape)))})"
        outputs = _numbers(targets, title)
        if shape == (1,) and outputs.ndim == 1:
            outputs = outputs[:, None]
        if outputs.shape != (len(inputs), *shape) or not len(inputs):
            raise NetworkError(f"expected {title}, the output of the network for each sample, got {outputs.shape}")
        for name, array in (("samples", inputs), ("targets", outputs)):
            if not np.isfinite(array).all():
                raise NetworkError(f"the {name} contain NaN or infinite values: remove or replace these samples")
        return inputs, outputs.astype(np.float32)

    def _as_samples(self, samples: object) -> NDArray[np.float32] | NDArray[np.uint8]:
        channels, *sides = self.network.input_shape
        expected = (*sides, channels)
        title = f"samples ({', '.join(['N', *map(str, expected)])})"
        array = _numbers(samples, title)
        if channels == 1 and sides and array.shape[1:] == tuple(sides):
            array = array[..., None]
        if array.shape[1:] != expected:
            hint = "; pass a single sample as samples[None]" if array.shape == expected else ""
            raise NetworkError(f"expected {title}, got {array.shape}{hint}")
        if not sides:
            return array.astype(np.float32)
        if array.dtype != np.uint8:
            raise NetworkError(f"expected {title} of uint8 from 0 to 255, got {array.dtype}")
        return array.astype(np.uint8, copy=False)

    def to_onnx(self) -> bytes:
        """The ONNX graph, from samples to the output of the network."""
        return onnx_graph(self.network, self._weights)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write network, weights and ONNX graph to a folder.

        Raises:
            OutputError: When the folder exists and `overwrite` is not set, or it cannot be written.
        """
        write_plain(Path(path), self.network, self._weights, self.to_onnx(), overwrite=overwrite)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Model":
        """Read a model that `save` has written; it predicts exactly the same.

        Raises:
            ModelError: When the folder is missing, incomplete, altered, of a newer format, or invalid.
        """
        return cls(*read_plain(files.as_path(path, "the folder of a model", ModelError)))

    @cached_property
    def _engine(self) -> Engine:
        return Engine.of_bytes(self.to_onnx())

    def _forget_graph(self) -> None:
        self.__dict__.pop("_engine", None)


def _settings(seed: int, changes: dict[str, Any]) -> Settings:
    """The settings of a training; a `SettingsError` for those that have no effect on it."""
    if other := next((name for name in changes if name not in _SETTINGS), None):
        refuse_foreign_arguments([other])
        raise SettingsError(f"fit of a Model has no setting {other!r}: {nearest(other, _SETTINGS)}")
    return Settings(learning_rate=1e-3, seed=seed).changed(changes)


def _parted(train: _Pairs, share: float, validation: _Pairs | None) -> tuple[_Pairs, _Pairs]:
    """The samples without the last ones, and those."""
    samples, targets = train
    count, last = len(samples), round(len(samples) * share)
    if validation is not None:
        raise both_given()
    if not 0 < last < count:
        raise SettingsError(f"validation_split={share:g} of {count} samples leaves none to train on or to validate on")
    return (samples[:-last], targets[:-last]), (samples[-last:], targets[-last:])


def _numbers(samples: object, title: str) -> NDArray[Any]:
    try:
        array = as_array(samples)
    except ValueError as problem:
        raise NetworkError(f"expected {title}: {problem}") from problem
    if array.dtype.kind not in "uif":
        raise NetworkError(f"expected {title} of numbers, got {array.dtype}")
    return array
