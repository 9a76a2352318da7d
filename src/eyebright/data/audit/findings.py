"""The findings of an audit as data: written to audit.json and read back by everything that shows or uses them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from eyebright.system import files, records
from eyebright.system.errors import DataError
from eyebright.system.records import Record

FindingKind: TypeAlias = Literal[
    "unreadable", "exact duplicates", "near-duplicates", "conflicting labels",
    "leaks between splits", "odd size", "nearly empty", "very dark", "very bright", "blurred",
    "cropped by preparation", "probably mislabelled", "outlier",
]  # fmt: skip
FINDING_KINDS: dict[FindingKind, str] = {
    "unreadable": "files that cannot be opened; they are not used",
    "exact duplicates": "the same pixels in several files",
    "near-duplicates": "re-encoded, resized, rotated, mirrored or cropped",
    "conflicting labels": "duplicates in different classes: a label is wrong",
    "leaks between splits": "duplicates in several splits",
    "odd size": "aspect ratio or area unlike that of the other images",
    "nearly empty": "almost one colour",
    "very dark": "hardly anything is visible",
    "very bright": "hardly anything is visible",
    "blurred": "much less sharp than the other images",
    "cropped by preparation": "cropping to a square removes much of the image",
    "probably mislabelled": "a simple classifier predicts another class",
    "outlier": "not similar to any other image",
}
"""All kinds in the order in which they are shown, each with an explanation that fits on its line."""

_OldKind: TypeAlias = Literal[
    "exact copies", "near copies", "copies with different labels", "leaking between given splits", "unlike the rest"
]
RENAMED: dict[str, FindingKind] = {
    "exact copies": "exact duplicates",
    "near copies": "near-duplicates",
    "copies with different labels": "conflicting labels",
    "leaking between given splits": "leaks between splits",
    "unlike the rest": "outlier",
}
"""Kinds as older versions wrote them to audit.json, each with its name now."""


class Finding(Record, frozen=True, kw_only=True):
    """One finding about one image, or about several images that belong together.

    Args:
        kind: What was found.
        pictures: Names of the images, as `printable` shows them; of duplicates, the one to keep comes first.
        classes: The class of each.
        figure: The number behind the finding, in the unit that the sentence gives.
        sentence: The finding for people.
        suggested: The class that is predicted instead, of an image that is probably mislabelled; else "".
    """

    kind: FindingKind | _OldKind
    pictures: tuple[str, ...]
    classes: tuple[str, ...]
    figure: float
    sentence: str
    suggested: str = ""

    def __post_init__(self) -> None:
        if self.kind in RENAMED:
            msgspec.structs.force_setattr(self, "kind", RENAMED[self.kind])


class Audit(Record, frozen=True, kw_only=True):
    """All findings about a data set.

    Args:
        format: Version of audit.json.
        origin: The folder or file that the images come from; "" for arrays.
        pictures: Number of images.
        classes: Number of images of each class.
        findings: The findings, kind by kind.
        notes: What leaks between given splits, and what was not checked, or only in part, and why.
    """

    format: Literal[1] = 1
    origin: str
    pictures: int
    classes: dict[str, int]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()

    def of(self, kind: FindingKind) -> tuple[Finding, ...]:
        """The findings of one kind."""
        return tuple(finding for finding in self.findings if finding.kind == kind)

    def without(self, decided: set[str]) -> "Audit":
        """The audit without findings whose images have all been decided about.

        Args:
            decided: Names of images, as `printable` shows them.
        """
        left = tuple(finding for finding in self.findings if not decided.issuperset(finding.pictures))
        return msgspec.structs.replace(self, findings=left)

    def to_exclude(self, kinds: Iterable[str]) -> set[str]:
        """Names of the images to exclude from a training.

        Args:
            kinds: Kinds of findings to exclude. Of duplicates of one class the first image stays; of all other findings
                no image does.
        """
        keeping, chosen = ("exact duplicates", "near-duplicates"), {RENAMED.get(kind, kind) for kind in kinds}
        return {
            name
            for finding in self.findings
            if finding.kind in chosen
            for name in finding.pictures[1 if finding.kind in keeping else 0 :]
        }


class _OfBoxes(msgspec.Struct, frozen=True, kw_only=True):
    """What is read here of the audit of a detection data set, which has other findings beside these."""

    origin: str = ""
    pictures: int = 0
    classes: dict[str, int] = {}
    images: tuple[Finding, ...] | None = None


def save(audit: Audit, path: Path) -> None:
    """Write audit.json, completely or not at all.

    Raises:
        OutputError: When it cannot be written.
    """
    files.write_file(path, records.to_json(audit).encode())


def load(path: Path) -> Audit:
    """Read audit.json; of one about boxes, the findings about whole images.

    Raises:
        DataError: When the file does not exist, cannot be read, or is not an audit.
    """
    expected = "the file that eyebright audit -o wrote"
    of_boxes = records.from_file(path, _OfBoxes, expected=expected, error=DataError)
    if of_boxes.images is None:
        return records.from_file(path, Audit, expected=expected, error=DataError)
    return Audit(origin=of_boxes.origin, pictures=of_boxes.pictures, classes=of_boxes.classes, findings=of_boxes.images)
