"""A folder that `eyebright export` has written of a detector, as it is read again: checked, and run by its own runtime.

    FOLDER/
      model.onnx     the graph of the detector
      export.json    classes, preparation, thresholds, digests: for programs
      prepare.py     from a file to the input of the graph, with Pillow and NumPy
      detect.py      from an image to its objects: python detect.py photo.jpg
      golden.npz     golden images with the maps and objects that they must give, and their files golden_0.png, ...
      check.py       whether this machine gives these
      proof.json     on which images ONNX Runtime was compared with the detector, and how far they differ

Reading executes no program of the folder.
"""

import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.model.card import classes_row, images_row
from eyebright.model.card_file import check_files, read_card
from eyebright.model.engine import TOLERANCE
from eyebright.model.export.exported import CARD
from eyebright.model.export.onnx import graph_outputs
from eyebright.model.export.proof import PROOF
from eyebright.model.golden import relative_difference
from eyebright.network.detecting import BOXES, SCORES
from eyebright.system import records
from eyebright.system.errors import ModelError
from eyebright.system.records import Record
from eyebright.system.table import Table
from eyebright.system.text import counted, size_text
from eyebright.tasks.detection.model.card import TASK, FindingCard
from eyebright.tasks.detection.model.predictor import DetectionPredictor

FORMAT = 1
GRAPH, GOLDEN = "model.onnx", "golden.npz"


class DetectionExport(FindingCard, frozen=True, kw_only=True):
    """The content of export.json; what is not explained is as in `FindingCard`.

    Args:
        format: Version of the folder.
        to: Name of the format of the graph.
        task: What the model does.
        golden: The files of the golden images.
        tolerance: How far scores may differ; boxes may differ by ten times as much, relative to values above 1.
        versions: Versions of the packages that made and proved it.
        sha256: SHA-256 of the other files, by name; of export.json, that of its content.
    """

    format: int = FORMAT
    to: str = "onnx"
    task: str = TASK
    golden: tuple[str, ...]
    tolerance: float = TOLERANCE
    versions: dict[str, str] = {}  # noqa: RUF012 - msgspec copies it
    sha256: dict[str, str] = {}  # noqa: RUF012 - msgspec copies it


class DetectionProof(Record, frozen=True, kw_only=True):
    """How an export was compared with its detector.

    Args:
        images: On how many images.
        origin: Where they are from.
        score_difference: The greatest difference between two scores.
        box_difference: The same of boxes, relative to values above 1.
        versions: Versions of the packages that took part.
    """

    images: int
    origin: str
    score_difference: float
    box_difference: float
    versions: dict[str, str]

    def sentences(self) -> list[str]:
        """The comparison for people."""
        return [
            f"Compared with the detector on {counted(self.images, 'image')} ({self.origin}): scores differ by at most "
            f"{self.score_difference:.2g}, boxes by {self.box_difference:.2g} of their value."
        ]


class ExportedDetector(NamedTuple):
    """A folder with an exported detector, whose files are checked.

    Args:
        path: The folder.
        card: The content of export.json.
        proof: The content of proof.json.
    """

    path: Path
    card: DetectionExport
    proof: DetectionProof

    @property
    def shown(self) -> Path:
        """The file that Netron shows."""
        return self.path / GRAPH

    def as_table(self) -> Table:
        """What is in the folder."""
        card = self.card
        rows = [
            ("model", f"{card.to}, float32"),
            ("file", f"{GRAPH}, {size_text(self.shown.stat().st_size)}"),
            classes_row(card.classes),
            images_row(card.preparation),
        ]
        return Table(f"Exported detector of {counted(len(card.classes), 'class')}", rows=rows, names=2)

    def open(self) -> DetectionPredictor:
        """What finds objects, by ONNX Runtime, once the golden images give their maps on this machine.

        Raises:
            ModelError: When they give others, or a file is damaged.
            MissingExtraError: When ONNX Runtime is not installed.
        """
        runtime = _Runtime(self.shown)
        try:
            with np.load(self.path / GOLDEN, allow_pickle=False) as arrays:
                expected = {name: arrays[name] for name in (SCORES, BOXES)}
                found = runtime.outputs(arrays["prepared"])
        except (ValueError, KeyError, OSError, zipfile.BadZipFile) as problem:
            raise ModelError(f"{self.path / GOLDEN} is damaged: {problem}") from problem
        for name, tolerance in ((SCORES, self.card.tolerance), (BOXES, 10 * self.card.tolerance)):
            off = relative_difference(found[name], expected[name])
            if not off <= tolerance:
                raise ModelError(
                    f"{self.path} answers otherwise than where it was made: {name} of the golden images differ by "
                    f"{off:.2g} (allowed: {tolerance:g}); copy the whole folder again"
                )
        return DetectionPredictor(runtime, self.card)


class _Runtime:
    """ONNX Runtime as `DetectionPredictor` uses it."""

    def __init__(self, graph: Path) -> None:
        self._outputs = graph_outputs(graph)

    def outputs(self, samples: NDArray[np.uint8], /) -> dict[str, NDArray[Any]]:
        """The maps of prepared images."""
        return self._outputs(samples)


def read_exported_detector(path: Path) -> ExportedDetector:
    """Read the card and the proof of an exported detector, and check its files.

    Raises:
        ModelError: When it is incomplete, altered, of a newer format, or not valid.
    """
    card = read_card(path / CARD, DetectionExport, newest=FORMAT)
    check_files(path / CARD, card.sha256, {GRAPH, GOLDEN, *card.golden})
    proof = records.from_file(path / PROOF, DetectionProof, expected="the proof of an export", error=ModelError)
    return ExportedDetector(path, card, proof)
