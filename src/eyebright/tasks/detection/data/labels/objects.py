"""Hugging Face's objects: a column `objects` with the boxes of each image, in Parquet or in metadata.jsonl.

    {"file_name": "1.jpg", "objects": {"bbox": [[x, y, width, height]], "category": ["dog"]}}

Numbers of classes have their names in the metadata of the schema of a Parquet file.
Source: "Create an image dataset", section Object detection, in the documentation of the library datasets.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from eyebright.data.sources import parquet
from eyebright.data.sources.sides import side_of
from eyebright.data.sources.table import COLUMNS, column_names, read_lines
from eyebright.system.errors import DataError
from eyebright.system.progress import Report, quiet
from eyebright.tasks.detection.data.labels.annotations import Annotation, FoundBoxes, LabelledImage, stated_size
from eyebright.tasks.detection.data.labels.gathering import Gathering
from eyebright.tasks.detection.data.labels.images import ImagesBelow
from eyebright.tasks.detection.data.labels.label_files import files_at, folder_of_labels, places_in

FORMAT = "Hugging Face"
COLUMN = "objects"
_LINES = "metadata.jsonl"
_BOXES = ("bbox", "bboxes", "boxes")
_CLASSES = ("category", "categories", "label", "labels", "category_id", "class")
_CROWD = ("iscrowd", "is_crowd")


def object_files(folder: Path) -> list[Path]:
    """The files with a column of objects in a folder, or in its folders of the sets."""
    lines = [place / _LINES for place in places_in(folder) if (place / _LINES).is_file()]
    return [file for file in lines or parquet.parquet_files(folder) if has_objects(file)]


def has_objects(file: Path) -> bool:
    """Whether a Parquet file or lines of JSON have a column of objects."""
    is_parquet = file.suffix.lower() == parquet.SUFFIX
    if not file.is_file() or not (is_parquet or file.suffix.lower() == ".jsonl"):
        return False
    try:
        return COLUMN in (parquet.column_names(file) if is_parquet else column_names(file))
    except DataError:
        return False


def read_objects(place: Path, report: Report = quiet) -> FoundBoxes:
    """Read the boxes of Parquet files or lines of JSON.

    Args:
        place: The file or the folder; it is only read.
        report: Receives the number of images so far.

    Raises:
        DataError: When a file is damaged or a column is missing.
        MissingExtraError: When pyarrow is not installed.
    """
    files = files_at(place, object_files)
    if files[0].suffix.lower() == parquet.SUFFIX:
        return _of_parquet(files, place.absolute(), report)
    root = folder_of_labels(place)
    gathered = Gathering(ImagesBelow(root, report))
    for file in files:
        for number, columns, cells in read_lines(file):
            row = dict(zip(columns, cells or (), strict=True))
            path = next((str(row[name]) for name in COLUMNS["path"] if isinstance(row.get(name), str)), "")
            if not path:
                raise DataError(f"{file}, line {number}: missing path, expected file_name")
            boxes = list(_boxes(row.get(COLUMN), ()))
            gathered.add_stated(file, path, boxes, side=side_of(file.parent.name), stated=_stated(row))
    return gathered.found(FORMAT, place.absolute())


def _of_parquet(files: Sequence[Path], origin: Path, report: Report) -> FoundBoxes:
    found = parquet.read_cells(files, origin, (COLUMN, "width", "height"), report)
    names = _class_names(found.features)
    images = [
        LabelledImage(list(_boxes(row.get(COLUMN), names)), side, _stated(row))
        for row, side in zip(found.rows, found.sides, strict=True)
    ]
    return FoundBoxes(found.source, images, FORMAT, origin)


def _stated(row: Mapping[str, Any]) -> tuple[int, int] | None:
    return stated_size(row.get("width"), row.get("height"))


def _boxes(objects: Any, names: Sequence[str]) -> Iterator[Annotation]:
    """The boxes of a cell: lists in a mapping, or a list of mappings."""
    for item in _items(objects):
        label = next((item[key] for key in _CLASSES if item.get(key) is not None), None)
        values = next((item[key] for key in _BOXES if key in item), None)
        name, is_known = _name(label, names)
        crowd = any(item.get(key) in (1, True) for key in _CROWD)
        numbers = values if isinstance(values, list) else [values]
        yield Annotation(numbers, "corner and size", name, is_known, "crowd" if crowd else "")


def _items(objects: Any) -> list[Mapping[str, Any]]:
    """Each object as a mapping."""
    if isinstance(objects, Mapping):
        columns = {key: values for key, values in objects.items() if isinstance(values, list)}
        count = max(map(len, columns.values()), default=0)
        return [{key: values[at] for key, values in columns.items() if at < len(values)} for at in range(count)]
    return [item for item in objects if isinstance(item, Mapping)] if isinstance(objects, list) else []


def _name(label: object, names: Sequence[str]) -> tuple[str, bool]:
    """The name of a class, and whether it is one."""
    if isinstance(label, str) and label.strip():
        return label.strip(), True
    if isinstance(label, int) and not isinstance(label, bool):
        if not names:
            return str(label), True
        if 0 <= label < len(names):
            return names[label], True
    return f"class {label}", False


def _class_names(features: Any) -> Sequence[str]:
    """The names of the classes, wherever they are in what Hugging Face says of the column."""
    if isinstance(features, Mapping):
        if features.get("_type") == "ClassLabel" and isinstance(features.get("names"), list):
            return [str(name) for name in features["names"]]
        features = list(features.values())
    found = (_class_names(part) for part in features) if isinstance(features, list) else ()
    return next((names for names in found if names), ())
