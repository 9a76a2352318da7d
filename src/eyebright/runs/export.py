"""export(): a model in the format of another program, proven on the validation images of its run if they are there."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from eyebright.data.dataset import Dataset
from eyebright.data.prepare import Prepared
from eyebright.model.classifier import Classifier
from eyebright.model.export.classifier import export_classifier
from eyebright.model.export.exported import CARD, Exported
from eyebright.model.export.proof import Proof
from eyebright.model.folder import find_model
from eyebright.runs.folder import Run
from eyebright.runs.new_images import open_alike
from eyebright.runs.request import Request
from eyebright.runs.resume import reopen_prepared
from eyebright.system import files
from eyebright.system.errors import EyebrightError
from eyebright.training.events.event import Emit, Event
from eyebright.training.receivers import to_all


class ExportResult(NamedTuple):
    """An export that was written.

    Args:
        exported: The folder.
        proof: How it was compared with the model.
        note: Why not on images of the run, where it has some.
    """

    exported: Exported
    proof: Proof
    note: str


def export(
    model: str | Path,
    to: str,
    folder: str | Path,
    pictures: str | Path | None = None,
    *,
    precision: str = "",
    tolerance: float = 0.01,
    overwrite: bool = False,
    callbacks: Iterable[Callable[[Event], None]] = (),
) -> ExportResult:
    """Export a model, or the model of a run.

    Args:
        model: A model's folder, or a run.
        to: The format, such as "onnx".
        folder: The folder to write.
        pictures: Images with known classes to prove it on, whatever `Dataset.open` takes; the validation images of the
            run unless given; synthetic images where it has none any more.
        precision: As for `Classifier.export`, like the rest.
        tolerance: How much accuracy fewer bits than float32 may lose.
        overwrite: Replace an export that exists.
        callbacks: Receive every event as it happens.

    Raises:
        ModelError: When there is no valid model, or the export answers differently.
        MissingExtraError: When the runtime of the format is not installed.
        OutputError: When the folder exists, or cannot be written.
    """
    files.require_free(Path(folder), overwrite=overwrite, made_with=[CARD])  # before the images are opened
    emit, classifier, note = to_all(callbacks), Classifier.load(model), ""
    run = Run(find_model(Path(model)).parent)
    given: Dataset | Prepared | None = None
    if pictures is not None:
        given = open_alike(Request(pictures=str(pictures)), run, emit)
    elif run.config.exists():
        try:
            given = _of_run(run, classifier, emit)
        except EyebrightError as problem:
            note = f"The images of the run cannot be used ({problem})."
    found = export_classifier(
        classifier, to, Path(folder), given, precision=precision, tolerance=tolerance, overwrite=overwrite, emit=emit
    )
    return ExportResult(*found, note)


def _of_run(run: Run, classifier: Classifier, emit: Emit) -> Prepared:
    """The images of a run in its split."""
    request, _ = run.read()
    return reopen_prepared(run, request, classifier, emit)
