"""What the columns of a Parquet file hold: told by the names that people use, and by what Hugging Face notes."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from eyebright.data.sources.table import COLUMNS
from eyebright.system.errors import DataError, MissingExtraError

_PICTURES = ("image", "img", "picture", "bytes", "image_bytes", *COLUMNS["path"])
_BUFFER = 1 << 20


class Columns(NamedTuple):
    """What the columns of a table are called; "" for those that it lacks."""

    picture: str
    path: str
    label: str
    side: str
    group: str
    classes: tuple[str, ...]
    embedded: bool


def open_table(file: Path) -> Any:
    """A Parquet file, read in small pieces; `DataError` when it is none, `MissingExtraError` without pyarrow."""
    try:
        import pyarrow.parquet as pq
    except ImportError as problem:
        raise MissingExtraError("Parquet files need pyarrow: pip install 'eyebright[parquet]'") from problem
    try:
        return pq.ParquetFile(file, buffer_size=_BUFFER, pre_buffer=False, page_checksum_verification=True)
    except (OSError, ValueError) as problem:  # pyarrow's own are of these kinds
        raise DataError(f"{file} cannot be read as Parquet, it is damaged or something else: {problem}") from problem


def names_of(file: Path) -> list[str]:
    """The names of a file's columns; errors as in `open_table`."""
    with open_table(file) as table:
        return [str(name) for name in table.schema_arrow.names]


def columns_of(file: Path, label: str = "") -> Columns:
    """What is in which column, told by the names that people use or, failing these, by what Hugging Face notes.

    Args:
        file: The file.
        label: The name of the column with the class, where that is known.
    """
    import pyarrow.types as kinds

    with open_table(file) as table:
        schema = table.schema_arrow
    features = _features(schema.metadata or {})

    def find(kind: str, known: Sequence[str], noted: str, *, needed: bool = True) -> str:
        here = [own for name in known for own in schema.names if own.lower() == name]
        here += [name for name in schema.names if noted and features.get(name, {}).get("_type") == noted]
        if not here and needed:
            raise DataError(
                f"{file} has no column for the {kind} (one of {', '.join(known)}); it has {', '.join(schema.names)}"
            )
        if here and (count := schema.names.count(here[0])) > 1:
            raise DataError(f"{file} has {count} columns called {here[0]!r}: give them different names")
        return here[0] if here else ""

    picture = find("picture", _PICTURES, "Image")
    label = find("class", (label.lower(),) if label else COLUMNS["class"], "ClassLabel")
    kind, path, embedded = schema.field(picture).type, "", True
    if kinds.is_struct(kind) and "bytes" in (fields := [kind.field(n).name for n in range(kind.num_fields)]):
        path = f"{picture}.path" if "path" in fields else ""
        picture = f"{picture}.bytes"
    elif kinds.is_string(kind) or kinds.is_large_string(kind):
        path, embedded = picture, False
    elif not (kinds.is_binary(kind) or kinds.is_large_binary(kind)):
        raise DataError(
            f"{file}: column {picture!r} is {kind}; a picture is its path (text), bytes, or both in a struct"
        )
    told = schema.field(label).type
    told = told.value_type if kinds.is_dictionary(told) else told
    if not (kinds.is_string(told) or kinds.is_large_string(told) or kinds.is_integer(told)):
        raise DataError(f"{file}: column {label!r} is {told}; a class is text or a whole number")
    side = find("split", COLUMNS["split"], "", needed=False)
    group = find("group", COLUMNS["group"], "", needed=False)
    return Columns(picture, path, label, side, group, _names(features.get(label, {})), embedded)


def _features(metadata: dict[bytes, bytes]) -> dict[str, dict[str, Any]]:
    """Hugging Face's note of what the columns are; nothing where there is none that can be understood."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        return {name: told for name, told in features.items() if isinstance(told, dict)}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}


def _names(feature: dict[str, Any]) -> tuple[str, ...]:
    names = feature.get("names")
    return tuple(map(str, names)) if isinstance(names, list) else ()
