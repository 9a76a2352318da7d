"""Cut and classify: boxes cut out of their images, in one folder for each class, which `train` takes as it is.

    cells/RBC/blood_7_003.png    the crops
    cells/metadata.csv           file_name,label,group,split: each with its image as its group, and its set
    cells/crops.json             how they were cut, and how many of each class

The reader of such folders finds the groups there: the crops of one image stay in one set, without any option.
"""

import csv
import io
import math
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eyebright.data.pack import LeftOut
from eyebright.data.pictures import decode
from eyebright.data.split import SIDES, Side
from eyebright.model.stream import LazyImage, loaded
from eyebright.system import files
from eyebright.system.errors import DataError, DownloadError, PictureError, SettingsError
from eyebright.system.records import to_json
from eyebright.system.text import counted, csv_cell
from eyebright.tasks.detection.model.predictor import FoundObjects

if TYPE_CHECKING:
    from eyebright.tasks.detection.data.dataset import BoxDataset
    from eyebright.tasks.detection.model.detector import Detector

METADATA = "metadata.csv"
CARD = "crops.json"
"""By which a folder is known as one of crops: no other folder is ever replaced."""
MARGIN = 0.1
"""Share of the sides of a box that is added on each side."""
FEWEST_TO_TRAIN = len(SIDES)
"""Images that each class of a classifier needs: one for each set."""
_MOST_MARGIN = 5.0
_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]|^[.\s]+|[.\s]+$')  # what names of folders may not have everywhere


class Cut(NamedTuple):
    """An image, and what is to be cut out of it.

    Args:
        name: Of the image: the group of its crops.
        image: The image, to be opened where there are boxes.
        corners: In pixels of the upright original, `(n, 4)`.
        names: The class of each box.
        side: The set of the image, if known.
        error: Why the image cannot be opened, where that is known.
    """

    name: str
    image: LazyImage
    corners: NDArray[np.float64]
    names: Sequence[str]
    side: Side | None = None
    error: str = ""


class Crops(NamedTuple):
    """What was written.

    Args:
        folder: The folder.
        counts: Number of crops of each class.
        left_out: Images that could not be opened, with the reasons.
        few: Classes with crops of fewer images than `FEWEST_TO_TRAIN`, written or not.
    """

    folder: Path
    counts: dict[str, int]
    left_out: list[LeftOut]
    few: Sequence[str] = ()


def cuts_of(dataset: "BoxDataset") -> Iterator[Cut]:
    """The labelled boxes of a data set."""
    for index, (name, boxes) in enumerate(zip(dataset.source.names, dataset.boxes, strict=True)):
        if len(boxes):
            classes = [dataset.classes[label] for label in boxes.labels.tolist()]
            side = None if dataset.sides is None else SIDES[dataset.sides[index]]
            yield Cut(name, dataset.source.open(index), boxes.corners, classes, side)


def cuts_found(
    detector: "Detector",
    images: Sequence[tuple[str, LazyImage]],
    *,
    threshold: float | None = None,
    one_class: str = "",
) -> Iterator[Cut]:
    """What a detector finds in images, with a cut for each image, in their order.

    Args:
        detector: The detector.
        images: The images with their names.
        threshold: The least confidence; that of the detector unless given.
        one_class: A name for all classes, or "" to keep them apart.
    """
    for (name, image), found in zip(images, detector.stream(images, threshold=threshold), strict=True):
        objects = found.objects if isinstance(found, FoundObjects) else ()
        corners = np.array([one.box for one in objects], np.float64).reshape(-1, 4)
        error = "" if isinstance(found, FoundObjects) else found.error
        yield Cut(name, image, corners, [one_class or one.label for one in objects], error=error)


def crop_corners(corners: NDArray[np.float64], size: tuple[int, int], margin: float) -> NDArray[np.int64]:
    """What is cut out for each box: whole pixels around it and its margin, within the image, `(n, 4)`.

    Args:
        corners: x1, y1, x2, y2 of each box, `(n, 4)`.
        size: (width, height) of the image.
        margin: Share of the sides of a box that is added on each side.
    """
    added = np.tile(corners[:, 2:] - corners[:, :2], 2) * np.array([-margin, -margin, margin, margin])
    exact = np.round(corners + added, 6)  # 0.1 + 0.2 must not cost a pixel
    whole = np.concatenate([np.floor(exact[:, :2]), np.ceil(exact[:, 2:])], axis=1)
    return np.asarray(np.clip(whole, 0, np.array([*size, *size])), np.int64)


