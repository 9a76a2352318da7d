"""Model: a network with its weights, for any task; a `Classifier` also has classes and a preparation.

    inputs = Input((32,))()
    model = eb.Model(Network(inputs, Linear(1)(inputs)))
    model.predict(samples)
    model.save("my_model");  eb.Model.load("my_model")

The saved folder contains:

    plain.json            format, network as data, SHA-256 of the other files
    weights.safetensors   the tensors by `layer.tensor`
    network.onnx          the same network for other programs
"""

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eyebright.model.engine import Engine, onnx_graph
from eyebright.model.folder import CARD, ONNX, PLAIN, WEIGHTS, read_card
from eyebright.model.predictor import BATCH_SIZE
from eyebright.model.weights import Weighted
from eyebright.network import Network, Weights, check_weights, initial_weights, load_weights, save_weights
from eyebright.system import files, records
from eyebright.system.errors import ModelError, NetworkError
from eyebright.system.records import Record

FORMAT = 1


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
        card = _Card(format=FORMAT, network=network.to_dict(), sha256=digests)
        (place / PLAIN).write_text(records.to_json(card), encoding="utf-8")


def read_plain(path: Path) -> tuple[Network, Weights]:
    """Read the network and the weights from the folder of a model.

    Raises:
        ModelError: When the folder is missing, incomplete, altered, of a newer format, or invalid.
    """
    path = _existing(path)
    card = read_card(path / PLAIN, _Card, newest=FORMAT, names=(WEIGHTS, ONNX))
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
    """A network with its weights.

    Args:
        network: Any network, for images or vectors.
        weights: Its tensors by `layer.tensor`; initialised with the seed unless given.
        seed: Decides the initial weights.

    Raises:
        NetworkError: When the weights are not those of the network.
    """

    def __init__(
        self, network: Network, weights: Mapping[str, NDArray[np.float32]] | None = None, *, seed: int = 0
    ) -> None:
        self.network = network
        self._weights: Weights = {}
        self.set_weights(initial_weights(network, seed) if weights is None else weights)

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
        return cls(*read_plain(Path(path)))

    @cached_property
    def _engine(self) -> Engine:
        return Engine.of_bytes(self.to_onnx())

    def _forget_graph(self) -> None:
        self.__dict__.pop("_engine", None)


def _numbers(samples: object, title: str) -> NDArray[Any]:
    try:
        array = np.asarray(samples)
    except ValueError as problem:
        raise NetworkError(f"expected {title}: {problem}") from problem
    if array.dtype.kind not in "uif":
        raise NetworkError(f"expected {title} of numbers, got {array.dtype}")
    return array
