"""YOLO: one text file for each image, in `labels/` where the image is in `images/`, or beside it.

    data.yaml            names: [dog, cat]        and perhaps train, val, test
    images/train/1.jpg
    labels/train/1.txt   0 0.5 0.5 0.25 0.5       class, x and y of the centre, width, height as shares of the sides

Classes are also named by a list among the labels, above or beside them, such as `classes.txt` (Label Studio, labelImg)
or `obj.names` (CVAT). A line with more numbers is an outline.
Source: "Object Detection Datasets Overview" of Ultralytics, and the exports of both tools.
"""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from eyebright.data.sources.sides import side_of
from eyebright.data.sources.walk import walk_files
from eyebright.data.split import Side
from eyebright.system.errors import DataError
from eyebright.system.progress import Report, quiet
from eyebright.system.text import counted, listed, printable
from eyebright.tasks.detection.data.labels.annotations import Annotation, FoundBoxes
from eyebright.tasks.detection.data.labels.checks import numbers_of
from eyebright.tasks.detection.data.labels.gathering import Gathering
from eyebright.tasks.detection.data.labels.images import ImagesBelow, path_parts, stem_of
from eyebright.tasks.detection.data.labels.label_files import files_in, places_in, read_text
from eyebright.tasks.detection.data.labels.yaml import Value, read_yaml

FORMAT = "YOLO"
SUFFIXES = (".yaml", ".yml")
_LABELS, _IMAGES, _OF_CVAT = "labels", "images", "obj_train_data"
_LISTS = ("classes.txt", "predefined_classes.txt")  # and whatever ends in .names
_TRIED = 20  # files of labels that are looked at
_SHOWN = 3
_MOST_SLIPS = 0.1  # of the lines: more of the same are no slips
_LARGEST_SHARE = 2.0  # a box that goes over the edge is still a share
_CLASS = re.compile(r"(\d{1,6})(?:\.0*)?", re.ASCII)
_NOT_UNDERSTOOD = tuple("*&|>!")  # how values begin that only a whole reader of YAML understands


def is_yolo(folder: Path) -> bool:
    """Whether a folder has labels of YOLO: a data.yaml, names of classes, or files of labels."""
    named = _yaml_in(folder) is not None or any(files_in(folder, {".names"}))
    return named or any(map(_has_labels, places_in(folder, _OF_CVAT)))


def _has_labels(folder: Path) -> bool:
    """Whether there is a folder of labels, or lines of labels beside the images that they are of."""
    below = [entry for entry in folder.iterdir() if entry.name.lower() == _LABELS and entry.is_dir()]
    if any(not _is_list(file) for place in below for file in walk_files(place, {"txt"})):
        return True
    texts = [file for file in files_in(folder, {".txt"}) if not _is_list(file.name)][:_TRIED]
    stems = {entry.stem for entry in folder.iterdir() if entry.suffix.lower() != ".txt"} if texts else set()
    lines = (line for file in texts if file.stem in stems for line in read_text(file).splitlines()[:1])
    return any(len(words := _words(line)) > 4 and _CLASS.fullmatch(words[0]) for line in lines)


def _yaml_in(folder: Path) -> Path | None:
    """The file that names the classes."""
    return next(
        (file for file in files_in(folder, SUFFIXES) if {"names", "train"} <= {*read_yaml(read_text(file))}), None
    )


def _is_list(file: str) -> bool:
    """Whether a file is a list of the classes by its name."""
    name = os.path.basename(file).lower()  # noqa: PTH119 - as in `stamp_of`
    return name in _LISTS or name.endswith(".names")


def read_yolo(place: Path, report: Report = quiet) -> FoundBoxes:
    """Read the boxes of a folder.

    Args:
        place: The folder, or its data.yaml; it is only read.
        report: Receives the number of images so far.

    Raises:
        DataError: When the names of the classes are contradictory, or more files are damaged than not.
    """
    file = place if place.is_file() else _yaml_in(place)
    folder = (place.parent if place.is_file() else place).absolute()
    settings = read_yaml(read_text(file)) if file else {}
    root = _root(folder, settings)
    texts = [*walk_files(root, {"txt", "names"})]
    names = _names(file, settings, [Path(text) for text in texts if _is_list(text)])
    images = ImagesBelow(root, report)
    gathered, sides, read = Gathering(images), _sides(settings, images), list[Annotation]()
    for label in texts:
        path = os.path.relpath(label, root).replace(os.sep, "/")
        name = _image_of(images, path)
        if _is_list(label) or not (name or _LABELS in _folders(path)):
            continue
        try:
            boxes = list(_boxes(read_text(Path(label)), names, has_points="kpt_shape" in settings))
        except DataError as problem:
            gathered.leave_out(name, path, str(problem))
        else:
            gathered.add(name, path, boxes, side=sides.get(name or ""))
            read += boxes
    gathered.notices += _hints(read, names)
    return gathered.found(FORMAT, place.absolute())


def _root(folder: Path, settings: dict[str, Value]) -> Path:
    """The folder that images and labels are below: that of data.yaml, or where its paths lead on this computer."""
    path = settings.get("path")
    if isinstance(path, str) and path and _has_entries(place := Path(os.path.normpath(folder / path))):
        return place
    stated = [Path(os.path.normpath(folder / entry)) for _, entry in _entries(settings)]
    outside = [entry for entry in stated if not entry.is_relative_to(folder) and entry.is_dir()]
    if any(_has_entries(folder / name) for name in (_IMAGES, _LABELS)) or len(outside) < len(stated) or not outside:
        return folder
    above = [entry.parents[entry.parts[::-1].index(_IMAGES)] if _IMAGES in entry.parts else entry for entry in outside]
    return Path(os.path.commonpath(above))


