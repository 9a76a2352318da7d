"""COCO: JSON files with images, annotations and categories, which refer to each other by ids.

    annotations/instances_train.json   or train/_annotations.coco.json, or one file for several folders
    {"images": [{"id": 7, "file_name": "1.jpg", "width": 640, "height": 480}],
     "annotations": [{"image_id": 7, "category_id": 3, "bbox": [x, y, width, height], "iscrowd": 0}],
     "categories": [{"id": 3, "name": "dog"}]}

Source: "COCO data format", section Object Detection.
"""

import json
import mmap
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from eyebright.data.sources.sides import side_in, side_of
from eyebright.system import records
from eyebright.system.errors import DataError
from eyebright.system.files import read_errors
from eyebright.system.progress import Report, quiet
from eyebright.tasks.detection.data.labels.annotations import Annotation, FoundBoxes, stated_size
from eyebright.tasks.detection.data.labels.gathering import Gathering
from eyebright.tasks.detection.data.labels.images import ImagesBelow
from eyebright.tasks.detection.data.labels.label_files import files_at, files_in, folder_of_labels, places_in

FORMAT = "COCO"
SUFFIX = ".json"
_LABELS = "annotations"
_MEND = "export it again, or move it away if it does not belong to the set"
_MOST_BYTES = 2_000_000_000  # four times the training images of COCO 2017 with all outlines
_MOST_BYTES_OF_PYTHON = 100_000_000  # with NaN, which is not JSON: Python's reader takes it, with more memory


class _Image(msgspec.Struct):
    id: Any = None
    file_name: Any = None
    width: Any = None
    height: Any = None


class _CocoObject(msgspec.Struct):
    image_id: Any = None
    category_id: Any = None
    bbox: Any = None
    iscrowd: Any = 0


class _Category(msgspec.Struct):
    id: Any = None
    name: Any = None


_Item = TypeVar("_Item", _Image, _Category)


class _Content(msgspec.Struct):
    images: list[_Image]
    annotations: list[_CocoObject]
    categories: list[_Category]


def coco_files(folder: Path) -> list[Path]:
    """The files of COCO in a folder, in `annotations` in it, or in its folders of the sets."""
    files = [file for place in places_in(folder, _LABELS) for file in files_in(place, {SUFFIX}) if is_coco(file)]
    instances = [file for file in files if file.name.startswith("instances")]
    return instances or files  # beside them the same objects may be there again, with keypoints


def is_coco(file: Path) -> bool:
    """Whether a JSON file has the lists of COCO; its values are not read."""
    if file.suffix.lower() != SUFFIX or not file.is_file() or not file.stat().st_size:
        return False
    with read_errors(file), file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as text:
        return all(text.find(f'"{key}"'.encode()) >= 0 for key in _Content.__struct_fields__)


def read_coco(place: Path, report: Report = quiet) -> FoundBoxes:
    """Read the boxes of a folder or of one file.

    Args:
        place: The folder, or the file; it is only read.
        report: Receives the number of images so far.

    Raises:
        DataError: When a file is damaged or very large, or its ids are not unique.
    """
    files = files_at(place, coco_files)
    root = folder_of_labels(place)
    gathered = Gathering(ImagesBelow(root, report))
    for file in files:
        _gather(file, _content(file), gathered)
    return gathered.found(FORMAT, place.absolute())


def _gather(file: Path, content: _Content, gathered: Gathering) -> None:
    """Note the images of a file and their boxes."""
    side = side_in(file.stem) or side_of(file.parent.name)
    images = _by_id(file, content.images)
    categories = {key: _name(category) for key, category in _by_id(file, content.categories).items()}
    boxes: dict[str, list[Annotation]] = {key: [] for key in images}
    for item in content.annotations:
        boxes.setdefault(str(item.image_id), []).append(_box(item, categories))
    for key, drawn in boxes.items():
        image = images.get(key)
        if image is None or not isinstance(image.file_name, str):
            gathered.add(None, f"{file.name}, image {key}", drawn)
            continue
        size = stated_size(image.width, image.height)
        gathered.add_stated(file, image.file_name, drawn, side=side, stated=size)


def _by_id(file: Path, items: "list[_Item]") -> "dict[str, _Item]":
    """Images or categories by their ids."""
    found = {str(item.id): item for item in items}
    if len(found) < len(items):
        raise DataError(f"{file} gives one id to several images or categories: expected an id for each")
    return found


def _name(category: _Category) -> str:
    return "" if category.name is None else str(category.name).strip()


def _box(item: _CocoObject, categories: dict[str, str]) -> Annotation:
    values = item.bbox if isinstance(item.bbox, list) else [item.bbox]
    name = categories.get(str(item.category_id), "")
    crowd = "crowd" if item.iscrowd in (1, True, "1") else ""
    return Annotation(values, "corner and size", name or f"category {item.category_id}", bool(name), crowd)  # type: ignore[arg-type]


def _content(file: Path) -> _Content:
    """The lists of a file. It is not copied into memory, and what is not needed is not kept.

    Raises:
        DataError: When it is damaged or very large.
    """
    size = file.stat().st_size
    if size > _MOST_BYTES:
        raise DataError(f"{file} has {size / 1e9:.1f} GB: expected at most {_MOST_BYTES / 1e9:.0f} GB, divide it")
    with read_errors(file), file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as text:
        try:
            return msgspec.json.decode(text, type=_Content)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as problem:
            if isinstance(problem, msgspec.ValidationError) or size > _MOST_BYTES_OF_PYTHON:
                raise DataError(f"{file} is not a file of COCO: {problem}; {_MEND}") from problem
    try:
        return records.from_builtins(json.loads(file.read_bytes()), _Content, what=str(file), error=DataError)
    except (ValueError, RecursionError) as problem:
        if isinstance(problem, DataError):
            raise
        raise DataError(f"{file} is not valid JSON: {problem}; {_MEND}") from problem
