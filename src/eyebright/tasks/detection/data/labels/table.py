"""A table with one row for each box: CSV, TSV, or lines of JSON.

    file,class,xmin,ymin,xmax,ymax
    1.jpg,dog,48,240,195,371
    2.jpg,,,,,                       an image without objects

Corners are in pixels from 0 on. Other usual names of the columns are known, also x, y, w, h in place of corners; a
table may also have the size of the image (width, height) and its set (split).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from eyebright.data.sources.labels import CLASS_COLUMNS
from eyebright.data.sources.sides import side_named
from eyebright.data.sources.table import COLUMNS, SUFFIXES, column_names, find_column, read_lines
from eyebright.system.errors import DataError
from eyebright.system.progress import Report, quiet
from eyebright.tasks.detection.data.labels.annotations import Annotation, Form, FoundBoxes, stated_size
from eyebright.tasks.detection.data.labels.gathering import Gathering
from eyebright.tasks.detection.data.labels.images import ImagesBelow
from eyebright.tasks.detection.data.labels.label_files import files_at, files_in, folder_of_labels, places_in

FORMAT = "table"
_CORNERS = {
    "xmin": ("xmin", "x_min", "x1", "left"),
    "ymin": ("ymin", "y_min", "y1", "top"),
    "xmax": ("xmax", "x_max", "x2", "right"),
    "ymax": ("ymax", "y_max", "y2", "bottom"),
}
_SIZES = {
    "x": ("x", "bbox_x"),
    "y": ("y", "bbox_y"),
    "w": ("w", "bbox_width", "bbox_w", "width"),
    "h": ("h", "bbox_height", "bbox_h", "height"),
}
_IMAGE_SIZE = {"width": ("image_width", "width"), "height": ("image_height", "height")}
_IMAGES = (*COLUMNS["path"], "image_name", "image_path", "image_id", "imageid")
_CLASSES = (*CLASS_COLUMNS, "class_name", "label_name", "labelname")


def has_box_columns(file: Path) -> bool:
    """Whether a table has columns for the corners of boxes."""
    if file.suffix.lower() not in SUFFIXES or not file.is_file():
        return False
    try:
        names = {name.strip().lower() for name in column_names(file)}
    except DataError:
        return False
    return any(all(names & set(usual) for usual in columns.values()) for columns in (_CORNERS, _SIZES))


def box_tables(folder: Path) -> list[Path]:
    """The tables with boxes in a folder, or in its folders of the sets."""
    return [file for place in places_in(folder) for file in files_in(place, SUFFIXES) if has_box_columns(file)]


class _Places(NamedTuple):
    """The positions of the columns."""

    path: int
    name: int
    values: Sequence[int]
    form: Form
    size: Sequence[int]
    side: int | None


def read_box_table(place: Path, report: Report = quiet) -> FoundBoxes:
    """Read the boxes of a table, or of the tables of a folder.

    Args:
        place: The table or the folder; it is only read.
        report: Receives the number of images so far.

    Raises:
        DataError: When a column is missing or a line is invalid; with its number.
    """
    root = folder_of_labels(place)
    gathered = Gathering(ImagesBelow(root, report))
    for file in files_at(place, box_tables):
        known: Sequence[str] | None = None
        for number, columns, cells in read_lines(file):
            if columns is not known:
                known, places = columns, _places(f"{file}, line {number}", columns)
            if cells is not None:
                try:
                    _gather(file, cells, places, gathered)
                except DataError as problem:
                    raise DataError(f"{file}, line {number}: {problem}") from None
    return gathered.found(FORMAT, place.absolute())


def _places(where: str, columns: Sequence[str]) -> _Places:
    def position(kind: str, usual: Sequence[str]) -> int:
        found = find_column(where, columns, kind, usual, is_required=True)
        return -1 if found is None else found

    lower = {name.strip().lower() for name in columns}
    corners = all(lower & set(usual) for usual in _CORNERS.values())
    values = [position(kind, usual) for kind, usual in (_CORNERS if corners else _SIZES).items()]
    size = [find_column(where, columns, kind, usual, is_required=False) for kind, usual in _IMAGE_SIZE.items()]
    side = find_column(where, columns, "split", COLUMNS["split"], is_required=False)
    form: Form = "corners" if corners else "corner and size"
    path, name = position("image", _IMAGES), position("class", _CLASSES)
    return _Places(path, name, values, form, [at for at in size if at is not None and at not in values], side)


def _gather(file: Path, cells: Sequence[object], places: _Places, gathered: Gathering) -> None:
    """Note the box of a row."""
    if not any(map(_text, cells)):
        return
    path = _text(cells[places.path])
    if not path:
        raise DataError("missing path: every row needs the image")
    values, name = [_number(cells[position]) for position in places.values], _text(cells[places.name])
    is_empty = not name and not any(map(_text, values))
    boxes = [] if is_empty else [Annotation(values, places.form, name, bool(name))]
    side = None if places.side is None else side_named(_text(cells[places.side]))
    size = stated_size(*(cells[at] for at in places.size)) if len(places.size) == 2 else None
    gathered.add_stated(file, path, boxes, side=side, stated=size)


def _number(value: object) -> object:
    """The cell of a number, with a point where the table has the comma of German or French."""
    return value.replace(",", ".") if isinstance(value, str) else value


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()
