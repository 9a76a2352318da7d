"""Exporting a classifier: what the export is made of, and the images that prove it."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.data.batches import spread
from eyebright.data.dataset import Dataset, Part
from eyebright.data.prepare import Prepared
from eyebright.model.evaluate import prepared_for
from eyebright.model.export.export import write_export
from eyebright.model.export.exported import Exported
from eyebright.model.export.formats import ExportSource
from eyebright.model.export.images import MOST_IMAGES, ProofImages
from eyebright.model.export.proof import Proof
from eyebright.system.errors import DataError
from eyebright.system.text import counted
from eyebright.training.events.event import Emit
from eyebright.training.receivers import reporting

if TYPE_CHECKING:
    from eyebright.model.classifier import Classifier

_CALIBRATED = 200  # images give the ranges of int8


class _Chosen(NamedTuple):
    """Images to prove an export on, and others from which ranges are taken."""

    images: ProofImages
    calibration: NDArray[np.uint8]


def export_classifier(
    classifier: "Classifier",
    to: str,
    folder: Path,
    pictures: Dataset | Part | Prepared | None,
    *,
    precision: str,
    tolerance: float,
    overwrite: bool,
    emit: Emit,
) -> tuple[Exported, Proof]:
    """Export a classifier; see `Classifier.export` and `write_export`."""
    chosen = None if pictures is None else _choose(classifier, pictures, emit, ranges=precision == "int8")
    source = ExportSource(
        classifier.network,
        classifier.get_weights(),
        classifier.learned.answering,
        classifier.classes,
        classifier.preparation,
        classifier.learned.promise,
        None if chosen is None else chosen.calibration,
    )
    return write_export(
        source, classifier.predictor.answers, to, folder, images=None if chosen is None else chosen.images,
        precision=precision, tolerance=tolerance, overwrite=overwrite, report=reporting(emit),
    )  # fmt: skip


def _choose(classifier: "Classifier", pictures: Dataset | Part | Prepared, emit: Emit, *, ranges: bool) -> _Chosen:
    """Of prepared images the validation set, and the training set for ranges; of others all, or three quarters.

    Images that the classifier was made with are left out where there are others. Where ranges are needed, a quarter of
    the images, drawn at random, only gives these.
    """
    if isinstance(pictures, Prepared):
        prepared, proving, others = pictures, pictures.indices("validation"), pictures.indices("train")
        origin = "validation images"
    else:
        prepared, given = prepared_for(pictures, classifier.preparation, classifier.classes, reporting(emit))
        new = given[~classifier.seen.contains(prepared.pack.digests.at(given))]
        left_out = f", {len(given) - len(new):,} others left out" if 0 < len(new) < len(given) else ""
        origin = f"images that it was not made with{left_out}" if len(new) else "images that it was made with"
        given = np.random.default_rng(0).permutation(new if len(new) else given)
        others, proving = given[: len(given) // 4], np.sort(given[len(given) // 4 if ranges else 0 :])
    if len(proving) < 3:
        raise DataError(f"expected at least 4 images to prove an export on, got {counted(len(proving), 'image')}")
    proving = spread(proving, MOST_IMAGES)
    images = ProofImages(prepared.pack.read(proving), origin, prepared.labels[proving])
    return _Chosen(images, prepared.pack.read(spread(others, _CALIBRATED)))