def write_crops(
    cuts: Iterable[Cut], folder: Path, *, margin: float = MARGIN, fewest: int = 1, overwrite: bool = False
) -> Crops:
    """Cut boxes out of images, and write them as PNG files in one folder for each class.

    Args:
        cuts: The images with their boxes.
        folder: The folder; it appears when it is complete.
        margin: Share of the sides of a box that is added on each side, 0 to 5.
        fewest: Leave out classes with crops of fewer images.
        overwrite: Replace an earlier folder of crops.

    Raises:
        DataError: When there is nothing to cut.
        OutputError: When the folder exists and may not be overwritten, or cannot be written.
        SettingsError: When the margin is out of range.
    """
    if not 0 <= margin <= _MOST_MARGIN or not math.isfinite(margin):
        raise SettingsError(f"margin must be from 0 to {_MOST_MARGIN:g}, a share of the sides of a box; got {margin}")
    left_out = list[LeftOut]()
    with files.new_folder(folder, overwrite=overwrite, made_with=(CARD,)) as new:
        rows = list(_rows(cuts, new, margin, left_out))
        images = Counter(name for name, _ in {(row.label, row.image) for row in rows})
        for place in {(new / row.file).parent for row in rows if images[row.label] < fewest}:
            shutil.rmtree(place)
        rows = [row for row in rows if images[row.label] >= fewest]
        if not rows:
            raise DataError(_nothing(left_out))
        counts = dict(sorted(Counter(row.label for row in rows).items()))
        (new / METADATA).write_bytes(_metadata(rows))
        (new / CARD).write_text(to_json({"format": 1, "margin": margin, "classes": counts}), encoding="utf-8")
    few = sorted(name for name, count in images.items() if count < FEWEST_TO_TRAIN)
    return Crops(folder, counts, left_out, few)


class _Row(NamedTuple):
    """A crop, as `metadata.csv` has it."""

    file: str
    label: str
    image: str
    side: str


def _rows(cuts: Iterable[Cut], folder: Path, margin: float, left_out: list[LeftOut]) -> Iterator[_Row]:
    """Write the crops of all images, and add the images that cannot be opened to `left_out`."""
    taken, folders = set[str](), dict[str, str]()
    for cut in cuts:
        if not len(cut.corners):
            left_out += [LeftOut(cut.name, cut.error)] if cut.error else []
            continue
        try:
            picture = decode(loaded(cut.image))
        except (PictureError, DownloadError) as problem:
            left_out.append(LeftOut(cut.name, str(problem)))
            continue
        places = crop_corners(cut.corners, picture.size, margin)
        for name, place in zip(cut.names, places.tolist(), strict=True):
            if place[0] < place[2] and place[1] < place[3]:
                file = _free_name(f"{_folder_of(name, folders)}/{_safe(PurePath(cut.name).stem)}", taken)
                _save(picture.crop(place), folder / file)
                yield _Row(file, name, cut.name, cut.side or "")


def _nothing(left_out: Sequence[LeftOut]) -> str:
    """What is wrong where there is no crop at all."""
    text = "there are no boxes to cut out: expected labels, or a detector that finds objects"
    if not left_out:
        return text
    first = left_out[0]
    return f"{text}; {counted(len(left_out), 'image')} cannot be opened, the first is {first.name}: {first.reason}"


def _metadata(rows: Sequence[_Row]) -> bytes:
    """The table that says the class, the group and, where all images have one, the set of each crop."""
    columns = 4 if all(side for *_, side in rows) and any(side == "train" for *_, side in rows) else 3
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("file_name", "label", "group", "split")[:columns])
    writer.writerows((file, name, csv_cell(group), side)[:columns] for file, name, group, side in rows)
    return text.getvalue().encode("utf-8", "surrogateescape")


def _save(crop: Image.Image, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    crop.save(path, "PNG", compress_level=1)


def _folder_of(name: str, folders: dict[str, str]) -> str:
    """The folder of a class; two classes never share one, also where capitals do not count."""
    if name not in folders:
        folders[name] = _free_name(_safe(name) or "class", {folder.casefold() for folder in folders.values()}, "")
    return folders[name]


def _safe(name: str) -> str:
    return _UNSAFE.sub("_", name)[:100]


def _free_name(name: str, taken: set[str], suffix: str = ".png") -> str:
    """The name with the first number that is free; a folder has none where its name is free."""
    number = 1
    free = f"{name}_{number:03d}{suffix}" if suffix else name
    while free.casefold() in taken:
        number += 1
        free = f"{name}_{number:03d}{suffix}"
    taken.add(free.casefold())
    return free
