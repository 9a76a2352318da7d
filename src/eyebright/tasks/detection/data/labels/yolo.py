"""YOLO: one text file for each image, in `labels/` where the image is in `images/`, or beside it.

    data.yaml            names: [dog, cat]        and perhaps train, val, test
    images/train/1.jpg
    labels/train/1.txt   0 0.5 0.5 0.25 0.5       class, x and y of the centre, width, height as shares of the sides

Classes are also named by `classes.txt` (Label Studio, and labelImg in `labels/`) or `obj.names` (CVAT).
A line with more numbers is an outline.
Source: "Object Detection Datasets Overview" of Ultralytics, and the exports of both tools.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

from eyebright.data.sources.sides import side_of
from eyebright.data.sources.walk import walk_files
from eyebright.data.split import Side
from eyebright.system.files import read_errors
from eyebright.system.progress import Report, quiet
from eyebright.tasks.detection.data.labels.drawn import Drawn, FoundBoxes
from eyebright.tasks.detection.data.labels.images import Gathering, ImagesBelow
from eyebright.tasks.detection.data.labels.yaml import Value, read_yaml

FORMAT = "YOLO"
SUFFIXES = (".yaml", ".yml")
_OF_CVAT = "obj.names"
_OF_OTHERS = "classes.txt"
_LABELS, _IMAGES = "labels", "images"
_LISTS = (_OF_OTHERS, _OF_CVAT, f"{_LABELS}/{_OF_OTHERS}")


def is_yolo(folder: Path) -> bool:
    """Whether a folder has labels of YOLO: a data.yaml, names of classes, or folders of labels."""
    below = [folder, *(entry for entry in folder.iterdir() if side_of(entry.name) and entry.is_dir())]
    named = _yaml_in(folder) is not None or (folder / _OF_CVAT).is_file()
    return named or any(_has_labels(place / _LABELS) for place in below)


def _has_labels(folder: Path) -> bool:
    return folder.is_dir() and any(Path(file) != folder / _OF_OTHERS for file in walk_files(folder, {"txt"}))


def _yaml_in(folder: Path) -> Path | None:
    """The file that names the classes."""
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())
    return next((file for file in files if {"names", "train"} <= set(read_yaml(_text(file)))), None)


def read_yolo(place: Path, report: Report = quiet) -> FoundBoxes:
    """Read the boxes of a folder.

    Args:
        place: The folder, or its data.yaml; it is only read.
        report: Receives the number of images so far.

    Raises:
        DataError: When a file cannot be read.
    """
    file = place if place.is_file() else _yaml_in(place)
    folder = (place.parent if place.is_file() else place).absolute()
    settings = read_yaml(_text(file)) if file else {}
    root = _root(folder, settings.get("path", ""))
    images, names = ImagesBelow(root, report), _names(folder, settings)
    gathered, sides = Gathering(images), _sides(settings, images)
    for label in map(Path, walk_files(root, {"txt"})):
        path = label.relative_to(root)
        name = _image_of(images, path)
        if name or (_LABELS in path.parts[:-1] and path.as_posix() not in _LISTS):
            gathered.add(name, path.as_posix(), list(_boxes(label, names)), side=sides.get(name or ""))
    return gathered.found(FORMAT, place.absolute())


def _root(folder: Path, path: Value) -> Path:
    """The folder of the images: `path`, where it exists on this computer."""
    place = Path(os.path.normpath(folder / path)) if isinstance(path, str) and path else folder
    return place if place.is_dir() and any(place.glob("*")) else folder


def _names(folder: Path, settings: dict[str, Value]) -> dict[int, str]:
    """The name of each class by its number; none where no file names them."""
    names = settings.get("names", [])
    if not names:
        lists = (folder / name for name in _LISTS)
        names = next((_text(file).split("\n") for file in lists if file.is_file()), [])
    pairs = names.items() if isinstance(names, dict) else enumerate(names if isinstance(names, list) else [names])
    return {int(number): name.strip() for number, name in pairs if str(number).isdigit() and name.strip()}


def _sides(settings: dict[str, Value], images: ImagesBelow) -> dict[str, Side]:
    """The set of each image by the folders and lists that data.yaml gives; the first that has it counts."""
    found: dict[str, Side] = {}
    for key, value in settings.items():
        side = side_of(key)
        for entry in (value if isinstance(value, list) else [value]) if side else ():
            if isinstance(entry, str) and side:
                found |= {name: side for name in _images_at(entry, images) if name not in found}
    return found if "train" in found.values() else {}


def _images_at(entry: str, images: ImagesBelow) -> Iterator[str]:
    """The images of a folder or of a list; paths often begin elsewhere, as `../train/images` does."""
    parts = [part for part in PurePath(entry.replace("\\", "/")).parts if part not in ("..", ".", "/")]
    for first in range(len(parts)):
        place = "/".join(parts[first:])
        if (images.root / place).is_file():
            lines = _text(images.root / place).splitlines()
            yield from (name for line in lines if line.strip() and (name := images.find(line.strip())))
            return
        if (images.root / place).is_dir():
            yield from (name for name in images.names if name.startswith(f"{place}/"))
            return


def _image_of(images: ImagesBelow, label: Path) -> str | None:
    """The image of a file of labels; None for other texts, and where it is missing.

    Where there is a folder `images`, labels/train/1.txt belongs to images/train/1.jpg only.
    """
    parts = [_IMAGES if part == _LABELS else part for part in label.parts[:-1]]
    name = images.find("/".join([*parts, label.stem]), "/".join(parts), stem=True)
    if name is None or name.rpartition("/")[0] == "/".join(parts):
        return name
    place = "/".join(parts[: parts.index(_IMAGES) + 1]) if _IMAGES in parts else ""
    return name if _LABELS in label.parts[:-1] and place not in images.folders else None


def _boxes(file: Path, names: dict[int, str]) -> Iterator[Drawn]:
    for line in _text(file).splitlines():
        words = line.split()
        if len(words) == 1:
            words = line.replace(",", " ").replace(";", " ").split()
        if words:
            yield _box([word.rstrip(",;").replace(",", ".") for word in words], names)


def _box(words: Sequence[str], names: dict[int, str]) -> Drawn:
    """The box of a line; a fifth number is how sure a detector was."""
    number, values = words[0], words[1:]
    name = names.get(int(float(number)) if number.replace(".", "", 1).isdigit() else -1, "")
    is_known = bool(name) or (not names and number.isdigit())
    if len(values) in (4, 5):
        return Drawn(values[:4], "shares", name or number, is_known)
    return Drawn(values, "outline" if len(values) > 5 else "shares", name or number, is_known)


def _text(file: Path) -> str:
    with read_errors(file):
        return file.read_text(encoding="utf-8-sig", errors="surrogateescape")
