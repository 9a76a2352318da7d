"""export_detector(): a detector for programs without eyebright, with a proof that it gives the same maps there.

`exported.py` lists the files, and reads them again.
"""

import io
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from eyebright.model.card_file import write_card
from eyebright.model.engine import TOLERANCE
from eyebright.model.export.exported import CARD
from eyebright.model.export.formats import runtime
from eyebright.model.export.images import synthetic_images
from eyebright.model.export.onnx import graph_outputs
from eyebright.model.export.proof import PROOF
from eyebright.model.export.recipe import run_check
from eyebright.model.golden import golden_pictures, relative_difference, suffix_of
from eyebright.network.detecting import BOXES, SCORES
from eyebright.system import files, machine, records
from eyebright.system.errors import ModelError, SettingsError
from eyebright.tasks.detection.model.card import golden_of
from eyebright.tasks.detection.model.detector import Detector
from eyebright.tasks.detection.model.exported import (
    GOLDEN,
    GRAPH,
    DetectionExport,
    DetectionProof,
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
    run = graph_outputs(graph)
    worst = [0.0, 0.0]
    for at in range(0, len(images.pixels), 8):
        batch = images.pixels[at : at + 8]
        ours, theirs = detector.predictor.maps(batch), run(batch)
        for kind, name in enumerate((SCORES, BOXES)):
            worst[kind] = max(worst[kind], relative_difference(theirs[name], ours[name]))
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
