"""The card of a folder: a JSON file that says what is in the folder, with digests of the files beside it and of itself.

Its key `sha256` has the SHA-256 of the other files by their names, and under the name of the card itself that of its
content without this entry, written with sorted keys, no spaces and ASCII alone, so that the layout of the file does not
matter; docs/model-format.md has the program. Older cards have no entry for themselves, and are read without this check.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec

from eyebright.data.sources.labels import require_names
from eyebright.system import files, records
from eyebright.system.errors import DataError, ModelError
from eyebright.system.text import listed

_MOST_BYTES = 500_000_000
_AGAIN = "copy the whole folder again"


class HasDigests(Protocol):
    """A struct of a card."""

    @property
    def sha256(self) -> dict[str, str]: ...


class _Format(msgspec.Struct):
    format: int


T = TypeVar("T")
C = TypeVar("C", bound=HasDigests)


def write_card(path: Path, card: C) -> C:
    """Write a card with the digest of its own content.

    Args:
        path: The file.
        card: A struct whose `sha256` has the digests of the other files.

    Returns:
        The card as written.
    """
    content = json.loads(records.to_json(card))
    content["sha256"][path.name] = content_sha256(content, path.name)
    path.write_text(records.to_json(content), encoding="utf-8")
    return msgspec.convert(content, type(card))


def read_card(path: Path, kind: type[C], *, newest: int) -> C:
    """Read the card of a folder.

    Args:
        path: The card, a JSON file with the key "format".
        kind: The struct that it must match.
        newest: The newest format that can be read.

    Raises:
        ModelError: When the card is of a newer format, invalid, or was edited after it was written.
    """
    place = path.parent
    with files.read_errors(path, ModelError):
        if path.stat().st_size > _MOST_BYTES:
            raise ModelError(f"{path} is larger than {_MOST_BYTES / 1e6:.0f} MB: it cannot be the card of a model")
        text = path.read_bytes()
    version = from_json(text, _Format, path).format
    if version > newest:
        raise ModelError(
            f"{place} has format {version}, but this version of eyebright reads up to {newest}: update eyebright"
        )
    if version < 1:
        raise ModelError(f"{place} has format {version}, which does not exist: expected 1 to {newest}")
    card = from_json(text, kind, path)
    own = card.sha256.get(path.name)
    if own is not None and own != content_sha256(json.loads(text), path.name):
        raise ModelError(
            f"{path} was edited after it was written: its content does not have the SHA-256 that it gives; "
            f"undo the edit, or {_AGAIN}"
        )
    return card


def content_sha256(content: dict[str, Any], name: str) -> str:
    """SHA-256 of the content of a card without its entry for itself, in hexadecimal.

    Args:
        content: The content, as `json.loads` gives it.
        name: The name of the card, such as "model.json".
    """
    others = {file: digest for file, digest in content["sha256"].items() if file != name}
    text = json.dumps(content | {"sha256": others}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def require_class_names(classes: Sequence[str], *, least: int, most: int) -> None:
    """Check the classes of a card.

    Raises:
        ModelError: When there are fewer than `least` or more than `most`, or a name is there twice or not valid.
    """
    if not least <= len(classes) <= most:
        raise ModelError(f"expected {least} to {most:,} classes, got {len(classes)}")
    if len(set(classes)) != len(classes):
        raise ModelError(f"two classes have the same name in {listed(classes)}")
    try:
        require_names(classes, "the model")
    except DataError as problem:
        raise ModelError(str(problem)) from problem


def check_files(card: Path, sha256: Mapping[str, str], names: Iterable[str]) -> None:
    """Check the files beside a card.

    Args:
        card: The card.
        sha256: The SHA-256 of each file that it gives.
        names: The files that must be there.

    Raises:
        ModelError: When a file is missing or altered.
    """
    place = card.parent
    for name in names:
        if not (place / name).is_file():
            raise ModelError(f"{place} is incomplete: {name} is missing; {_AGAIN}")
        with files.read_errors(place / name, ModelError):
            digest = files.sha256(place / name)
        if digest != sha256.get(name):
            raise ModelError(f"{place / name} was altered: its SHA-256 is not the one in {card.name}; {_AGAIN}")


def from_json(text: bytes, kind: type[T], path: Path) -> T:
    """The struct in a JSON file of a folder; the error says what to do about a damaged one."""
    try:
        return records.from_json(text, kind, what=str(path), error=ModelError)
    except ModelError as problem:
        raise ModelError(f"{problem}; {_AGAIN}") from problem
