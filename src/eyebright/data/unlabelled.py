"""Images for a model that is trained already: files, folders, and whatever a training takes; labels are not needed."""

import os
import warnings
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from eyebright.data.dataset import Dataset
from eyebright.data.pictures import size_of
from eyebright.data.sources.find import find_images
from eyebright.data.sources.folder import FolderSource
from eyebright.data.sources.source import FoundImages, scanning
from eyebright.data.sources.walk import folders_in, walk_files
from eyebright.system.errors import DataError, PictureError
from eyebright.system.progress import Report, quiet
from eyebright.system.text import listed

UNLABELLED = "not labelled"
"""The only class of images whose classes are not known."""


def open_images(paths: Sequence[str | Path], *, classes: Collection[str] = (), report: Report = quiet) -> Dataset:
    """Images, with their labels where these are classes of a model.

    Args:
        paths: Files and folders of images; or one source of any form that `Dataset.open` takes.
        classes: The classes of the model. A folder with a folder named like one of them is labelled; without classes,
            folders are just folders.
        report: Receives the number of images found so far.

    Returns:
        A data set. Its classes are those that the source gives, or `UNLABELLED` alone.

    Raises:
        DataError: When there are no images, or a path does not exist.
    """
    found = _labelled(paths[0], classes, report) if len(paths) == 1 else None
    if found is not None:
        origin = found.origin
        return Dataset(found.source, found.classes, found.labels, sides=found.sides, groups=found.groups, origin=origin)
    root = Path(os.path.abspath(paths[0] if len(paths) == 1 and Path(paths[0]).is_dir() else "."))  # noqa: PTH100
    files = (file for path in paths for file in _files(Path(path)))
    names = [os.path.relpath(file, root) for file in scanning(files, report)]
    if not names:
        raise DataError(f"there are no images in {listed([str(path) for path in paths])}")
    return Dataset(FolderSource(root, names), (UNLABELLED,), np.zeros(len(names), np.int64), origin=root)


def _labelled(path: str | Path, classes: Collection[str], report: Report) -> FoundImages | None:
    """What a training would find at a path; None where it is an image, or a folder of images without known labels."""
    place = Path(path)
    if place.is_file() and _is_image(place):
        return None
    is_folder = place.is_dir()
    try:
        with warnings.catch_warnings():
            if is_folder:
                warnings.simplefilter("ignore")  # folders that would be passed over as classes are looked into
            found = find_images(path, report)
    except DataError:
        if not is_folder or {folder.name for folder in folders_in(place)} & set(classes):
            raise
        return None
    folders = isinstance(found.source, FolderSource)
    return found if not folders or set(classes) & set(found.classes) else None


def _is_image(file: Path) -> bool:
    try:
        size_of(file)
    except PictureError:
        return False
    return True


def _files(path: Path) -> Sequence[str]:
    """The files below a folder, or the file itself."""
    if path.is_dir():
        return list(walk_files(path))
    if path.is_file():
        return [str(path)]
    raise DataError(f"{path} does not exist: expected an image, or a folder of images")
