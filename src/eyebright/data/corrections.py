"""Corrections: what people decided about single images, as a small file. No image is moved or changed.

{"format": 1, "origin": "flower_photos", "corrections": [
  {"name": "roses/1.jpg", "decision": "relabel", "new_label": "tulips", "label": "roses", "digest": "7d0c..."}]}

An image is found by its name and the digest of its pixels or, where it has another name now, by the digest alone.
"""

import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias, get_args

from eyebright.data import pack as packs
from eyebright.data.sources.source import FoundImages, exclude_images
from eyebright.system import files, records
from eyebright.system.errors import DataError
from eyebright.system.progress import Report, quiet
from eyebright.system.records import Record
from eyebright.system.text import counted, listed, nearest, printable

Decision: TypeAlias = Literal["keep", "relabel", "exclude"]
_EXPECTED = 'a corrections file, as the page of eyebright audit saves it: {"corrections": [...]}'


class Correction(Record, frozen=True, kw_only=True):
    """What was decided about one image.

    Args:
        name: Its name, as `printable` shows it.
        decision: Keep its label (and do not report it again), give it a new one, or leave the image out.
        new_label: The class that it gets, for "relabel"; else "".
        label: The class that it had; "" if that is not known.
        digest: The digest of its pixels in hexadecimal; "" if that is not known, and then only the name counts.
    """

    name: str
    decision: Decision
    new_label: str = ""
    label: str = ""
    digest: str = ""

    def __post_init__(self) -> None:
        if self.decision == "relabel" and not self.new_label:
            raise ValueError(f"{self.name} is to be relabelled, but new_label is missing")
        if self.decision != "relabel" and self.new_label:
            raise ValueError(f"{self.name} has a new_label, but its decision is {self.decision!r}, not 'relabel'")


class Corrections(Record, frozen=True, kw_only=True):
    """The content of a corrections file.

    Args:
        format: Version of the file.
        origin: The folder or file that the images come from, for people.
        corrections: One for each image.
    """

    format: Literal[1] = 1
    origin: str = ""
    corrections: tuple[Correction, ...]


class Applied(NamedTuple):
    """How corrections were applied to images.

    Args:
        path: The corrections file.
        decisions: The decisions that were applied, with the names, classes and digests that the images have now.
        duplicates: How many of these images have no decision of their own, but the pixels of one with a new label.
        missing: Names in the file that no image has, nor its pixels under another name.
        changed: Names of images whose pixels, or whose kept label, changed after the decision; it was not applied.
    """

    path: Path
    decisions: tuple[Correction, ...]
    duplicates: int
    missing: tuple[str, ...]
    changed: tuple[str, ...]

    def names(self, decision: Decision) -> list[str]:
        """Names of the images with this decision."""
        return [correction.name for correction in self.decisions if correction.decision == decision]

    def require_found(self, origin: object, count: int) -> None:
        """Refuse corrections of other images.

        Raises:
            DataError: When none of the images is there.
        """
        if not self.decisions and (self.missing or self.changed):
            names = (*self.missing, *self.changed)
            raise DataError(
                f"{self.path} belongs to other images: none of its {counted(len(names), 'image')} ({listed(names, 3)}) "
                f"is among the {counted(count, 'image')} of {origin or 'the data set'}, by name and content"
            )


def load(path: Path) -> Corrections:
    """Read a corrections file.

    Raises:
        DataError: When it cannot be read, or is not valid.
    """
    return records.from_file(path, Corrections, expected=_EXPECTED, error=DataError)


def save(corrections: Corrections, path: Path) -> None:
    """Write a corrections file, completely or not at all.

    Raises:
        OutputError: When it cannot be written.
    """
    files.write_file(path, records.to_json(corrections).encode())


def correct(
    found: FoundImages,
    path: Path,
    exclude: Iterable[str] = (),
    report: Report = quiet,
    *,
    only: Collection[Decision] = get_args(Decision),
) -> tuple[FoundImages, Applied]:
    """Apply a corrections file: images get their new classes, and some are left out.

    All images are opened for their digests; after an audit these are in the cache. Exact duplicates of a relabelled
    image with the same class get its new one too, unless something else was decided about them.

    Args:
        found: The images.
        path: The corrections file.
        exclude: Names of further images to leave out, unless it was decided to keep or relabel them.
        report: Receives the progress.
        only: The decisions that are applied.

    Returns:
        The images that stay, and what was applied.

    Raises:
        DataError: When the file cannot be read, is not valid, names a class that does not exist, or decides about one
            image, or the same pixels, in two ways.
    """
    images = _Images.of(found, packs.digests_of(found.source, report))
    decisions = [correction for correction in load(path).corrections if correction.decision in only]
    own, lost = _matched(decisions, images, path)
    duplicates = dict(_duplicates(own, images))
    decided = {index: _resolved(correction, index, images, path) for index, correction in (own | duplicates).items()}
    _require_one_class(decided.values(), path)
    there, labels = {*map(_composed, images.names)}, list(found.labels)
    for index, correction in decided.items():
        labels[index] = images.numbers[_composed(correction.new_label or correction.label)]
    applied = Applied(
        path, tuple(decided[index] for index in sorted(decided)), len(duplicates),
        missing=tuple(name for name in lost if _composed(name) not in there),
        changed=tuple(name for name in lost if _composed(name) in there),
    )  # fmt: skip
    names = {correction.name for correction in decided.values()}
    further = [name for name in exclude if printable(name) not in names]
    return exclude_images(found._replace(labels=labels), [*applied.names("exclude"), *further]), applied


