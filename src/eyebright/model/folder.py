"""Reading and writing a model folder; its format is written down in docs/model-format.md.

Loading runs no code from the folder and reads nothing beside it: JSON is checked against structs, weights are
safetensors, and the ONNX graph is refused where it points outside its file.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from eyebright import codec, files
from eyebright.errors import ModelError, NetworkError
from eyebright.model.card import FORMAT, ModelCard
from eyebright.model.golden import Golden
from eyebright.model.sealed import read_card
from eyebright.network import Network, Weights, read_tensors

CARD, WEIGHTS, ONNX, GOLDEN, HISTORY, README = (
    "model.json", "weights.safetensors", "network.onnx", "golden.safetensors", "history.json", "README.md",
)  # fmt: skip
PLAIN = "plain.json"
T = TypeVar("T")


class StoredModel(NamedTuple):
    """A model folder whose card has been read and whose files have been checked; the large ones are read when asked
    for.
    """

    path: Path
    card: ModelCard
    network: Network

    @property
    def onnx_path(self) -> Path:
        """The ONNX graph."""
        return self.path / ONNX

    def weights(self) -> Weights:
        """The weights by `layer.tensor`; a `ModelError` where they are not those of the network."""
        weights = read_tensors(self.path / WEIGHTS, error=ModelError)
        expected = {name: f"float32 {parameter.shape}" for name, parameter in self.network.tensors.items()}
        found = {name: f"{values.dtype} {values.shape}" for name, values in weights.items()}
        if found != expected:
            names = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
            raise ModelError(
                f"{self.path / WEIGHTS} does not fit the network: "
                + "; ".join(f"{name} should be {expected.get(name)}, is {found.get(name)}" for name in names[:10])
            )
        return {name: weights[name].view(np.float32) for name in expected}

    def golden(self) -> Golden:
        """The golden pictures."""
        return Golden.load(self.path / GOLDEN)

    def history(self, kind: type[T]) -> T:
        """The course of the training, as a struct of the given kind; an empty one where the file is gone."""
        path = self.path / HISTORY
        return codec.from_json(path.read_bytes() if path.is_file() else b"{}", kind, what=str(path), error=ModelError)


def write_model(
    path: Path,
    card: ModelCard,
    weights: Mapping[str, NDArray[np.float32]],
    onnx: bytes,
    golden: Golden,
    history: object,
    readme: str,
    *,
    overwrite: bool = False,
) -> ModelCard:
    """Write a model folder, whole or not at all.

    Returns:
        The card as written, with the digests of the files.

    Raises:
        OutputError: When the folder exists and may not be overwritten, or cannot be written.
    """
    with files.new_folder(path, overwrite=overwrite, made_with=[CARD]) as place:
        (place / WEIGHTS).write_bytes(save({name: np.ascontiguousarray(values) for name, values in weights.items()}))
        (place / ONNX).write_bytes(onnx)
        golden.save(place / GOLDEN)
        (place / HISTORY).write_text(codec.to_json(history), encoding="utf-8")
        (place / README).write_text(readme, encoding="utf-8")
        digests = {name: files.sha256(place / name) for name in (WEIGHTS, ONNX, GOLDEN)}
        card = msgspec.structs.replace(card, sha256=digests)
        (place / CARD).write_text(codec.to_json(card), encoding="utf-8")
    return card


def find_model(path: Path) -> Path:
    """The model folder at a path that is one, or that is a run which holds one.

    Raises:
        ModelError: When there is none; the message says what was found instead.
    """
    previous, in_run = files.aside_of(path), path / "model"
    try:
        for place in (path, in_run, files.aside_of(in_run), previous, previous / "model"):
            if (place / CARD).is_file():
                return place
        missing = not path.exists()
    except OSError as problem:
        raise ModelError(f"{path} cannot be read: {problem.strerror}") from problem
    if missing:
        raise ModelError(f"{path} does not exist: give the folder of a model or of a run")
    if (path / "config.toml").exists():
        raise ModelError(f"{path} is a run without a model yet: finish it with: eyebright train --resume {path}")
    if (path / PLAIN).is_file():
        raise ModelError(f"{path} holds a network and weights without classes: read it with eyebright.Model.load")
    raise ModelError(f"{path} is no model: it holds no {CARD}; give the folder of a model or of a run")


def read_model(path: Path) -> StoredModel:
    """Read a model's card and check its files.

    Args:
        path: A model folder, or a run that holds one.

    Raises:
        ModelError: When it is missing, incomplete, altered, of a newer format, or not what a model may be.
    """
    place = find_model(path)
    card = read_card(place / CARD, ModelCard, newest=FORMAT, names=(WEIGHTS, ONNX, GOLDEN))
    try:
        network = Network.from_dict(card.network)
    except NetworkError as problem:
        raise ModelError(f"the network in {place / CARD} is not sound: {problem}") from problem
    _check_consistency(place, card, network)
    return StoredModel(place, card, network)


def _check_consistency(place: Path, card: ModelCard, network: Network) -> None:
    if network.output_shape != (len(card.classes),):
        raise ModelError(
            f"{place}: the network gives {network.output_shape}, but there are {len(card.classes)} classes"
        )
    prepared = (3, card.preparation.height, card.preparation.width)
    if network.input_shape != prepared:
        raise ModelError(f"{place}: the network takes {network.input_shape}, but pictures are prepared to {prepared}")
