"""Formats of boxes that are known by their files but not read, so that the message says what to export instead."""

from pathlib import Path

from eyebright.tasks.detection.data.labels.label_files import files_in, places_in

_TFRECORD = "TFRecord"
_MARKS = {
    "LabelMe": ('"shapes"', '"imagePath"'),
    "Label Studio's own JSON": ('"rectanglelabels"',),
    "CreateML": ('"coordinates"', '"annotations"'),
    "VGG Image Annotator": ("region_attributes",),
}
"""Texts that all occur in a file of the format."""
_TRIED, _BEGINNING = 5, 65_536  # files of a folder that are looked at, and bytes of each


def unsupported_format(place: Path) -> str:
    """The name of the format of the boxes at a path, where it is one that is not read; else "".

    >>> unsupported_format(Path("cells.tfrecord-00000-of-00004"))
    'TFRecord'
    """
    if not place.is_dir():
        return _TFRECORD if _is_tfrecord(place) else _format_of(place) if place.is_file() else ""
    folders = places_in(place)
    if any(_is_tfrecord(entry) for folder in folders for entry in folder.iterdir()):
        return _TFRECORD
    texts = (file for folder in folders for file in files_in(folder, {".json", ".csv"})[:_TRIED])
    return next((name for file in texts if (name := _format_of(file))), "")


def _is_tfrecord(file: Path) -> bool:
    suffixes = [suffix.lower().partition("-")[0] for suffix in file.suffixes]
    return ".tfrecord" in suffixes or ".tfrecords" in suffixes or suffixes[-1:] == [".record"]


def _format_of(file: Path) -> str:
    with file.open("rb") as opened:
        start = opened.read(_BEGINNING).decode("utf-8", "replace")
    return next((name for name, marks in _MARKS.items() if all(mark in start for mark in marks)), "")
