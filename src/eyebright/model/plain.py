"""The folder of a network with its weights and nothing else: no classes, no preparation.

MODEL/
  plain.json            format, network as data, SHA-256 of the other files
  weights.safetensors   the tensors by `layer.tensor`
  network.onnx          the same for other programs
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eyebright import codec, files
from eyebright.codec import Record
from eyebright.errors import ModelError, NetworkError
from eyebright.model.folder import CARD, ONNX, PLAIN, WEIGHTS
from eyebright.model.sealed import read_card
from eyebright.network import Network, Weights, check_weights, read_weights, save_weights

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
        (place / PLAIN).write_text(codec.to_json(card), encoding="utf-8")


def read_plain(path: Path) -> tuple[Network, Weights]:
    """Network and weights of such a folder.

    Raises:
        ModelError: When it is missing, incomplete, altered, of a newer format, or not what it may be.
    """
    path = _find(path)
    card = read_card(path / PLAIN, _Card, newest=FORMAT, names=(WEIGHTS, ONNX))
    try:
        network = Network.from_dict(card.network)
        weights = read_weights(path / WEIGHTS)
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
