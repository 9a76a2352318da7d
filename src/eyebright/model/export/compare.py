"""Comparing an export with its model: the same images go through both, and what differs is counted and measured."""

import numpy as np
from numpy.typing import NDArray

from eyebright.model.diff import cpu_ms
from eyebright.model.export.exported import Precision
from eyebright.model.export.formats import Runner
from eyebright.model.export.images import ProofImages
from eyebright.model.export.proof import CONFIDENT, MeasuredSide, Proof, golden_tolerance
from eyebright.model.golden import relative_difference
from eyebright.model.predictor import BATCH_SIZE
from eyebright.system.errors import ModelError
from eyebright.system.progress import Report, quiet
from eyebright.system.text import counted
from eyebright.trust.answers import Answers
from eyebright.trust.calibration import expected_calibration_error

_TIMED = 8
_SMALL = (1, 3)  # batches that are tried too


def compare(
    model: Runner,
    export: Runner,
    images: ProofImages,
    *,
    precision: Precision,
    tolerance: float,
    thresholds: NDArray[np.float32] | None,
    versions: dict[str, str],
    report: Report = quiet,
) -> Proof:
    """Compare an export with its model.

    Args:
        model: What answers as the model does.
        export: The export by its runtime.
        images: At least three images.
        precision: The numbers of the export.
        tolerance: How far probabilities may differ in float32.
        thresholds: The probability that each class needs to be the answer.
        versions: Written into the proof.
        report: Receives the progress.

    Raises:
        ModelError: When the answers of the export have other shapes, do not follow from its probabilities, or depend on
            how many images are given at once.
    """
    ours, theirs = _answers(model, export, images.pixels, report)
    _require_shapes(ours, theirs)
    if not np.array_equal(Answers.decided(*theirs[:2], thresholds).answer, theirs.answer):
        raise ModelError("the answers of the export do not follow from its probabilities and unfamiliarity")
    allowed = tolerance if precision == "float32" else golden_tolerance(precision, tolerance)
    for size in _SMALL:
        few = export(images.pixels[:size])
        if not _distance(few.probabilities, theirs.probabilities[:size]) <= allowed:
            raise ModelError(f"the export gives other answers for {counted(size, 'image')} than for all at once")
    given = ours.answer >= 0
    confident = given & (ours.probabilities.max(axis=1) >= CONFIDENT)
    changed = ours.answer != theirs.answer
    timed = [None, None] if precision == "float32" else cpu_ms((model, export), [images.pixels[:_TIMED]] * 2)
    return Proof(
        images=len(images.pixels),
        origin=images.origin,
        precision=precision,
        tolerance=tolerance,
        difference=_distance(ours.probabilities, theirs.probabilities),
        unfamiliarity_difference=_relative(ours.unfamiliarity, theirs.unfamiliarity),
        labels_changed=int((ours.probabilities.argmax(axis=1) != theirs.probabilities.argmax(axis=1)).sum()),
        answers_changed=int(changed.sum()),
        confident=int(confident.sum()),
        confident_changed=int((confident & changed).sum()),
        model=_measured(ours, images.labels, timed[0]),
        export=_measured(theirs, images.labels, timed[1]),
        versions=versions,
    )


def _answers(model: Runner, export: Runner, pixels: NDArray[np.uint8], report: Report) -> tuple[Answers, Answers]:
    """The answers of both sides, batch by batch."""
    sides: tuple[list[Answers], list[Answers]] = ([], [])
    for at in range(0, len(pixels), BATCH_SIZE):
        batch = pixels[at : at + BATCH_SIZE]
        for run, found in zip((model, export), sides, strict=True):
            found.append(run(batch))
        report("evaluating", at + len(batch), len(pixels))
    return _joined(sides[0]), _joined(sides[1])


def _joined(parts: list[Answers]) -> Answers:
    unlike = [part.unfamiliarity for part in parts if part.unfamiliarity is not None]
    return Answers(
        np.concatenate([part.probabilities for part in parts]),
        np.concatenate(unlike) if unlike else None,
        np.concatenate([part.answer for part in parts]),
    )


def _require_shapes(ours: Answers, theirs: Answers) -> None:
    for name, own, other in zip(Answers._fields, ours, theirs, strict=True):
        shapes = [None if side is None else side.shape for side in (own, other)]
        if shapes[0] != shapes[1]:
            raise ModelError(f"the {name} of the export has the shape {shapes[1]}, that of the model {shapes[0]}")


def _distance(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """The greatest difference; NaN where one is not a number."""
    return float(np.abs(one - other).max())


def _relative(one: NDArray[np.float32] | None, other: NDArray[np.float32] | None) -> float | None:
    if one is None or other is None:
        return None
    return relative_difference(other, one)


def _measured(answers: Answers, labels: NDArray[np.int64] | None, ms: float | None) -> MeasuredSide:
    if labels is None:
        return MeasuredSide(cpu_ms=ms)
    accuracy = float((answers.probabilities.argmax(axis=1) == labels).mean())
    error = expected_calibration_error(answers.probabilities, labels)
    return MeasuredSide(accuracy=accuracy, calibration_error=error, cpu_ms=ms)
