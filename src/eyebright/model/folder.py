"""The folder of a model: writing it, finding it, and reading it safely.

docs/model-format.md describes the files. Reading runs no code from the folder and opens no file outside it: JSON is
checked against structs, weights are safetensors, each file must have the SHA-256 that the card gives (`card_file`), and
an ONNX graph may contain only standard operators and only tensors inside its own file (`check_onnx`).
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from eyebright.model.card import FORMAT, ModelCard
from eyebright.model.card_file import check_files, from_json, read_card, write_card
from eyebright.model.golden import Golden
from eyebright.model.reference import Reference
from eyebright.network import Network, Weights, load_tensors
from eyebright.network.answering import ANSWER, PROBABILITIES, UNFAMILIARITY
from eyebright.system import files, records
from eyebright.system.errors import ModelError, NetworkError

CARD, WEIGHTS, ONNX, GOLDEN, REFERENCE, HISTORY, README = (
    "model.json", "weights.safetensors", "network.onnx", "golden.safetensors", "reference.safetensors", "history.json",
    "README.md",
)  # fmt: skip
EXPORTED = "export.json"  # the card of a model in the format of another program; see `eyebright.model.export`
PLAIN = "plain.json"  # the card of a network without classes; see `eyebright.model.plain`
_MOST_ONNX_BYTES = 2_000_000_000
_SHOWN = 10
T = TypeVar("T")


class StoredModel(NamedTuple):
    """A model folder: its card is read, its files are checked, and the large ones are read on demand.

    Args:
        path: The folder.
        card: The content of model.json.
        network: The network.
        reference: What the model compares images with; empty for a model of format 1.
    """

    path: Path
    card: ModelCard
    network: Network
    reference: Reference

    @property
    def onnx_path(self) -> Path:
        """Path of the ONNX graph."""
        return self.path / ONNX

    def weights(self) -> Weights:
        """The weights, by `layer.tensor`.

        Raises:
            ModelError: When the file is damaged, or its tensors are not those of the network.
        """
        weights = load_tensors(self.path / WEIGHTS, error=ModelError)
        expected = {name: f"float32 {parameter.shape}" for name, parameter in self.network.tensors.items()}
        found = {name: f"{values.dtype} {values.shape}" for name, values in weights.items()}
        if found != expected:
            names = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
            differences = (
                f"{name}: expected {expected.get(name, 'no tensor')}, got {found.get(name, 'no tensor')}"
                for name in names[:_SHOWN]
            )
            raise ModelError(f"{self.path / WEIGHTS} does not fit the network: {'; '.join(differences)}")
        return {name: weights[name].view(np.float32) for name in expected}

    @property
    def outputs(self) -> tuple[str, ...]:
        """The outputs of the graph; one of format 1 gives only probabilities."""
        if self.card.format == 1:
            return (PROBABILITIES,)
        return (PROBABILITIES, UNFAMILIARITY, ANSWER) if self.reference.unknown else (PROBABILITIES, ANSWER)

    def golden(self) -> Golden:
        """The golden images; a `ModelError` if the file is damaged."""
        return Golden.load(self.path / GOLDEN, self.outputs)

    def history(self, kind: type[T]) -> T:
        """The history of the training, as a struct of class `kind`; an empty one if the file is missing."""
        path = self.path / HISTORY
        with files.read_errors(path, ModelError):
            text = path.read_bytes() if path.is_file() else b"{}"
        return from_json(text, kind, path)


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
    with files.new_folder(path, overwrite=overwrite, made_with=[CARD]) as place:
        (place / WEIGHTS).write_bytes(save({name: np.ascontiguousarray(values) for name, values in weights.items()}))
        (place / ONNX).write_bytes(onnx)
        golden.save(place / GOLDEN)
        reference.save(place / REFERENCE)
        (place / HISTORY).write_text(records.to_json(history), encoding="utf-8")
        (place / README).write_text(readme, encoding="utf-8")
        digests = {name: files.sha256(place / name) for name in (WEIGHTS, ONNX, GOLDEN, REFERENCE)}
        card = write_card(place / CARD, msgspec.structs.replace(card, sha256=digests))
        for other in () if kept is None else kept.iterdir():
            if not (place / other.name).exists():
                (shutil.copytree if other.is_dir() else shutil.copy2)(other, place / other.name)
    return card


def find_model(path: Path) -> Path:
    """The folder of a model, given the folder itself or that of a run.

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
    if path.is_file():
        is_inside = (path.parent / CARD).is_file()
        folder = f"its folder, {path.parent}" if is_inside else "the folder of a model or of a run"
        raise ModelError(f"{path} is a file: give {folder}")
    if (path / "config.toml").exists():
        raise ModelError(f"{path} is a run without a model yet: finish it with: eyebright train --resume {path}")
    if (path / EXPORTED).is_file():
        raise ModelError(f"{path} is an exported model, which predict and inspect take: give the model that it is from")
    if (path / PLAIN).is_file():
        raise ModelError(f"{path} contains a network without classes: load it with eyebright.Model.load")
    raise ModelError(f"{path} is not a model: it has no {CARD}; give the folder of a model or of a run")


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
    try:
        network = Network.from_dict(card.network)
    except NetworkError as problem:
        raise ModelError(f"the network in {place / CARD} is invalid: {problem}") from problem
    if network.output_shape != (len(card.classes),):
        raise ModelError(
            f"{place}: the network gives {network.output_shape}, but there are {len(card.classes)} classes"
        )
    height, width, channels = card.preparation.shape
    prepared = (channels, height, width)
    if network.input_shape != prepared:
        raise ModelError(f"{place}: the network takes {network.input_shape}, but images are prepared to {prepared}")
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
