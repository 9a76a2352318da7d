"""Find boxes at any path, with the reader for their format."""

from collections.abc import Callable
from pathlib import Path

from eyebright.system.cache import mark_used
from eyebright.system.errors import DataError
from eyebright.system.files import as_path, read_errors
from eyebright.system.progress import Report, quiet
from eyebright.tasks.detection.data.labels.coco import coco_files, is_coco, read_coco
from eyebright.tasks.detection.data.labels.drawn import FoundBoxes
from eyebright.tasks.detection.data.labels.objects import has_objects, object_files, read_objects
from eyebright.tasks.detection.data.labels.table import box_tables, has_box_columns, read_box_table
from eyebright.tasks.detection.data.labels.voc import is_voc, read_voc
from eyebright.tasks.detection.data.labels.yolo import SUFFIXES as YAML
from eyebright.tasks.detection.data.labels.yolo import is_yolo, read_yolo

Reader = Callable[[Path, Report], FoundBoxes]
EXPECTED = "a folder with boxes (YOLO, COCO, Pascal VOC, a table, or Hugging Face's objects)"


def has_boxes(path: str | Path) -> bool:
    """Whether there are boxes at a path: only the names of files and what they begin with are looked at."""
    place = Path(path)
    try:
        return place.exists() and _reader(place) is not None
    except OSError:
        return False


def find_boxes(path: str | Path, report: Report = quiet) -> FoundBoxes:
    """Find the images at a path, with their boxes.

    Args:
        path: A folder, or the file with the labels. It is only read.
        report: Receives the number of images found so far.

    Raises:
        DataError: When there are no boxes, or a file is damaged.
        MissingExtraError: When a package for the format is not installed.
    """
    place = as_path(path, EXPECTED, DataError)
    mark_used(place)
    with read_errors(place):
        if not place.exists():
            raise DataError(f"{place} does not exist: expected {EXPECTED}")
        reader = _reader(place)
    if reader is None:
        raise DataError(f"{place} has no boxes in a known format: expected {EXPECTED}")
    return reader(place, report)


def _reader(place: Path) -> Reader | None:
    """The reader for what is there; where there are several formats, they are the same boxes, and the first counts."""
    if place.is_dir():
        checks: list[tuple[Reader, Callable[[Path], object]]] = [
            (read_coco, coco_files), (read_voc, is_voc), (read_objects, object_files), (read_box_table, box_tables),
            (read_yolo, is_yolo),
        ]  # fmt: skip
    else:
        checks = [
            (read_coco, is_coco), (read_objects, has_objects), (read_box_table, has_box_columns),
            (read_yolo, lambda file: file.suffix.lower() in YAML),
        ]  # fmt: skip
    return next((reader for reader, applies in checks if applies(place)), None)
