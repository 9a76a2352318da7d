"""Find boxes at any path, with the reader for their format."""

from collections.abc import Callable
from pathlib import Path

from eyebright.system.cache import mark_used
from eyebright.system.errors import DataError
from eyebright.system.files import as_path, read_errors
from eyebright.system.progress import Report, quiet
from eyebright.system.text import listed
from eyebright.tasks.detection.data.labels import coco, objects, table, voc, yolo
from eyebright.tasks.detection.data.labels.annotations import FoundBoxes
from eyebright.tasks.detection.data.labels.unsupported import unsupported_format

Reader = Callable[[Path, Report], FoundBoxes]
EXPECTED = "a folder with boxes (YOLO, COCO, Pascal VOC, a table, or Hugging Face's objects)"


def has_boxes(path: str | Path) -> bool:
    """Whether there are boxes at a path, also in a format that is not read: only beginnings of files are looked at."""
    place = Path(path)
    try:
        return place.exists() and (bool(_formats(place)) or unsupported_format(place) != "")
    except OSError:
        return False


def find_boxes(path: str | Path, report: Report = quiet) -> FoundBoxes:
    """Find the images at a path, with their boxes.

    Where there are boxes in several formats, they are of the same objects: the first format is read.

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
        formats = _formats(place)
        unsupported = "" if formats else unsupported_format(place)
    if unsupported:
        raise DataError(
            f"{place} has labels in the format {unsupported}, which eyebright does not read: export them as YOLO, "
            "COCO, Pascal VOC or CSV, with the images"
        )
    if not formats:
        raise DataError(f"{place} has no boxes in a known format: expected {EXPECTED}")
    found = _READERS[formats[0]](place, report)
    if len(formats) == 1:
        return found
    notice = f"There are labels in several formats: those of {formats[0]} are read, those of {listed(formats[1:])} not."
    return found._replace(notices=[*found.notices, notice])


_READERS: dict[str, Reader] = {
    coco.FORMAT: coco.read_coco,
    voc.FORMAT: voc.read_voc,
    objects.FORMAT: objects.read_objects,
    table.FORMAT: table.read_box_table,
    yolo.FORMAT: yolo.read_yolo,
}


def _formats(place: Path) -> list[str]:
    """The formats of the boxes at a path, the surest first."""
    checks: dict[str, Callable[[Path], object]] = {
        coco.FORMAT: coco.is_coco, objects.FORMAT: objects.has_objects, table.FORMAT: table.has_box_columns,
        yolo.FORMAT: lambda file: file.suffix.lower() in yolo.SUFFIXES,
    }  # fmt: skip
    if place.is_dir():
        checks = {
            coco.FORMAT: coco.coco_files, voc.FORMAT: voc.is_voc, objects.FORMAT: objects.object_files,
            table.FORMAT: table.box_tables, yolo.FORMAT: yolo.is_yolo,
        }  # fmt: skip
    return [name for name, applies in checks.items() if applies(place)]
