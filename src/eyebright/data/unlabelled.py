"""Images for a model that is trained already: files, folders, and whatever a training takes; labels are not needed."""

import os
import warnings
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path, PurePath
from typing import NamedTuple

from eyebright.data.corrections import Decision, correct
from eyebright.data.dataset import Dataset
from eyebright.data.sources.find import find_images
from eyebright.data.sources.folder import FolderSource
from eyebright.data.sources.source import FoundImages, grouped, scanning
from eyebright.data.sources.walk import folders_in, is_image, walk_files
from eyebright.system.errors import DataError, SettingsError
from eyebright.system.progress import Report, quiet
from eyebright.system.text import listed

UNLABELLED = "not labelled"
"""The only class of images whose classes are not known."""


class Alike(NamedTuple):
    """How the trainings of models saw their images, so that new ones are seen in the same way.

    Args:
        group_by: Regular expressions for the group in an image's name; the first one that matches a name counts.
        corrections: Files with decisions about images; of other images they are ignored.
    """

    group_by: tuple[str, ...] = ()
    corrections: tuple[Path, ...] = ()


NOT_KNOWN = Alike()
"""Nothing is known of the trainings."""


def open_images(
    paths: Sequence[str | Path], *, classes: Collection[str] = (), alike: Alike = NOT_KNOWN, report: Report = quiet
) -> Dataset:
    """Images, with their labels where these are classes of a model.

    Args:
        paths: Files and folders of images; or one source of any form that `Dataset.open` takes.
        classes: The classes of the model. A folder with a folder named like one of them is labelled; without classes,
            folders are just folders.
        alike: How the trainings of the models saw their images.
        report: Receives the number of images found so far.

    Returns:
        A data set. Its classes are those that the source gives, or `UNLABELLED` alone.

    Raises:
        DataError: When there are no images, or a path does not exist.
    """
    found = _labelled(paths[0], classes, report) if len(paths) == 1 else None
    if found is None:
        found = _plain(paths, report)
    found = _seen_alike(found, alike, classes, report)
    return Dataset(
        found.source, found.classes, found.labels, sides=found.sides, groups=found.groups, origin=found.origin
    )  # fmt: skip


def _plain(paths: Sequence[str | Path], report: Report) -> FoundImages:
    """The files of all paths, without labels."""
    root = Path(os.path.abspath(paths[0] if len(paths) == 1 and Path(paths[0]).is_dir() else "."))  # noqa: PTH100
    files = (file for path in paths for file in _files(Path(path)))
    names = [os.path.relpath(file, root) for file in scanning(files, report)]
    if not names:
        raise DataError(f"there are no images in {listed([str(path) for path in paths])}")
    return FoundImages(FolderSource(root, names), (UNLABELLED,), [0] * len(names), origin=root)


def _seen_alike(found: FoundImages, alike: Alike, classes: Collection[str], report: Report) -> FoundImages:
    """The images in groups, and with the decisions about them; those without labels can only be left out."""
    labelled = found.classes != (UNLABELLED,)
    for pattern in alike.group_by:
        with suppress(SettingsError):  # these images may have names of another kind
            found = found._replace(groups=grouped(found if labelled else _by_folder(found), pattern))
            break
    if alike.corrections and labelled:  # a decision may name a class of which there is no image
        found = found._replace(classes=(*found.classes, *(name for name in classes if name not in found.classes)))
    only: tuple[Decision, ...] = ("keep", "relabel", "exclude") if labelled else ("exclude",)
    for path in alike.corrections:
        found, _ = correct(found, path, report=report, only=only)
    return found


def _by_folder(found: FoundImages) -> FoundImages:
    """The images with their folders as classes: a group that is named by a number is one in its folder."""
    folders = [str(PurePath(name).parent) for name in found.source.names]
    classes = {name: number for number, name in enumerate(sorted(set(folders)))}
    return found._replace(classes=tuple(classes), labels=[classes[name] for name in folders])


def _labelled(path: str | Path, classes: Collection[str], report: Report) -> FoundImages | None:
    """What a training would find at a path; None where it is an image, or a folder of images without known labels."""
    place = Path(path)
    if place.is_file() and is_image(place):
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


def _files(path: Path) -> Sequence[str]:
    """The files below a folder, or the file itself."""
    if path.is_dir():
        return list(walk_files(path))
    if path.is_file():
        return [str(path)]
    raise DataError(f"{path} does not exist: expected an image, or a folder of images")
