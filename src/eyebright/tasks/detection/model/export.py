"""A detector in a folder that programs without eyebright use: its graph, and how objects come from it, as a program.

FOLDER/
model.onnx     the graph of the detector
export.json    classes, preparation, thresholds, digests: for programs
prepare.py     from a file to the input of the graph, with Pillow and NumPy
detect.py      from an image to its objects: python detect.py photo.jpg
golden.npz     golden images with the maps and objects that they must give, and their files golden_0.png, ...
check.py       whether this machine gives these
proof.json     on which images ONNX Runtime was compared with the detector, and how far they differ
"""

import io
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from eyebright.data.pictures import Preparation
from eyebright.model.card_file import write_card
from eyebright.model.engine import TOLERANCE
from eyebright.model.export.exported import CARD
from eyebright.model.export.formats import runtime
from eyebright.model.export.images import synthetic_images
from eyebright.model.export.proof import PROOF
from eyebright.model.export.recipe import run_check
from eyebright.model.golden import golden_pictures, suffix_of
from eyebright.network.detecting import BOXES, SCORES
from eyebright.system import files, machine, records
from eyebright.system.errors import ModelError, SettingsError
from eyebright.system.records import Record
from eyebright.system.text import counted
from eyebright.tasks.detection.model.card import golden_of
from eyebright.tasks.detection.model.detector import Detector
from eyebright.tasks.detection.trust.calibration import Scale

GRAPH, GOLDEN = "model.onnx", "golden.npz"


class DetectionExport(Record, frozen=True, kw_only=True):
    """The content of export.json; what is not explained is as in `DetectorCard`.

    Args:
        format: Version of the folder.
        to: Name of the format of the graph.
        task: What the model does.
        golden: The files of the golden images.
        tolerance: How far scores may differ; boxes may differ by ten times as much, relative to values above 1.
    """

    format: int = 1
    to: str = "onnx"
    task: str = "detect"
    classes: tuple[str, ...]
    preparation: Preparation
    calibration: tuple[Scale, ...]
    thresholds: tuple[float, ...]
    overlap: float
    most: int
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

    @property
    def text(self) -> str:
        """A sentence for people."""
        return (
            f"Compared with the detector on {counted(self.images, 'image')} ({self.origin}): scores differ by at most "
            f"{self.score_difference:.2g}, boxes by {self.box_difference:.2g} of their value."
        )


def export_detector(detector: Detector, to: str, folder: Path, *, overwrite: bool = False) -> DetectionProof:
    """Write a detector for programs without eyebright, and prove that it gives the same maps and objects.

    Args:
        detector: The detector.
        to: The format; only "onnx".
        folder: The folder to write.
        overwrite: Replace an export that exists.

    Raises:
        SettingsError: When the format is another one.
        MissingExtraError: When ONNX Runtime is not installed.
        ModelError: When it gives something else there; then nothing is written.
        OutputError: When the folder exists, or cannot be written.
    """
    if to != "onnx":
        raise SettingsError(f"a detector cannot be exported to {to!r}: use --to onnx, which OpenVINO reads too")
    runtime("onnxruntime")
    versions = machine.versions("onnxruntime")
    with files.new_folder(folder, overwrite=overwrite, made_with=[CARD]) as place:
        _write(place, detector, versions)
        proof = _proven(detector, place / GRAPH, versions)
        (place / PROOF).write_text(records.to_json(proof), encoding="utf-8")
        run_check(place, "the export")
    return proof


def _write(place: Path, detector: Detector, versions: dict[str, str]) -> None:
    card = detector.card
    sources, prepared = golden_pictures(card.preparation)
    golden = golden_of(card, sources, prepared, detector.predictor.maps(prepared))
    arrays, stored = io.BytesIO(), dict[str, Any](golden.outputs)
    np.savez(arrays, prepared=prepared, **stored)
    named = {f"golden_{number}.{suffix_of(source)}": source for number, source in enumerate(sources)}
    ours = resources.files("eyebright.model.export") / "templates" / "prepare.py.txt"
    programs = {name: _template(name) for name in ("detect.py", "check.py")} | {"prepare.py": ours.read_bytes()}
    content = {GRAPH: detector.to_onnx(), GOLDEN: arrays.getvalue(), **named, **programs}
    for name, data in content.items():
        (place / name).write_bytes(data)
    made = DetectionExport(
        classes=card.classes, preparation=card.preparation, calibration=card.calibration,
        thresholds=card.thresholds, overlap=card.overlap, most=card.most, golden=tuple(named), versions=versions,
    )  # fmt: skip
    digests = {name: files.sha256(place / name) for name in content}
    write_card(place / CARD, msgspec.structs.replace(made, sha256=digests))


def _proven(detector: Detector, graph: Path, versions: dict[str, str]) -> DetectionProof:
    """The comparison; a `ModelError` where the maps differ by more than the tolerance."""
    images = synthetic_images(detector.preparation)
    session = runtime("onnxruntime").InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    worst = [0.0, 0.0]
    for at in range(0, len(images.pixels), 8):
        batch = images.pixels[at : at + 8]
        ours, theirs = detector.predictor.maps(batch), session.run([SCORES, BOXES], {"pictures": batch})
        for kind, name in enumerate((SCORES, BOXES)):
            off = np.abs(theirs[kind] - ours[name]) / np.maximum(np.abs(ours[name]), 1)
            worst[kind] = max(worst[kind], float(off.max()))
    if not (worst[0] <= TOLERANCE and worst[1] <= 10 * TOLERANCE):
        raise ModelError(
            f"the export is refused: scores differ by up to {worst[0]:.2g} (allowed: {TOLERANCE:g}), boxes by "
            f"{worst[1]:.2g} of their value (allowed: {10 * TOLERANCE:g}); nothing was written"
        )
    return DetectionProof(
        images=len(images.pixels), origin=images.origin, score_difference=worst[0], box_difference=worst[1],
        versions=versions,
    )  # fmt: skip


def _template(name: str) -> bytes:
    return (resources.files(__package__) / "templates" / f"{name}.txt").read_bytes()
