"""The folder of a detector: detector.json as a struct, the text of README.md, writing it and reading it safely.

docs/model-format.md describes the files. What holds for the folder of a classifier (`eyebright.model.folder`) holds
here: digests, no code, nothing outside the folder.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eyebright.data.pictures import Preparation
from eyebright.model.card import Provenance, Seen
from eyebright.model.card_file import check_files, read_card, require_class_names
from eyebright.model.folder import (
    DETECTOR,
    EXPORTED,
    GOLDEN,
    HISTORY,
    ONNX,
    README,
    WEIGHTS,
    StoredFolder,
    find_model,
    graph_files,
    read_network,
    write_folder,
)
from eyebright.model.golden import Golden
from eyebright.network.detecting import BOX_CHANNELS, BOXES, SCORES, Detecting, detecting_of
from eyebright.system import files, records
from eyebright.system.errors import ModelError, NetworkError
from eyebright.system.records import Record
from eyebright.system.text import counted, listed, markdown
from eyebright.tasks.detection.geometry.finding import LEAST, MOST_PEAKS, OVERLAP, Detections, find
from eyebright.tasks.detection.trust.calibration import ScoreScale, calibrated, score_of
from eyebright.tasks.detection.trust.promise import RecallPromised

FORMAT = 1
FOUND = "found_{}"
TASK = "detect"
"""By which export.json says that the folder has a detector."""
_MOST_CLASSES, _STEEPEST = 10_000, 1_000
_ROUNDING = 1e-6  # of scores, which are float32


class FindingCard(Record, frozen=True, kw_only=True):
    """How objects come from the maps of a graph: what the cards of a detector and of its export have in common.

    Args:
        classes: Names of the classes, in the order of the maps of scores.
        preparation: Size of the images, and how they are padded.
        calibration: The scale of each class: from the scores of the maps to calibrated confidences.
        thresholds: The confidence from which on an object of each class is shown.
        overlap: Above this intersection over union with a better box of its class, a box is left out.
        most: How many peaks of an image are looked at.
    """

    classes: tuple[str, ...]
    preparation: Preparation
    calibration: tuple[ScoreScale, ...]
    thresholds: tuple[float, ...]
    overlap: float = OVERLAP
    most: int = MOST_PEAKS

    def __post_init__(self) -> None:
        require_class_names(self.classes, least=1, most=_MOST_CLASSES)
        wrong = [scale for scale in self.calibration if not (0 < scale.slope < _STEEPEST and abs(scale.shift) < 1_000)]
        if len(self.calibration) != len(self.classes) or wrong:
            raise ModelError(
                f"expected a slope above 0 and a finite shift for each of {counted(len(self.classes), 'class')}, got "
                f"{listed([str(tuple(scale)) for scale in wrong or self.calibration], 3) or 'none'}"
            )
        if len(self.thresholds) != len(self.classes) or not all(0 <= each <= 1 for each in self.thresholds):
            raise ModelError(f"expected a threshold from 0 to 1 for each of {counted(len(self.classes), 'class')}")
        if not 0 < self.overlap <= 1 or not 1 <= self.most <= 10_000:
            raise ModelError(f"expected an overlap from 0 to 1 and 1 to 10,000 peaks, got {self.overlap}, {self.most}")
        if self.preparation.fit != "pad":
            raise ModelError(f'expected images that are resized with "pad", got {self.preparation.fit!r}')

    def find(self, scores: NDArray[np.float32], boxes: NDArray[np.float32], *, least: float = 0.0) -> Detections:
        """The objects of one image in pixels of the input, by its maps, with calibrated confidences, the surest first.

        What is an object is decided by the scores alone (see `geometry.finding`), so that the calibration changes no
        average precision.

        Args:
            scores: `(classes, h, w)`, 0 to 1.
            boxes: x1, y1, x2, y2 for each pixel, `(4, h, w)`.
            least: Objects below this confidence may be left out.
        """
        lowest = min(score_of(least, scale) for scale in self.calibration) * (1 - _ROUNDING)
        found = find(scores, boxes, least=max(lowest, LEAST), most=self.most, overlap=self.overlap)
        return calibrated(found, self.calibration)


class DetectorCard(FindingCard, frozen=True, kw_only=True):
    """The content of detector.json; what is not explained is as in `FindingCard`.

    Args:
        format: Version of the folder.
        network: The network, as data.
        metrics: The evaluations, as data: "validation" and, if there was one, "test".
        seen: The images of the training and validation sets.
        promise: Which share of the objects is found, where that is promised.
        one_class: Whether objects of all classes were labelled as one for the training.
        verdicts: What the figures of the training show, as sentences.
        provenance: How the model was made.
        sha256: SHA-256 of the other files, by name; of detector.json, that of its content.
    """

    format: int = FORMAT
    network: dict[str, Any]
    metrics: dict[str, Any] = {}  # noqa: RUF012 - msgspec copies it
    seen: Seen = Seen()
    promise: RecallPromised | None = None
    one_class: bool = False
    verdicts: tuple[str, ...] = ()
    provenance: Provenance
    sha256: dict[str, str] = {}  # noqa: RUF012 - msgspec copies it


@dataclass(frozen=True)
class StoredDetector(StoredFolder[DetectorCard]):
    """The folder of a detector.

    Args:
        detecting: What comes after its network.
    """

    detecting: Detecting

    @property
    def ports(self) -> dict[str, str]:
        """The outputs of the graph with their shapes, as OpenVINO writes them."""
        height, width = self.network.output_shape[1:]
        return {SCORES: f"[?,{len(self.card.classes)},{height},{width}]", BOXES: f"[?,{BOX_CHANNELS},{height},{width}]"}

    def golden(self) -> Golden:
        """The golden images; a `ModelError` if the file is damaged."""
        return Golden.load(self.path / GOLDEN, self.ports)

    def require_sound(self, golden: Golden, found: Mapping[str, NDArray[Any]]) -> None:
        """Refuse a folder whose stored maps of the golden images give other objects than are stored with them."""
        names = [FOUND.format(index) for index in range(len(golden.prepared))]
        stored = Golden.load(self.path / GOLDEN, names).outputs
        for name, scores, boxes in zip(names, golden.outputs[SCORES], golden.outputs[BOXES], strict=True):
            here = as_rows(self.card.find(scores, boxes))
            if here.shape != stored[name].shape or not np.allclose(here, stored[name], rtol=1e-9, atol=1e-9):
                raise ModelError(f"the golden images of {self.path} give other objects here than where it was made")


def as_rows(found: Detections) -> NDArray[np.float64]:
    """Detections as one array, `(n, 6)`: x1, y1, x2, y2, the number of the class, the score."""
    return np.column_stack([found.corners, found.labels, found.scores])


def golden_of(card: DetectorCard, sources: list[bytes], prepared: NDArray[np.uint8], maps: Mapping[str, Any]) -> Golden:
    """The golden images of a detector, with the maps of its graph and the objects that are found in them."""
    found = {
        FOUND.format(index): as_rows(card.find(scores, boxes))
        for index, (scores, boxes) in enumerate(zip(maps[SCORES], maps[BOXES], strict=True))
    }
    return Golden(sources, prepared, {SCORES: maps[SCORES], BOXES: maps[BOXES], **found})


def write_detector(
    path: Path,
    card: DetectorCard,
    weights: Mapping[str, NDArray[np.float32]],
    onnx: bytes,
    golden: Golden,
    history: object,
    *,
    overwrite: bool = False,
) -> DetectorCard:
    """Write the folder of a detector, which appears complete or not at all.

    Returns:
        The card as written, with the SHA-256 of the files.

    Raises:
        OutputError: When the folder exists and may not be overwritten, or cannot be written.
    """
    texts = {HISTORY: records.to_json(history), README: readme(card)}
    return write_folder(path, DETECTOR, card, graph_files(weights, onnx, golden), texts, overwrite=overwrite)


def is_detector(path: str | os.PathLike[str]) -> bool:
    """Whether the folder of a model or of a run has a detector."""
    try:
        find_model(files.as_path(path, "the folder of a model or of a run", ModelError), DETECTOR)
    except ModelError:
        return False
    return True


def is_exported_detector(path: Path) -> bool:
    """Whether this is a folder that `eyebright export` has written of a detector."""
    try:
        return bool(json.loads((path / EXPORTED).read_bytes()).get("task") == TASK)
    except (OSError, ValueError, AttributeError):
        return False


def read_detector(path: Path) -> StoredDetector:
    """Read the card of a detector and check its files.

    Args:
        path: The folder of a detector or of a run.

    Raises:
        ModelError: When the detector is missing, incomplete, altered, of a newer format, or invalid.
    """
    place = find_model(path, DETECTOR)
    card = read_card(place / DETECTOR, DetectorCard, newest=FORMAT)
    check_files(place / DETECTOR, card.sha256, (WEIGHTS, ONNX, GOLDEN))
    network = read_network(place / DETECTOR, card.network, card.preparation)
    try:
        detecting = detecting_of(network)
    except NetworkError as problem:
        raise ModelError(f"the network in {place / DETECTOR} is invalid: {problem}") from problem
    if network.output_shape[0] != len(card.classes) + BOX_CHANNELS:
        raise ModelError(
            f"{place}: the network gives {network.output_shape}, but there are {len(card.classes)} classes"
        )
    return StoredDetector(place, card, network, detecting)


def readme(card: DetectorCard) -> str:
    """The text of README.md: the classes, how good it is, what the training showed, and how to use the model."""
    height, width, _ = card.preparation.shape
    evaluated = [_score(name, card.metrics[name]) for name in ("test", "validation") if name in card.metrics]
    paragraphs = [
        "# A detector made with eyebright",
        f"It finds objects of {counted(len(card.classes), 'class')}: {', '.join(map(markdown, card.classes))}.",
        "## How good it is",
        *(evaluated or ["How good it is was not measured."]),
        *map(markdown, card.verdicts),
        *([markdown(card.promise.text)] if card.promise else []),
        "## How to use it",
        "    eyebright predict THIS_FOLDER photo.jpg",
        f"`network.onnx` takes upright RGB images of {width}x{height} pixels, uint8, (N, {height}, {width}, 3), values "
        "0 to 255, resized so that they fit inside and centred on grey (127, 127, 127). It gives maps of scores and of "
        "boxes; docs/model-format.md says how objects come from them.",
        "## Intended use",
        "Describe here where the images came from, who may use the model, and for what.",
    ]
    return "\n\n".join(paragraphs) + "\n"


def _score(name: str, metrics: dict[str, Any]) -> str:
    images = {"test": "held-out image", "validation": "validation image"}[name]
    titles = {"map50": "mAP50", "map": "mAP50-95"}
    values = [f"{title} {metrics[key]['value']:.3f}" for key, title in titles.items() if metrics.get(key)]
    return f"- {name}: {', '.join(values) or 'no objects'} on {counted(metrics['pictures'], images)}."
