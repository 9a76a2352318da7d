"""The card of a folder: JSON with its format and the SHA-256 of the other files, all of it proven on every load."""

from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from eyebright import codec, files
from eyebright.errors import ModelError

_MOST_CARD_BYTES = 500_000_000


class Card(Protocol):
    """What every card holds."""

    @property
    def sha256(self) -> dict[str, str]:
        """Digests of the other files by their names."""


C = TypeVar("C", bound=Card)


class _Version(msgspec.Struct):
    format: int


def read_card(path: Path, kind: type[C], *, newest: int, names: tuple[str, ...]) -> C:
    """Read a card and check the files beside it.

    Args:
        path: The card.
        kind: The struct that it must fit.
        newest: The highest format that can be read.
        names: The files that its digests must be of.

    Raises:
        ModelError: When it is of a newer format or not sound, or a file is missing or altered.
    """
    place = path.parent
    if path.stat().st_size > _MOST_CARD_BYTES:
        raise ModelError(f"{path} is larger than {_MOST_CARD_BYTES / 1e6:.0f} MB: refused")
    text = path.read_bytes()
    version = codec.from_json(text, _Version, what=str(path), error=ModelError).format
    if version > newest:
        raise ModelError(f"{place} is of format {version}, this eyebright reads up to {newest}: update eyebright")
    if version < 1:
        raise ModelError(f"{place} says that it is of format {version}, which never was")
    card = codec.from_json(text, kind, what=str(path), error=ModelError)
    for name in names:
        if not (place / name).is_file():
            raise ModelError(f"{place} is incomplete: {name} is missing; copy the whole folder again")
        if files.sha256(place / name) != card.sha256.get(name):
            raise ModelError(
                f"{place / name} was altered: its SHA-256 is not the one in {path.name}; copy the whole folder again"
            )
    return card
