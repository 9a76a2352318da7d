"""The folder of a network with its weights and nothing else: no classes, no preparation.

MODEL/
  plain.json            format, network as data, SHA-256 of the other files
  weights.safetensors   the tensors by `layer.tensor`
  network.onnx          the same for other programs

Model: a network with its weights, for whatever it computes; a `Classifier` is more.

inputs = Input((32,))()
model = eb.Model(Network(inputs, Linear(1)(inputs)))
model.predict(samples)
model.save("my_model");  eb.Model.load("my_model")
"""

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eyebright.model.engine import Engine
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
    """Whether a folder holds such a model."""
    return (path / PLAIN).is_file()


def write_plain(
    path: Path, network: Network, weights: Mapping[str, NDArray[np.float32]], onnx: bytes, *, overwrite: bool = False
) -> None:
    """Write the folder, whole or not at all; an `OutputError` where it may not or cannot be written."""
    with files.new_folder(path, overwrite=overwrite, made_with=[PLAIN]) as place:
        save_weights(place / WEIGHTS, weights)
        (place / ONNX).write_bytes(onnx)
        digests = {name: files.sha256(place / name) for name in (WEIGHTS, ONNX)}
        card = _Card(format=FORMAT, network=network.to_dict(), sha256=digests)
        (place / PLAIN).write_text(records.to_json(card), encoding="utf-8")


def read_plain(path: Path) -> tuple[Network, Weights]:
    """Network and weights of such a folder.

    Raises:
        ModelError: When it is missing, incomplete, altered, of a newer format, or not what it may be.
    """
    path = _find(path)
    card = read_card(path / PLAIN, _Card, newest=FORMAT, names=(WEIGHTS, ONNX))
    try:
        network = Network.from_dict(card.network)
        weights = load_weights(path / WEIGHTS)
        check_weights(network, weights)
    except NetworkError as problem:
        raise ModelError(f"{path} is not sound: {problem}") from problem
    return network, weights


def _find(path: Path) -> Path:
    """The folder, or the one before it where a crash came between taking that away and putting the new one."""
    try:
        place = files.standing(path)
        if is_plain(place):
            return place
        missing, classifier = not path.exists(), any((path / name).exists() for name in (CARD, "model"))
    except (OSError, ValueError) as problem:
        raise ModelError(f"{path} cannot be read: {problem}") from problem
    if missing:
        raise ModelError(f"{path} does not exist: give a folder that Model.save made")
    if classifier:
        raise ModelError(f"{path} holds a classifier: read it with eyebright.load")
    raise ModelError(f"{path} is no plain model: it holds no {PLAIN}; give a folder that Model.save made")


class Model(Weighted):
    """A network with its weights.

    Args:
        network: Any network, on pictures or on vectors.
        weights: Its tensors by `layer.tensor`; drawn from the seed unless given.
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
        """What the network gives.

        Args:
            samples: Vectors `(N, features)`, or pictures `(N, H, W, C)`, uint8 from 0 to 255; grey ones may come as
                `(N, H, W)`.

        Returns:
            `(N, *network.output_shape)`, float32.

        Raises:
            NetworkError: When the samples are of another shape, or no numbers, or pictures that are not uint8.
        """
        array = self._as_samples(samples)
        batches = [self._engine(array[at : at + BATCH_SIZE]) for at in range(0, len(array), BATCH_SIZE)]
        return np.concatenate([np.empty((0, *self.network.output_shape), np.float32), *batches])

    def _as_samples(self, samples: object) -> NDArray[np.float32] | NDArray[np.uint8]:
        channels, *sides = self.network.input_shape
        wanted = (*sides, channels)
        title = f"samples ({', '.join(['N', *map(str, wanted)])})"
        array = _numbers(samples, title)
        if channels == 1 and sides and array.shape[1:] == tuple(sides):
            array = array[..., None]
        if array.shape[1:] != wanted:
            hint = "; a single one goes in as samples[None]" if array.shape == wanted else ""
            raise NetworkError(f"expected {title}, received {array.shape}{hint}")
        if not sides:
            return array.astype(np.float32)
        if array.dtype != np.uint8:
            raise NetworkError(f"expected {title} of uint8 from 0 to 255, received {array.dtype}")
        return array.astype(np.uint8, copy=False)

    def to_onnx(self) -> bytes:
        """The ONNX graph: samples in, the network's result out."""
        from eyebright.network.onnx import to_onnx

        return bytes(to_onnx(self.network, self._weights).SerializeToString(deterministic=True))

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write network, weights and ONNX graph to a folder.

        Raises:
            OutputError: When the folder exists (and `overwrite` is not set), or cannot be written.
        """
        write_plain(Path(path), self.network, self._weights, self.to_onnx(), overwrite=overwrite)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Model":
        """Read what `save` wrote; it predicts the same to the last bit.

        Raises:
            ModelError: When it is missing, incomplete, altered, of a newer format, or not what it may be.
        """
        return cls(*read_plain(Path(path)))

    @cached_property
    def _engine(self) -> Engine:
        return Engine.of_bytes(self.to_onnx())

    def _renew(self) -> None:
        self.__dict__.pop("_engine", None)


def _numbers(samples: object, title: str) -> NDArray[Any]:
    try:
        array = np.asarray(samples)
    except ValueError as problem:
        raise NetworkError(f"expected {title}: {problem}") from problem
    if array.dtype.kind not in "uif":
        raise NetworkError(f"expected {title} of numbers, received {array.dtype}")
    return array