class _Images(NamedTuple):
    """Images as corrections describe them: names and classes as `printable` shows them, digests in hexadecimal."""

    names: list[str]
    classes: list[str]
    labels: Sequence[int]
    digests: list[str]
    numbers: dict[str, int]
    """The positions of the classes, by their names in one form."""

    @classmethod
    def of(cls, found: FoundImages, digests: Iterable[bytes]) -> "_Images":
        names, classes = list(map(printable, found.source.names)), list(map(printable, found.classes))
        numbers = {_composed(name): number for number, name in enumerate(classes)}
        return cls(names, classes, found.labels, [digest.hex() for digest in digests], numbers)

    def label(self, index: int) -> str:
        """The class of an image."""
        return self.classes[self.labels[index]]

    def with_content(self, wanted: Iterable[str]) -> dict[str, list[int]]:
        """The positions of the images with each of these digests; an image that cannot be opened has none."""
        same: dict[str, list[int]] = {digest: [] for digest in wanted if digest}
        for index, digest in enumerate(self.digests):
            if digest in same:
                same[digest].append(index)
        return same


def _matched(corrections: Iterable[Correction], images: _Images, path: Path) -> tuple[dict[int, Correction], list[str]]:
    """The correction of each image, by its position; and the names in the file that match no image."""
    positions = {_composed(name): index for index, name in enumerate(images.names)}
    matched: dict[int, Correction] = {}
    renamed, lost = [], []
    for correction in corrections:
        index = positions.get(_composed(correction.name), -1)
        if index < 0 or correction.digest not in ("", images.digests[index]):
            renamed.append(correction)
        elif correction.decision == "keep" and not _same(correction.label, images.label(index)):
            lost.append(correction.name)
        else:
            _require_one_decision(matched.setdefault(index, correction), correction, path)
    same = images.with_content(correction.digest for correction in renamed)
    for correction in renamed:
        free = [index for index in same.get(correction.digest, ()) if index not in matched]
        alike = [index for index in free if _same(correction.label, images.label(index))]
        if best := alike or (free if correction.decision != "keep" else []):
            matched[best[0]] = correction
        else:
            lost.append(correction.name)
    return matched, lost


def _duplicates(own: Mapping[int, Correction], images: _Images) -> Iterator[tuple[int, Correction]]:
    """Images with the pixels and the class of one that gets a new class, and no decision of their own."""
    moved = [
        index
        for index, correction in own.items()
        if correction.decision == "relabel" and not _same(correction.new_label, images.label(index))
    ]
    same = images.with_content(images.digests[index] for index in moved)
    for index in moved:
        for other in same.get(images.digests[index], ()):
            if other not in own and images.labels[other] == images.labels[index]:
                yield other, own[index]


def _resolved(correction: Correction, index: int, images: _Images, path: Path) -> Correction:
    """The correction with the name, class and digest that the image has now; one that changes nothing keeps it."""
    label, decision, new = images.label(index), correction.decision, ""
    if decision == "relabel":
        number = images.numbers.get(_composed(correction.new_label))
        if number is None:
            raise DataError(
                f"{path}: {correction.name} is to get the class {correction.new_label!r}, which does not exist: "
                f"{nearest(correction.new_label, images.classes)}"
            )
        decision, new = ("keep", "") if images.classes[number] == label else (decision, images.classes[number])
    return Correction(
        name=images.names[index], decision=decision, new_label=new, label=label, digest=images.digests[index]
    )


def _require_one_decision(first: Correction, second: Correction, path: Path) -> None:
    if (first.decision, _composed(first.new_label)) != (second.decision, _composed(second.new_label)):
        raise DataError(f"{path}: {_said(first)}, and also {_said(second)}: leave only one of them")


def _require_one_class(decided: Iterable[Correction], path: Path) -> None:
    """Images with the same pixels have one class where one of them gets it by a decision."""
    known: dict[str, dict[str, Correction]] = {}
    for correction in decided:
        if correction.digest and correction.decision != "exclude":
            here, label = known.setdefault(correction.digest, {}), correction.new_label or correction.label
            here[label] = correction if correction.new_label else here.get(label, correction)
    for different in known.values():
        if len(different) > 1 and any(correction.new_label for correction in different.values()):
            first, second, *_ = different.values()
            raise DataError(
                f"{path}: {_said(first)}, and {_said(second)}, but the two have the same pixels: give them one class, "
                "or exclude one"
            )


def _said(correction: Correction) -> str:
    to = f" to {correction.new_label}" if correction.new_label else ""
    return f"{correction.name}: {correction.decision}{to}"


def _same(known: str, label: str) -> bool:
    """Whether a class in the file is that of the image; "" where the file does not know it."""
    return not known or _composed(known) == _composed(label)


def _composed(name: str) -> str:
    """One form for names that look the same: some systems write an accented letter as two characters (NFD)."""
    return unicodedata.normalize("NFC", name)