def _has_entries(folder: Path) -> bool:
    return os.path.isdir(folder) and any(folder.iterdir())  # noqa: PTH112 - False where a path is too long


def _entries(settings: dict[str, Value]) -> Iterator[tuple[Side, str]]:
    """The folders and lists of each set that data.yaml gives."""
    for key, value in settings.items():
        if side := side_of(key):
            yield from (
                (side, entry) for entry in (value if isinstance(value, list) else [value]) if isinstance(entry, str)
            )


def _names(file: Path | None, settings: dict[str, Value], lists: Sequence[Path]) -> dict[int, str]:
    """The name of each class by its number; none where no file names them.

    Raises:
        DataError: When data.yaml cannot be understood, or two lists differ.
    """
    names = settings.get("names", [])
    if isinstance(names, str) and names.startswith(_NOT_UNDERSTOOD):
        raise DataError(f"{file}: names is {names!r}: expected the names themselves, as in names: [dog, cat]")
    if not names:
        names = _one_list(lists)
    pairs = names.items() if isinstance(names, dict) else enumerate(names if isinstance(names, list) else [names])
    return {int(number): name.strip() for number, name in pairs if str(number).isdecimal() and name.strip()}


def _one_list(lists: Sequence[Path]) -> list[str]:
    """The longest of the lists of classes; a tool that adds classes on the way leaves shorter ones in other folders."""
    found = sorted(((read_text(file).rstrip().splitlines(), file) for file in lists), key=lambda pair: -len(pair[0]))
    for names, file in found[1:]:
        if names != found[0][0][: len(names)]:
            raise DataError(
                f"{found[0][1]} and {file} name different classes: expected the same order, because the labels have "
                "their numbers; keep one of them, or write data.yaml with the names"
            )
    return found[0][0] if found else []


def _sides(settings: dict[str, Value], images: ImagesBelow) -> dict[str, Side]:
    """The set of each image by the folders and lists that data.yaml gives; the first that has it counts."""
    found: dict[str, Side] = {}
    for side, entry in _entries(settings):
        found |= {name: side for name in _images_at(entry, images) if name not in found}
    return found if "train" in found.values() else {}


def _images_at(entry: str, images: ImagesBelow) -> Iterator[str]:
    """The images of a folder or of a list; paths often begin elsewhere, as `../train/images` does."""
    parts = path_parts(entry)
    for first in range(len(parts)):
        place = "/".join(parts[first:])
        if place in images.folders:
            yield from (name for name in images.names if name.startswith(f"{place}/"))
            return
        if place.endswith(".txt") and os.path.isfile(images.root / place):  # noqa: PTH113 - as in `_has_entries`
            lines = read_text(images.root / place).splitlines()
            yield from (name for line in lines if line.strip() and (name := images.find(line.strip())))
            return


def _folders(path: str) -> list[str]:
    """The folders of a path, in lower case: tools differ in `labels` and `Labels`."""
    return path.lower().split("/")[:-1]


def _image_of(images: ImagesBelow, label: str) -> str | None:
    """The image of a file of labels; None for other texts, and where it is missing.

    Where there is a folder `images`, labels/train/1.txt belongs to images/train/1.jpg only.
    """
    candidates = images.with_stem(stem_of(label.rpartition("/")[2]))
    folders = [_IMAGES if part == _LABELS else part for part in _folders(label)]
    exact = [name for name in candidates if _folders(name) == folders]
    if exact or not candidates or _LABELS not in _folders(label):
        return exact[0] if exact else None
    place = "/".join(folders[: folders.index(_IMAGES) + 1])
    return None if place in map(str.lower, images.folders) else images.find(stem_of(label), "/".join(folders))


def _boxes(text: str, names: dict[int, str], *, has_points: bool) -> Iterator[Annotation]:
    """The boxes of a file. After a box may come how sure a detector was, or the points of a pose."""
    for line in text.splitlines():
        if words := _words(line):
            number, values = words[0], words[1:]
            match = _CLASS.fullmatch(number)
            name = names.get(int(match[1]), "") if match else ""
            is_box = len(values) < 6 or has_points
            yield Annotation(
                values[:4] if is_box else values, "shares" if is_box else "outline", name or number,
                bool(name) or (not names and match is not None),
            )  # fmt: skip


def _hints(boxes: Sequence[Annotation], names: dict[int, str]) -> Iterator[str]:
    """What is most likely wrong with a set whose lines have something else than YOLO has there."""
    named = [box for box in boxes if not (box.is_known or _CLASS.fullmatch(box.name))]
    if len(named) > _MOST_SLIPS * len(boxes):
        known = listed([f"{number} for {name}" for number, name in names.items()], _SHOWN)
        yield (
            f"{counted(len(named), 'line')} with a name in place of the number of a class, such as "
            f"{printable(named[0].name)}: write the number{f' ({known})' if names else ''}."
        )
    pixels = [box for box in boxes if (numbers := numbers_of(box)) and max(numbers) > _LARGEST_SHARE]
    if len(pixels) > _MOST_SLIPS * len(boxes):
        yield (
            f"{counted(len(pixels), 'box')} with numbers in pixels, such as {printable(pixels[0].text)}: YOLO has "
            "shares of the sides of the image, 0 to 1; divide by its width and height, or export as COCO."
        )


def _words(line: str) -> list[str]:
    """The words of a line, with points in numbers where some programs write commas; they may also be between words."""
    words = line.split()
    if len(words) == 1:
        words = line.replace(",", " ").replace(";", " ").split()
    return [word.rstrip(",;").replace(",", ".") for word in words]
