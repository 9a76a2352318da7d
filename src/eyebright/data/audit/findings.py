"""What an audit found, as data: it goes to audit.json and back, and whoever shows or acts on it reads only this."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from eyebright.system import files, records
from eyebright.system.errors import DataError
from eyebright.system.records import Record

Kind: TypeAlias = Literal[
    "unreadable", "exact copies", "near copies", "copies with different labels", "leaking between given splits",
    "odd size", "nearly empty", "very dark", "very bright", "blurred", "cropped by preparation",
    "probably mislabelled", "unlike the rest",
]  # fmt: skip


KINDS: tuple[Kind, ...] = get_args(Kind)


class Finding(Record, frozen=True, kw_only=True):
    """One thing found about one picture, or about several that belong together.

    Args:
        kind: What was found.
        pictures: Their names, as `files.printable` shows them; of copies, the one to keep comes first.
        classes: The class of each.
        figure: The number behind it, in the unit that the sentence gives.
        sentence: What was found, for people.
    """

    kind: Kind
    pictures: tuple[str, ...]
    classes: tuple[str, ...]
    figure: float
    sentence: str


class Audit(Record, frozen=True, kw_only=True):
    """All that was found about a set of pictures.

    Args:
        format: Version of audit.json.
        origin: The folder or file from which they come; "" for arrays.
        pictures: How many there are.
        classes: How many pictures each class has.
        findings: What was found, kind by kind.
        notes: What was not looked at, or only in part, and why.
    """

    format: Literal[1] = 1
    origin: str
    pictures: int
    classes: dict[str, int]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()

    def of(self, kind: Kind) -> tuple[Finding, ...]:
        """The findings of one kind."""
        return tuple(finding for finding in self.findings if finding.kind == kind)

    def superfluous(self, kinds: Iterable[str]) -> set[str]:
        """Names of the pictures to leave out for whoever agrees to these kinds: all but the first of copies of one
        class, else all.
        """
        keeping = ("exact copies", "near copies")
        agreed = set(kinds)
        return {
            name
            for finding in self.findings
            if finding.kind in agreed
            for name in finding.pictures[1 if finding.kind in keeping else 0 :]
        }


def save(audit: Audit, path: Path) -> None:
    """Write audit.json, whole or not at all.

    Raises:
        OutputError: When it cannot be written.
    """
    files.write_file(path, records.to_json(audit).encode())


def load(path: Path) -> Audit:
    """Read audit.json.

    Raises:
        DataError: When it is not there, or no audit.
    """
    try:
        text = path.read_bytes()
    except OSError as problem:
        raise DataError(
            f"{path} cannot be read ({problem.strerror}): give the audit.json that an audit wrote"
        ) from problem
    return records.from_json(text, Audit, what=str(path), error=DataError)
