"""The card of a folder: JSON with its format and the SHA-256 of the other files, all of it proven on every load.

Whether an ONNX file may be handed to a runtime: standard operators only, and nothing that points outside the
file.

Reading and writing a model folder; its format is written down in docs/model-format.md.

Loading runs no code from the folder and reads nothing beside it: JSON is checked against structs, weights are
safetensors, and the ONNX graph is refused where it points outside its file.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from eyebright.model.card import FORMAT, ModelCard
from eyebright.model.golden import Golden
from eyebright.network import Network, Weights, load_tensors
from eyebright.system import files, records
from eyebright.system.errors import ModelError, NetworkError

_MOST_CARD_BYTES = 500_000_000


class Card(Protocol):
    """What every card holds."""

    @property
    def sha256(self) -> dict[str, str]:
        """Digests of the other files by their names."""


C = TypeVar("C", bound=Card)


class _Version(msgspec.Struct):
    format: int


def read_card(path: Path, kind: type[C], *, newest: int, names: tuple[str, ...]) -> C:
    """Read a card and check the files beside it.

    Args:
        path: The card.
        kind: The struct that it must fit.
        newest: The highest format that can be read.
        names: The files that its digests must be of.

    Raises:
        ModelError: When it is of a newer format or not sound, or a file is missing or altered.
    """
    place = path.parent
    if path.stat().st_size > _MOST_CARD_BYTES:
        raise ModelError(f"{path} is larger than {_MOST_CARD_BYTES / 1e6:.0f} MB: refused")
    text = path.read_bytes()
    version = records.from_json(text, _Version, what=str(path), error=ModelError).format
    if version > newest:
        raise ModelError(f"{place} is of format {version}, this eyebright reads up to {newest}: update eyebright")
    if version < 1:
        raise ModelError(f"{place} says that it is of format {version}, which never was")
    card = records.from_json(text, kind, what=str(path), error=ModelError)
    for name in names:
        if not (place / name).is_file():
            raise ModelError(f"{place} is incomplete: {name} is missing; copy the whole folder again")
        if files.sha256(place / name) != card.sha256.get(name):
            raise ModelError(
                f"{place / name} was altered: its SHA-256 is not the one in {path.name}; copy the whole folder again"
            )
    return card


_MOST_BYTES = 2_000_000_000


def check_onnx(path: Path) -> None:
    """Refuse an ONNX file that could read other files or run foreign code.

    Raises:
        ModelError: When the file is no ONNX, keeps tensors outside itself, or uses operators that are not ONNX's own.
    """
    import onnx
    from google.protobuf.message import DecodeError

    if path.stat().st_size > _MOST_BYTES:
        raise ModelError(f"{path} is larger than {_MOST_BYTES / 1e9:.0f} GB, more than ONNX allows in one file")
    model = onnx.ModelProto()
    try:
        model.ParseFromString(path.read_bytes())
    except DecodeError as problem:
        raise ModelError(f"{path} is not an ONNX file: {problem}") from problem
    foreign = {imported.domain for imported in model.opset_import} - {"", "ai.onnx"}
    if foreign:
        raise ModelError(f"{path} uses operators that are not ONNX's own, from {', '.join(sorted(foreign))}: refused")
    if model.functions:
        raise ModelError(f"{path} defines functions of its own: refused")
    waiting = [model]  # every tensor and every node, in subgraphs too
    while waiting:
        current = waiting.pop()
        if isinstance(current, onnx.TensorProto) and (
            current.data_location == onnx.TensorProto.EXTERNAL or current.external_data
        ):
            raise ModelError(f"{path} keeps tensor {current.name!r} outside the file: refused")
        if isinstance(current, onnx.NodeProto) and current.domain not in ("", "ai.onnx"):
            raise ModelError(f"{path} uses the foreign operator {current.domain}.{current.op_type}: refused")
        for field, value in current.ListFields():
            if field.message_type is not None:
                waiting.extend(value if field.is_repeated else [value])


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
        weights = load_tensors(self.path / WEIGHTS, error=ModelError)
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
        return records.from_json(path.read_bytes() if path.is_file() else b"{}", kind, what=str(path), error=ModelError)


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
        (place / HISTORY).write_text(records.to_json(history), encoding="utf-8")
        (place / README).write_text(readme, encoding="utf-8")
        digests = {name: files.sha256(place / name) for name in (WEIGHTS, ONNX, GOLDEN)}
        card = msgspec.structs.replace(card, sha256=digests)
        (place / CARD).write_text(records.to_json(card), encoding="utf-8")
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
