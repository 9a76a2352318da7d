"""Model: a network with its weights, for whatever it computes; a `Classifier` is more.

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

from eyebright.errors import NetworkError
from eyebright.inference import BATCH_SIZE, Engine
from eyebright.model import read_plain, write_plain
from eyebright.network import Network, Weights, initial_weights
from eyebright.weighted import Weighted


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
