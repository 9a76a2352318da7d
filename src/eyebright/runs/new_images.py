"""New images for the models of runs, seen as their trainings saw theirs: in the same groups, with their corrections.

Otherwise images of one group would count as many, and wrong labels that were corrected as mistakes of the model.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from eyebright.data.dataset import Dataset
from eyebright.data.unlabelled import NOT_KNOWN, Alike
from eyebright.model.diff import compared
from eyebright.model.drift import drifted
from eyebright.model.folder import find_model
from eyebright.report.progress import shown
from eyebright.runs.folder import Run
from eyebright.runs.opening import open_pictures
from eyebright.runs.request import Request
from eyebright.system.errors import DataError, ModelError, SettingsError
from eyebright.system.files import as_path
from eyebright.training.events.event import Emit, Event
from eyebright.trust.comparison import Comparison
from eyebright.trust.drift import Drift


def alike(*models: str | Path) -> Alike:
    """How the trainings of some models saw their images; nothing is known of a model without its run."""
    runs = [Run(find_model(as_path(model, "the folder of a model or of a run", ModelError)).parent) for model in models]
    patterns = [run.read()[0].group_by for run in runs if run.config.exists()]
    decided = [run.corrections for run in runs if run.config.exists() and run.corrections.exists()]
    return Alike(tuple(dict.fromkeys(filter(None, patterns))), tuple(dict.fromkeys(decided)))


def open_alike(request: Request, run: Run, emit: Emit) -> Dataset:
    """Labelled images as the training of a run saw its own, unless the request says otherwise.

    Args:
        request: The images, and their groups and corrections where these are given.
        run: The run, which may be no run at all.
        emit: Receives the progress.
    """
    known = alike(run.path) if run.config.exists() else NOT_KNOWN
    corrections = known.corrections if not request.corrections else ()
    wishes = [*({"corrections": str(path)} for path in corrections), *({"group_by": each} for each in known.group_by)]
    found = None
    for wish in wishes:
        with suppress(DataError, SettingsError):  # these images may be others, with names of another kind
            wider = request.changed(**wish)
            opened = open_pictures(wider, emit)
            if opened.corrected is None or opened.corrected.decisions:
                request, found = wider, opened
    return open_pictures(request, emit) if found is None else found


def diff(
    first: str | Path,
    second: str | Path,
    pictures: str | Path | Sequence[str | Path],
    *,
    verbose: bool = True,
    callbacks: Iterable[Callable[[Event], None]] = (),
) -> Comparison:
    """Compare two models, or the models of two runs, on the same images.

    Args:
        first: The first model, for instance the one in use.
        second: The second, for instance a new one.
        pictures: Files or folders of images, or whatever `Dataset.open` takes. Where folders are named like classes,
            they are the labels. Images that one of the models was trained on are left out.
        verbose: Whether to show a bar while it takes time.
        callbacks: Receive the progress.

    Raises:
        ModelError: When a path is not a model, or the two have no class in common.
        DataError: When there are no images, or no image is left to compare.
    """
    with shown(callbacks, verbose=verbose) as emit:
        return compared((first, second), pictures, emit, alike(first, second)).comparison


def drift(
    model: str | Path,
    pictures: str | Path | Sequence[str | Path],
    *,
    verbose: bool = True,
    callbacks: Iterable[Callable[[Event], None]] = (),
) -> Drift:
    """Compare new images with those that a model was trained with.

    Args:
        model: A model's folder, or a run.
        pictures: Files or folders of images, or whatever `Dataset.open` takes; labels are not needed. Images that the
            model was trained on are left out.
        verbose: Whether to show a bar while it takes time.
        callbacks: Receive the progress.

    Raises:
        ModelError: When there is no valid model, or it was not trained.
        DataError: When there are no images, or none that is new to the model.
    """
    with shown(callbacks, verbose=verbose) as emit:
        return drifted(model, pictures, emit, alike(model))
