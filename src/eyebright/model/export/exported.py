"""Exported: a folder that `eyebright export` has written, as it is read again.

    FOLDER/
      model.onnx      the model in the format of another program; its name depends on the format
      export.json     what is in the folder, and how images are prepared and answered: for programs
      README.md       the same for people; free to edit
      prepare.py      from a file to the input of the model, with Pillow and NumPy
      run.py          from the input to the answer, with the runtime of the format
      classify.py     both: python classify.py photo.jpg
      golden/         images, the same prepared, and the answers that they must give
      check.py        whether this machine gives these answers
      proof.json      on which images the export was compared with the model, and how far they differ

Reading runs no Python code from the folder: its model is read by the runtime of its format. Each file must have the
SHA-256 that export.json gives, and the golden images must give their answers. A SavedModel could read and write files
when TensorFlow opens it: `network.tensorflow.safety` refuses one that does more than compute.
"""

import zipfile
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyebright.data.pictures import Preparation
from eyebright.model.card import classes_row, images_row
from eyebright.model.card_file import check_files, read_card
from eyebright.model.folder import EXPORTED
from eyebright.network.answering import Answering, Familiar
from eyebright.system.errors import ModelError
from eyebright.system.records import Record
from eyebright.system.table import Table
from eyebright.system.text import size_text
from eyebright.trust.promise import Promised

CARD, ANSWERING = EXPORTED, "answering.npz"
NETRON = "netron.pb"
"""The graph for Netron, where it is better shown than in the file that runs; nothing can run this one."""
Precision: TypeAlias = Literal["float32", "float16", "bfloat16", "int8"]
_FORMAT = 1


class ExportCard(Record, frozen=True, kw_only=True):
    """The content of export.json.

    Args:
        format: Version of the folder.
        to: Name of the format of the model, such as "onnx".
        precision: In which numbers it is stored and computed.
        files: The files of this format, by their paths in the folder with "/", first the one that is opened to run it;
            the others are the same for all formats.
        classes: Names of the classes, in the order of the outputs.
        preparation: Size and resizing of the images.
        temperature: The logits are divided by it before the softmax.
        thresholds: The probability that each class needs to be the answer; None if any will do.
        promise: What the answers keep, where something is promised.
        unfamiliarity: Whether the answers say how unlike the training images an image is.
        tolerance: How far the probabilities of golden images may differ.
        versions: Versions of the packages that made and proved it.
        sha256: SHA-256 of the files, by their paths in the folder with "/"; of export.json, that of its content.
    """

    format: int = _FORMAT
    to: str
    precision: Precision
    files: tuple[str, ...]
    classes: tuple[str, ...]
    preparation: Preparation
    temperature: float
    thresholds: tuple[float, ...] | None = None
    promise: Promised | None = None
    unfamiliarity: bool = False
    tolerance: float
    versions: dict[str, str] = {}  # noqa: RUF012 - msgspec copies it
    sha256: dict[str, str] = {}  # noqa: RUF012 - msgspec copies it

    def __post_init__(self) -> None:
        if not self.files:
            raise ModelError(f"{CARD} names no file of a model")
        if len(self.classes) < 2 or len({*self.classes}) < len(self.classes):
            raise ModelError(f"{CARD} must give two or more different classes, got {len(self.classes)}")
        if self.thresholds is not None and len(self.thresholds) != len(self.classes):
            raise ModelError(f"{CARD} must give a threshold for each of {len(self.classes)} classes")
        escaping = [name for name in self.sha256 if not _is_inside(name)]
        if escaping:
            raise ModelError(f"{CARD} names a file outside its folder: {escaping[0]}")


class Exported(NamedTuple):
    """A folder with an exported model.

    Args:
        path: The folder.
        card: The content of export.json.
    """

    path: Path
    card: ExportCard

    def file(self, name: str) -> Path:
        """A file of the folder, such as "model.onnx"; a `ModelError` where it is not one that was checked."""
        if name not in self.card.sha256:
            raise ModelError(f"{self.path / CARD} does not name {name}: export the model again")
        return self.path / name

    @property
    def main(self) -> Path:
        """The file that is opened to run the model."""
        return self.file(self.card.files[0])

    @property
    def shown(self) -> Path:
        """The file that Netron shows."""
        return self.file(NETRON) if NETRON in self.card.files else self.main

    def as_table(self) -> Table:
        """What is in the folder."""
        card = self.card
        rows = [
            ("model", f"{card.to}, {card.precision}"),
            *(("file", f"{name}, {size_text(size)}") for name, size in self.sizes().items()),
            classes_row(card.classes),
            images_row(card.preparation),
            ("temperature", f"{card.temperature:.4g}"),
            ("unfamiliarity", "yes" if card.unfamiliarity else "no"),
            *([("promise", card.promise.promise)] if card.promise else []),
        ]
        return Table(f"Exported model of {len(card.classes)} classes", rows=rows, names=2)

    def sizes(self) -> dict[str, int]:
        """The sizes of the files of the format in bytes."""
        return {name: self.file(name).stat().st_size for name in self.card.files}

    def answering(self) -> Answering:
        """How answers are made from logits and features, for a format whose files do not say it: from answering.npz.

        Raises:
            ModelError: When the file is damaged.
        """
        try:
            with np.load(self.file(ANSWERING), allow_pickle=False) as arrays:
                known = all(field in arrays for field in Familiar._fields)
                familiar = Familiar(**{field: arrays[field] for field in Familiar._fields}) if known else None
                return Answering(float(arrays["temperature"]), familiar, self.thresholds)
        except (ValueError, KeyError, OSError, zipfile.BadZipFile) as problem:
            raise ModelError(f"{self.path / ANSWERING} is damaged: {problem}") from problem

    @property
    def thresholds(self) -> NDArray[np.float32] | None:
        """The probability that each class needs to be the answer, `(classes,)`; None if any will do."""
        return None if self.card.thresholds is None else np.array(self.card.thresholds, np.float32)


def is_export(path: Path) -> bool:
    """Whether this is the folder of an exported model."""
    return (path / CARD).is_file()


def read_export(path: Path) -> Exported:
    """Read the card of an exported model, and check its files.

    Raises:
        ModelError: When it is missing, incomplete, altered, of a newer format, or not valid.
    """
    if not is_export(path):
        raise ModelError(f"{path} is not an exported model: it has no {CARD}; give the folder that export -o made")
    card = read_card(path / CARD, ExportCard, newest=_FORMAT)
    check_files(path / CARD, card.sha256, card.sha256.keys() - {CARD})
    return Exported(path, card)


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(name) and not path.is_absolute() and ".." not in path.parts and "\\" not in name and ":" not in name
