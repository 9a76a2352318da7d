"""Pascal VOC: one XML file for each image, and lists of the images of each set.

    Annotations/0001.xml      <annotation><object><name>dog</name><bndbox><xmin>48</xmin>...
    JPEGImages/0001.jpg
    ImageSets/Main/train.txt  0001

Or the XML files lie beside the images. The corners are the first and the last pixel inside, counted from 1.
Source: "The PASCAL Visual Object Classes Challenge 2012 Development Kit", section 4.
"""

import re
from pathlib import Path, PurePath
from xml.etree.ElementTree import XML, Element, ParseError, TreeBuilder, XMLParser

from eyebright.data.sources.sides import side_of
from eyebright.data.sources.walk import walk_files
from eyebright.data.split import Side
from eyebright.system.errors import DataError
from eyebright.system.files import read_errors
from eyebright.system.progress import Report, quiet
from eyebright.system.text import counted, listed
from eyebright.tasks.detection.data.labels.annotations import Annotation, FoundBoxes, stated_size
from eyebright.tasks.detection.data.labels.gathering import Gathering
from eyebright.tasks.detection.data.labels.images import ImagesBelow, stem_of
from eyebright.tasks.detection.data.labels.label_files import files_in, places_in, read_small, read_text

FORMAT = "Pascal VOC"
_LABELS, _LISTS = "annotations", "ImageSets/Main"
_TRIED, _BEGINNING = 10, 4096  # XML files of a folder that are looked at, and bytes of each
_ROOT = re.compile(rb"<annotation[\s/>]")
_MARK = re.compile(r"\s+(-1|0|1)$")  # whether an image has objects of a class, in the lists of a class
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def is_voc(folder: Path) -> bool:
    """Whether a folder has XML files of VOC: in `Annotations`, beside its images, or in folders of the sets.

    Only the beginning of the first files is looked at: XML files of other kinds lie beside images too.
    """
    files = [file for place in places_in(folder, _LABELS) for file in files_in(place, {".xml"})[:_TRIED]]
    return any(map(_is_annotation, files))


def _is_annotation(file: Path) -> bool:
    """Whether an XML file begins as one of VOC does, in whatever encoding: without zeros, UTF-16 is as ASCII here."""
    with read_errors(file), file.open("rb") as opened:
        return _ROOT.search(opened.read(_BEGINNING).replace(b"\0", b"")) is not None


def read_voc(folder: Path, report: Report = quiet) -> FoundBoxes:
    """Read the boxes of a folder.

    Args:
        folder: The folder; it is only read.
        report: Receives the number of images so far.

    Raises:
        DataError: When an image is in several lists, or more files are damaged than not.
    """
    root = folder.absolute()
    images = ImagesBelow(root, report)
    gathered, sides = Gathering(images), _sides_of_lists(root)
    from_zero = 0
    for file in map(Path, walk_files(root, {"xml"})):
        path = file.relative_to(root)
        try:
            tree = _tree(file)
        except DataError as problem:
            gathered.leave_out(_image_of(images, path, ""), path.as_posix(), str(problem))
            continue
        if tree.tag != "annotation":
            continue
        boxes = [_box(item) for item in tree.iter("object")]
        from_zero += sum("0" in map(_whole, box.values[:2]) for box in boxes)
        stated = tree.findtext("filename", "").strip()
        name = _image_of(images, path, stated)
        side = sides.get(path.stem) or sides.get(path.with_suffix("").as_posix().partition("/")[2])
        size = stated_size(tree.findtext("size/width"), tree.findtext("size/height"))
        gathered.add(name, path.as_posix(), boxes, side=side, stated=size)
    if from_zero:
        gathered.notices.append(
            f"{counted(from_zero, 'box')} at 0, though VOC counts from 1: all boxes of this set may be a pixel too far "
            "to the left and the top."
        )
    return gathered.found(FORMAT, root)


def _image_of(images: ImagesBelow, file: Path, stated: str) -> str | None:
    """The image of an XML file: the one of its own name, or else the one that it states."""
    near, suffix = file.parent.as_posix(), PurePath(stated).suffix
    own = images.find(f"{near}/{file.stem}{suffix}", near) if suffix else None
    return own or images.find(f"{near}/{file.stem}", near) or images.find(stated, near)


def _sides_of_lists(root: Path) -> dict[str, Side]:
    """The set of each image by `ImageSets/Main`; `trainval` counts where there is no list of training images.

    Raises:
        DataError: When an image is in several lists.
    """
    lists = {file.stem: file for file in sorted((root / _LISTS).glob("*.txt"))}
    named: dict[Side, list[str]] = {}
    for stem, file in lists.items():
        if side := side_of(stem):
            named.setdefault(side, []).extend(_listed(file))
    if "train" not in named and "trainval" in lists:
        others = {name for names in named.values() for name in names}
        named["train"] = [name for name in _listed(lists["trainval"]) if name not in others]
    found: dict[str, Side] = {}
    twice = [name for side, names in named.items() for name in names if found.setdefault(name, side) != side]
    if twice:
        raise DataError(
            f"{root / _LISTS} has {counted(len(twice), 'image')} in several lists, such as {listed(twice, 3)}: "
            "expected each image in one of train.txt, val.txt and test.txt"
        )
    return found if "train" in named else {}


def _listed(file: Path) -> list[str]:
    """The names in a list, without extensions; a mark such as -1 after a name is not read."""
    return [stem_of(_MARK.sub("", line.strip())) for line in read_text(file).splitlines() if line.strip()]


def _tree(file: Path) -> Element:
    """The content of an XML file. A DOCTYPE, with which a small file can become a huge one, is refused.

    Raises:
        DataError: When it is refused, or not XML.
    """
    try:
        return XML(read_small(file), XMLParser(target=_WithoutDoctype()))  # noqa: S314 - entities need a DOCTYPE
    except DataError:
        raise
    except (ParseError, ValueError, LookupError) as problem:
        raise DataError(f"{file} is not valid XML: {problem}") from problem


class _WithoutDoctype(TreeBuilder):
    """Builds the tree of a file, and stops at a DOCTYPE, before anything in it is read."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ValueError("it has a DOCTYPE, which files of VOC do not need: remove it from the file")


def _box(item: Element) -> Annotation:
    """An object; numbers stay texts, which are checked later."""
    name = (item.findtext("name") or "").strip()
    values = [(item.findtext(f"bndbox/{corner}") or "").strip() for corner in _CORNERS]
    difficult = (item.findtext("difficult") or "0").strip() not in ("", "0")
    return Annotation(values, "corners from 1", name, bool(name), "difficult" if difficult else "")


def _whole(value: object) -> str:
    return str(value).removesuffix(".0")
