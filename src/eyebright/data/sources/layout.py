"""Which folders of a data set are its splits, and which are its classes.

    roses/  tulips/                  classes
    train/roses/  test/roses/ ...    splits above the classes

A folder with the name of a split is one if it has folders inside; a folder `train` with images is a class, of trains.
What cannot be a class or split is passed over with a warning. What may be meant as one, but does not fit, is an error.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path

from eyebright.data.sources.sides import side_in, side_of
from eyebright.data.sources.walk import folders_in, has_files, has_images, is_of_system
from eyebright.data.split import SIDES, Side
from eyebright.system.errors import DataError
from eyebright.system.text import listed, printable

_SHOWN = 3


def class_folders(root: Path) -> list[tuple[Path, Side | None]]:
    """The folder of each class; with its split if the folders at the top are splits.

    Warnings name the folders that are passed over.

    Raises:
        DataError: When some folders are splits and others are not, a split is there twice, the training set is missing,
            or the images of the splits are in no folders of classes.
    """
    top = folders_in(root)
    layered = [folder for folder in top if _side(folder) and folders_in(folder) and has_images(folder)]
    is_exact = any(side_of(folder.name) == "train" for folder in layered)
    if is_exact or {"train"} < {*map(_side, layered)}:  # a class `train_station` may have folders inside
        return _classes_of_splits(root, top, layered)
    exact = {folder: side for folder in top if (side := side_of(folder.name))}
    if any(folder in layered for folder in exact):
        raise DataError(
            f"{root} has {_names(list(exact))} but no training set with one folder per class: expected train/ beside "
            f"them; to use all images of one of the folders, give it: {next(iter(exact))}"
        )
    if len(set(exact.values())) > 1:
        raise DataError(
            f"{root}: {_names(list(exact))} are splits without folders of classes: expected one folder of images per "
            f"class in each, such as {next(iter(exact))}/daisy"
        )
    return [(folder, None) for folder in _without_other_folders(root, top)]


def _classes_of_splits(root: Path, top: Sequence[Path], layered: Sequence[Path]) -> list[tuple[Path, Side | None]]:
    """The folders of the classes in each split."""
    others = [folder for folder in top if folder not in layered]
    used = [folder for folder in others if not is_of_system(folder.name) and has_images(folder)]
    odd = [folder for folder in used if not _side(folder)]
    if odd:
        raise DataError(
            f"{root} mixes splits ({_names(layered)}) with other folders of images ({_names(odd)}): move the others "
            f"out of it, or rename them to train, validation or test; if {layered[0].name}/ is a class, rename that"
        )
    by_side: dict[Side | None, Path] = {}
    for folder in layered:
        if (other := by_side.setdefault(_side(folder), folder)) is not folder:
            raise DataError(
                f"{root}: {other.name}/ and {folder.name}/ are both the {_side(folder)} set: keep one, or merge them"
            )
    if used:
        warnings.warn(
            f"{root}: the images in {_names(used)} are not used, because they are in no folders of classes",
            stacklevel=2,
        )
    _warn_of_others(root, [folder for folder in others if folder not in used])
    found: list[tuple[Path, Side | None]] = []
    for side in SIDES:
        if side in by_side:
            above = _below(by_side[side], side)
            found += [(folder, side) for folder in _without_other_folders(above, folders_in(above))]
    return found


def _side(folder: Path) -> Side | None:
    """The split that a word of a folder's name means."""
    return side_in(folder.name)


def _below(folder: Path, side: Side) -> Path:
    """The folder of the classes: in `train/train/`, the lower one."""
    inside = folders_in(folder)
    while len(inside) == 1 and _side(inside[0]) == side and (below := folders_in(inside[0])):
        folder, inside = inside[0], below
    return folder


def _without_other_folders(root: Path, folders: Sequence[Path]) -> list[Path]:
    """The folders except those of systems, and those with files but no images beside others with images."""
    own = [folder for folder in folders if not is_of_system(folder.name)]
    images = {folder for folder in own if has_images(folder)}
    kept = [folder for folder in own if folder in images or not images or not has_files(folder)]
    _warn_of_others(root, [folder for folder in folders if folder not in kept])
    return kept


def _warn_of_others(root: Path, folders: Sequence[Path]) -> None:
    if folders:
        warnings.warn(f"{root}: {_names(folders)} passed over: no images there", stacklevel=3)


def _names(folders: Sequence[Path]) -> str:
    return listed([f"{printable(folder.name)}/" for folder in folders], _SHOWN)
