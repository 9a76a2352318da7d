"""The proof of an export, as proof.json in its folder has it, and what it must show for the export to be kept.

In float32 the probabilities may differ by the tolerance of the format, and no more. With fewer bits they differ anyway:
then the accuracy on images with known classes may fall by so much, and so many of the confident answers may change.
"""

import math

from eyebright.model.export.exported import Exported, Precision
from eyebright.system import records
from eyebright.system.errors import ModelError
from eyebright.system.records import Record
from eyebright.system.text import counted, percent

PROOF = "proof.json"
CONFIDENT = 0.9
"""The probability from which an answer counts as confident."""
MOST_CHANGED = 0.05
"""The share of the confident answers that fewer bits may change."""
_MOST_UNKNOWN = 0.2  # share of labels that fewer bits may change where no classes are known: noise is near no class
_UNLIKE = 10  # the unfamiliarity may differ by so many times the tolerance of probabilities, as in `model.engine`


class MeasuredSide(Record, frozen=True, kw_only=True):
    """One side of the comparison.

    Args:
        accuracy: The share of images whose most probable class is the true one; None without known classes.
        calibration_error: The expected calibration error; None without known classes.
        cpu_ms: Processor milliseconds for an image; None where it was not measured.
    """

    accuracy: float | None = None
    calibration_error: float | None = None
    cpu_ms: float | None = None


class Proof(Record, frozen=True, kw_only=True):
    """How an export was compared with its model.

    Args:
        images: On how many images.
        origin: Where they are from.
        precision: That of the export.
        tolerance: How far probabilities may differ in float32.
        difference: The greatest difference between two probabilities.
        unfamiliarity_difference: The same of the unfamiliarity, relative to values above 1; None if it is not computed.
        labels_changed: How many images have another most probable class.
        answers_changed: How many images are answered otherwise: another class, none any more, or one now.
        confident: How many answers of the model have a probability of 0.9 or more.
        confident_changed: How many of these are answered otherwise.
        model: The model, in float32 by OpenVINO.
        export: The export, by its runtime.
        versions: Versions of the packages that took part.
        notes: What else was tried, and what was found, as sentences.
    """

    images: int
    origin: str
    precision: Precision
    tolerance: float
    difference: float
    unfamiliarity_difference: float | None
    labels_changed: int
    answers_changed: int
    confident: int
    confident_changed: int
    model: MeasuredSide
    export: MeasuredSide
    versions: dict[str, str]
    notes: tuple[str, ...] = ()

    @property
    def lost(self) -> float | None:
        """How much accuracy the export loses; None where it is not known."""
        before, after = self.model.accuracy, self.export.accuracy
        return None if before is None or after is None else before - after

    def sentences(self) -> list[str]:
        """What was compared, and what was found."""
        found = [
            f"Compared with the model on {counted(self.images, 'image')} ({self.origin}): the probabilities differ by "
            f"at most {self.difference:.2g}, {counted(self.labels_changed, 'label')} changed."
        ]
        if self.precision == "float32":
            return [*found, *self.notes]
        shown = [("float32, the model", self.model), (self.precision, self.export)]
        for name, side in shown:
            parts = [f"{side.cpu_ms:.2f} CPU-ms an image"] if side.cpu_ms is not None else []
            if side.accuracy is not None and side.calibration_error is not None:
                parts = [f"accuracy {percent(side.accuracy)}", f"ECE {side.calibration_error:.3f}", *parts]
            found.append(f"{name}: {', '.join(parts)}.")
        found.append(
            f"{counted(self.answers_changed, 'answer')} changed; of {self.confident} confident ones "
            f"{self.confident_changed}."
        )
        return [*found, *self.notes]


def read_proof(exported: Exported) -> Proof:
    """The proof in an exported folder; a `ModelError` where it is damaged."""
    place = exported.file(PROOF)
    return records.from_json(place.read_bytes(), Proof, what=str(place), error=ModelError)


def require_proven(proof: Proof, title: str, most_lost: float) -> None:
    """Refuse an export that answers differently from its model.

    Args:
        proof: How they were compared.
        title: What the export is, as people write it.
        most_lost: How much accuracy fewer bits than float32 may lose.

    Raises:
        ModelError: With the measured difference, and what is allowed.
    """
    if fault := _fault(proof, most_lost):
        more = "" if proof.precision == "float32" else ". Without loss: --precision float32"
        raise ModelError(
            f"the {title} export in {proof.precision} is refused: on {counted(proof.images, 'image')} "
            f"({proof.origin}) {fault}; nothing was written{more}"
        )


def golden_tolerance(precision: Precision, tolerance: float) -> float:
    """How far the probabilities of golden images may differ from where the export was made.

    In float32 all machines agree. With fewer bits the order of additions and the instructions of the processor count.
    """
    return {"float32": tolerance, "float16": 0.02, "bfloat16": 0.05, "int8": 0.1}[precision]


def _fault(proof: Proof, most_lost: float) -> str:
    """Why a proof fails; "" where it does not."""
    if proof.precision == "float32":
        if not proof.difference <= proof.tolerance:
            return f"its probabilities differ by up to {proof.difference:.2g} (allowed: {proof.tolerance:g})"
        unlike = proof.unfamiliarity_difference
        if unlike is not None and not unlike <= _UNLIKE * proof.tolerance:
            return f"its unfamiliarity differs by up to {unlike:.2g} (allowed: {_UNLIKE * proof.tolerance:g})"
        return ""
    if not math.isfinite(proof.difference):
        return "its probabilities are not all numbers"
    if proof.lost is not None and proof.lost > most_lost:
        return f"it loses {percent(proof.lost)} of accuracy (allowed: {percent(most_lost)})"
    if proof.lost is None and proof.labels_changed > _MOST_UNKNOWN * proof.images:
        return f"it changes the label of {proof.labels_changed} (allowed: {percent(_MOST_UNKNOWN, 0)})"
    if proof.confident_changed > MOST_CHANGED * proof.confident:
        return (
            f"it changes {proof.confident_changed} of {proof.confident} confident answers "
            f"(allowed: {percent(MOST_CHANGED, 0)})"
        )
    return ""
