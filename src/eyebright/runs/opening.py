"""What a training opens: the images that a request names, and the folder of its run."""

from pathlib import Path

from eyebright.data.dataset import Dataset
from eyebright.data.sources.ranged import without_token
from eyebright.runs.request import Request
from eyebright.system.errors import SettingsError
from eyebright.training.events.event import Emit
from eyebright.training.receivers import reporting


def open_pictures(request: Request, emit: Emit) -> Dataset:
    """The images that a request names, as `Dataset.open` finds them."""
    dataset = Dataset.open(
        request.pictures,
        seed=request.training.seed if request.split_seed is None else request.split_seed,
        validation=request.validation,
        test=request.test,
        group_by=request.group_by,
        split=request.split,
        exclude=request.names_left_out(),
        corrections=request.corrections,
        report=reporting(emit),
    )
    return for_promise(dataset, request)


def for_promise(dataset: Dataset, request: Request) -> Dataset:
    """The images, with half of the validation set held back where something is promised."""
    return dataset.holding_back() if request.promise else dataset


def default_output(pictures: str | Path | Dataset) -> str:
    """The run's folder unless it is given: in the current folder, the name of the images and "_run"."""
    origin = pictures.origin if isinstance(pictures, Dataset) else pictures
    if origin is None:
        raise SettingsError("images in memory have no name: give the run's folder as output")
    return f"{Path(without_token(str(origin))).resolve().stem}_run"
