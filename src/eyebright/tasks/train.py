"""train(): a folder of images becomes a classifier, or a detector where the images come with boxes."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from eyebright.data.dataset import Dataset
from eyebright.report.progress import shown
from eyebright.runs import resume as resuming
from eyebright.runs import train as classifying
from eyebright.runs.folder import Run
from eyebright.runs.options import gather
from eyebright.runs.request import Request
from eyebright.runs.train import Result
from eyebright.system.errors import SettingsError
from eyebright.tasks.detection.data.labels.find import has_boxes
from eyebright.tasks.detection.runs.resume import resume_detector
from eyebright.tasks.detection.runs.train import DetectionResult, train_detector
from eyebright.training.events.event import Event

_FOR_DETECTORS = ("unlabelled", "one_class")


def train(
    pictures: str | Path | Dataset, output: str | Path | None = None, **options: Any
) -> Result | DetectionResult:  # fmt: skip
    """Train on a folder of images and keep everything in a run's folder.

    Images that come with boxes give a detector, unless `task` says otherwise; all others give a classifier.

    Args:
        pictures: Whatever `Dataset.open` takes, or a data set; for a detector, a folder of images with boxes, or the
            file with the boxes.
        output: The run's folder, which must not exist yet; by default the name of the images and "_run".
        **options: The arguments of `eyebright.runs.train.train`, and any option of `eyebright train` by its name, such
            as `minutes=5`, `size=96` or `task="detect"`. `Request` and `Settings` describe them all.

    Raises:
        DataError: When the images cannot be trained on.
        SettingsError: When an option is unknown, out of range, or contradicts another.
        NetworkError: When the network does not exist, does not take the images, or the weights do not fit.
        DownloadError: When published weights are not available.
        ModelError: When there is no valid model to start from.
        MissingExtraError: When torch is not installed.
        OutputError: When the output cannot be written; this is found before the training.
    """
    if isinstance(pictures, Dataset):
        return classifying.train(pictures, output, **options)
    asked = {name: value for name, value in options.items() if name in ("task", *_FOR_DETECTORS)}
    if not detects(gather({"pictures": str(pictures)} | asked)):
        return classifying.train(pictures, output, **options)
    verbose, callbacks = options.pop("verbose", True), options.pop("callbacks", ())
    base = options.pop("settings", None)
    place = {} if output is None else {"output": str(output)}
    request = gather({"pictures": str(pictures)} | place | options, base=base)
    with shown(callbacks, verbose=verbose) as emit:
        return train_detector(request, callbacks=[emit])


def detects(request: Request) -> bool:
    """Whether a request is for a detector.

    Raises:
        SettingsError: When it is for a classifier, and has an option that is only for detectors.
    """
    asked = request.task == "detect" or (request.task == "auto" and has_boxes(request.pictures))
    for name in () if asked else _FOR_DETECTORS:
        if getattr(request, name) != getattr(Request(), name):
            raise SettingsError(
                f"{name} is only for a detector, and {request.pictures} has no boxes that eyebright can read; "
                "task=detect says what is missing"
            )
    return asked


def run_request(request: Request, *, callbacks: Iterable[Callable[[Event], None]]) -> Result | DetectionResult:
    """Do what a request asks for; errors as in `train`."""
    if detects(request):
        return train_detector(request, callbacks=callbacks)
    return classifying.run_request(request, callbacks=callbacks)


def resume(
    place: Path, *, epochs: int | None = None, callbacks: Iterable[Callable[[Event], None]] = ()
) -> Result | DetectionResult:
    """Continue a run that was stopped; arguments and errors as in `eyebright.runs.resume.resume`."""
    if Run(place).read()[0].task == "detect":
        if epochs is not None:
            raise SettingsError("epochs: the run of a detector cannot be trained for more; start a new run")
        return resume_detector(place, callbacks=callbacks)
    return resuming.resume(place, epochs=epochs, callbacks=callbacks)
