"""The folder of a model: writing it, finding it, and reading it safely.

docs/model-format.md describes the files. Reading runs no code from the folder and opens no file outside it: JSON is
checked against structs, weights are safetensors, each file must have the SHA-256 that the card gives (`card_file`), and
an ONNX graph may contain only standard operators and only tensors inside its own file (`check_onnx`).
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from eyebright.data.pictures import Preparation
from eyebright.model.card import FORMAT, ModelCard
from eyebright.model.card_file import HasDigests, check_files, from_json, read_card, write_card
from eyebright.model.golden import Golden
from eyebright.model.reference import Reference
from eyebright.network import Network, Weights, load_tensors
from eyebright.network.answering import ANSWER, PROBABILITIES, UNFAMILIARITY
from eyebright.system import files, records
from eyebright.system.errors import ModelError, NetworkError
from eyebright.trust.answers import Answers

CARD, WEIGHTS, ONNX, GOLDEN, REFERENCE, HISTORY, README = (
    "model.json", "weights.safetensors", "network.onnx", "golden.safetensors", "reference.safetensors", "history.json",
    "README.md",
)  # fmt: skip
EXPORTED = "export.json"  # the card of a model in the format of another program; see `eyebright.model.export`
DETECTOR = "detector.json"  # the card of a model that finds objects
PLAIN = "plain.json"  # the card of a network without classes; see `eyebright.model.plain`
_MOST_ONNX_BYTES = 2_000_000_000
_SHOWN = 10
T = TypeVar("T")
C = TypeVar("C", bound=HasDigests)


class ImageCard(HasDigests, Protocol):
    """The card of a model that takes images."""

    @property
    def preparation(self) -> Preparation: ...


K = TypeVar("K", bound=ImageCard)


@dataclass(frozen=True)
class StoredFolder(Generic[K]):
    """The folder of a model: its card is read, its files are checked, and the large ones are read on demand.

    Args:
        path: The folder.
        card: The content of its card.
        network: The network.
    """

    path: Path
    card: K
    network: Network

    @property
    def onnx_path(self) -> Path:
        """Path of the ONNX graph."""
        return self.path / ONNX

    @property
    def preparation(self) -> Preparation:
        """Size and resizing of the images."""
        return self.card.preparation

    @property
    def sha256(self) -> Mapping[str, str]:
        """SHA-256 of the other files, by name."""
        return self.card.sha256

    def weights(self) -> Weights:
        """The weights, by `layer.tensor`.

        Raises:
            ModelError: When the file is damaged, or its tensors are not those of the network.
        """
        return read_weights(self.path / WEIGHTS, self.network)

    def history(self, kind: type[T]) -> T:
        """The history of the training, as a struct of class `kind`; an empty one if the file is missing."""
        path = self.path / HISTORY
        with files.read_errors(path, ModelError):
            text = path.read_bytes() if path.is_file() else b"{}"
        return from_json(text, kind, path)


@dataclass(frozen=True)
class StoredModel(StoredFolder[ModelCard]):
    """The folder of a classifier.

    Args:
        reference: What the model compares images with; empty for a model of format 1.
    """

    reference: Reference

    @property
    def ports(self) -> dict[str, str]:
        """The outputs of the graph with their shapes, as OpenVINO writes them."""
        return {name: f"[?,{len(self.card.classes)}]" if name == PROBABILITIES else "[?]" for name in self.outputs}

    @property
    def outputs(self) -> tuple[str, ...]:
        """The outputs of the graph; one of format 1 gives only probabilities."""
        if self.card.format == 1:
            return (PROBABILITIES,)
        return (PROBABILITIES, UNFAMILIARITY, ANSWER) if self.reference.unknown else (PROBABILITIES, ANSWER)

    def golden(self) -> Golden:
        """The golden images; a `ModelError` if the file is damaged."""
        return Golden.load(self.path / GOLDEN, self.outputs)

    def require_sound(self, golden: Golden, found: Mapping[str, NDArray[Any]]) -> None:
        """Refuse a graph whose answers for the golden images do not follow from its other outputs."""
        if self.card.format == 1:
            return
        expected = Answers.decided(found[PROBABILITIES], found.get(UNFAMILIARITY), self.card.thresholds).answer
        if not np.array_equal(found[ANSWER], expected):
            raise ModelError(
                f"the graph of {self.path} gives other answers than follow from its probabilities and unfamiliarity: "
                "copy the whole folder again"
            )


def read_network(card: Path, network: dict[str, Any], preparation: Preparation) -> Network:
    """The network in a card.

    Args:
        card: The card, for messages.
        network: The network, as data.
        preparation: Size and resizing of the images.

    Raises:
        ModelError: When it is not valid, or does not take the images as they are prepared.
    """
    try:
        found = Network.from_dict(network)
    except NetworkError as problem:
        raise ModelError(f"the network in {card} is invalid: {problem}") from problem
    height, width, channels = preparation.shape
    prepared = (channels, height, width)
    if found.input_shape != prepared:
        raise ModelError(f"{card.parent}: the network takes {found.input_shape}, but images are prepared to {prepared}")
    return found


def read_weights(path: Path, network: Network) -> Weights:
    """The weights of a network in a file of a folder, by `layer.tensor`.

    Raises:
        ModelError: When the file is damaged, or its tensors are not those of the network.
    """
    weights = load_tensors(path, error=ModelError)
    expected = {name: f"float32 {parameter.shape}" for name, parameter in network.tensors.items()}
    found = {name: f"{values.dtype} {values.shape}" for name, values in weights.items()}
    if found != expected:
        names = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
        differences = (
            f"{name}: expected {expected.get(name, 'no tensor')}, got {found.get(name, 'no tensor')}"
            for name in names[:_SHOWN]
        )
        raise ModelError(f"{path} does not fit the network: {'; '.join(differences)}")
    return {name: weights[name].view(np.float32) for name in expected}


def write_model(
    path: Path,
    card: ModelCard,
    weights: Mapping[str, NDArray[np.float32]],
    onnx: bytes,
    golden: Golden,
    reference: Reference,
    history: object,
    readme: str,
    *,
    overwrite: bool = False,
    kept: Path | None = None,
) -> ModelCard:
    """Write a model folder, which appears complete or not at all.

    With `kept`, other files in that folder are copied into the new one.

    Returns:
        The card as written, with the SHA-256 of the files.

    Raises:
        OutputError: When the folder exists and may not be overwritten, or cannot be written.
    """
    content = graph_files(weights, onnx, golden) | {REFERENCE: reference.to_bytes()}
    texts = {HISTORY: records.to_json(history), README: readme}
    return write_folder(path, CARD, card, content, texts, overwrite=overwrite, kept=kept)


def graph_files(weights: Mapping[str, NDArray[np.float32]], onnx: bytes, golden: Golden) -> dict[str, bytes]:
    """The content of the files that every model has: weights, graph and golden images."""
    tensors = save({name: np.ascontiguousarray(values) for name, values in weights.items()})
    return {WEIGHTS: tensors, ONNX: onnx, GOLDEN: golden.to_bytes()}


def write_folder(
    path: Path,
    name: str,
    card: C,
    content: Mapping[str, bytes],
    texts: Mapping[str, str],
    *,
    overwrite: bool,
    kept: Path | None = None,
) -> C:
    """Write a folder with a card, which appears complete or not at all.

    Args:
        path: The folder.
        name: The name of the card.
        card: A struct whose `sha256` gets the digests.
        content: The files that have a digest in the card.
        texts: Files of text that anyone may edit.
        overwrite: Replace a folder with such a card.
        kept: A folder whose other files are copied into the new one.

    Returns:
        The card as written.

    Raises:
        OutputError: When the folder exists and may not be overwritten, or cannot be written.
    """
    with files.new_folder(path, overwrite=overwrite, made_with=[name]) as place:
        for file, data in content.items():
            (place / file).write_bytes(data)
        for file, text in texts.items():
            (place / file).write_text(text, encoding="utf-8")
        digests = {file: files.sha256(place / file) for file in content}
        card = write_card(place / name, msgspec.structs.replace(card, sha256=digests))  # type: ignore[type-var]
        for other in () if kept is None else kept.iterdir():
            if not (place / other.name).exists():
                (shutil.copytree if other.is_dir() else shutil.copy2)(other, place / other.name)
    return card


def find_model(path: Path, card: str = CARD) -> Path:
    """The folder of a model with a card of this name, given the folder itself or that of a run.

    Raises:
        ModelError: When there is none; the message says what was found instead.
    """
    previous, in_run = files.aside_of(path), path / "model"
    try:
        for place in (path, in_run, files.aside_of(in_run), previous, previous / "model"):
            if (place / card).is_file():
                return place
        missing = not path.exists()
    except OSError as problem:
        raise ModelError(f"{path} cannot be read: {problem.strerror}") from problem
    if missing:
        raise ModelError(f"{path} does not exist: give the folder of a model or of a run")
    if path.is_file():
        is_inside = (path.parent / card).is_file()
        folder = f"its folder, {path.parent}" if is_inside else "the folder of a model or of a run"
        raise ModelError(f"{path} is a file: give {folder}")
    if (path / "config.toml").exists():
        raise ModelError(f"{path} is a run without a model yet: finish it with: eyebright train --resume {path}")
    if (path / EXPORTED).is_file():
        raise ModelError(f"{path} is an exported model, which predict and inspect take: give the model that it is from")
    if (path / PLAIN).is_file():
        raise ModelError(f"{path} contains a network without classes: load it with eyebright.Model.load")
    if any((place / DETECTOR).is_file() for place in (path, in_run)):
        raise ModelError(f"{path} finds objects and does not name whole images: load it with eyebright.load")
    raise ModelError(f"{path} is not a model: it has no {card}; give the folder of a model or of a run")


def read_model(path: Path) -> StoredModel:
    """Read the card of a model and check its files.

    Args:
        path: The folder of a model or of a run.

    Raises:
        ModelError: When the model is missing, incomplete, altered, of a newer format, or invalid.
    """
    place = find_model(path)
    card = read_card(place / CARD, ModelCard, newest=FORMAT)
    has_reference = card.format > 1
    check_files(place / CARD, card.sha256, (WEIGHTS, ONNX, GOLDEN, *([REFERENCE] if has_reference else [])))
    network = read_network(place / CARD, card.network, card.preparation)
    if network.output_shape != (len(card.classes),):
        raise ModelError(
            f"{place}: the network gives {network.output_shape}, but there are {len(card.classes)} classes"
        )
    reference = Reference.load(place / REFERENCE) if has_reference else Reference()
    return StoredModel(place, card, network, reference)


def check_onnx(path: Path) -> None:
    """Check that an ONNX file contains no other than standard operators and no reference to another file.

    Raises:
        ModelError: When it contains either, or is not an ONNX file.
    """
    import onnx
    from google.protobuf.message import DecodeError

    if path.stat().st_size > _MOST_ONNX_BYTES:
        raise ModelError(f"{path} is larger than {_MOST_ONNX_BYTES / 1e9:.0f} GB, the limit of an ONNX file")
    model = onnx.ModelProto()
    try:
        model.ParseFromString(path.read_bytes())
    except DecodeError as problem:
        raise ModelError(f"{path} is not an ONNX file: {problem}") from problem
    foreign = {imported.domain for imported in model.opset_import} - {"", "ai.onnx"}
    if foreign:
        raise ModelError(f"{path} uses operators of {', '.join(sorted(foreign))}: only standard ones are allowed")
    if model.functions:
        raise ModelError(f"{path} defines its own functions: only standard operators are allowed")
    waiting = [model]  # all tensors and nodes, also those in subgraphs
    while waiting:
        current = waiting.pop()
        if isinstance(current, onnx.TensorProto) and (
            current.data_location == onnx.TensorProto.EXTERNAL or current.external_data
        ):
            raise ModelError(f"{path} stores tensor {current.name!r} outside the file: this is not allowed")
        if isinstance(current, onnx.NodeProto) and current.domain not in ("", "ai.onnx"):
            raise ModelError(
                f"{path} uses the operator {current.domain}.{current.op_type}: only standard ones are allowed"
            )
        for field, value in current.ListFields():
            if field.message_type is not None:
                waiting.extend(value if field.is_repeated else [value])
