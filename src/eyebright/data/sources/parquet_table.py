"""What is in a Parquet file: the columns of its images, their classes and more, and the cells of these row by row."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from eyebright.data.sources.source import stamp_of
from eyebright.data.sources.table import COLUMNS, find_column
from eyebright.system import files
from eyebright.system.errors import DataError, MissingExtraError

BATCH_ROWS = 64
"""Rows that are decoded together."""
_IMAGE_COLUMNS = ("image", "img", "picture", "bytes", "image_bytes", *COLUMNS["path"])
_BUFFER_BYTES = 1 << 20
_DAMAGE = (OSError, ValueError, MemoryError)  # what pyarrow raises for damaged files

Column: TypeAlias = tuple[str, ...]
"""The name of a column, or of a field in a struct: ("label",) or ("image", "bytes")."""


class ParquetTable(NamedTuple):
    """What is in a file.

    Args:
        file: The file.
        title: The first part of the names of its images.
        stamp: What changes when the file is written again.
        columns: The columns in use, with the keys of `COLUMNS`, and "bytes" if the images are in the file.
        classes: Hugging Face's names for the labels 0, 1, 2...
        group_rows: How many rows each row group has.
        metadata: That of pyarrow, so that the file is opened again quickly.
    """

    file: Path
    title: str
    stamp: str
    columns: dict[str, Column]
    classes: Sequence[str]
    group_rows: Sequence[int]
    metadata: Any

    @classmethod
    def of(cls, file: Path, label: str = "", title: str = "", others: Sequence[str] = ()) -> "ParquetTable":
        """Find the columns of a file: by their usual names, or else by what Hugging Face's metadata says.

        Args:
            file: The file.
            label: The column of the classes; "" to find it by name.
            title: The first part of the names of its images.
            others: Other columns, in place of the class.

        Raises:
            DataError: When a column is missing or of another type, or the file is damaged.
            MissingExtraError: When pyarrow is not installed.
        """
        with open_parquet(file) as parquet:
            stamp, schema, metadata = stamp_of(file), parquet.schema_arrow, parquet.metadata
        features = features_of(schema.metadata or {})

        def find(kind: str, usual: Sequence[str], feature: str = "") -> Any:
            marked = [name.lower() for name in schema.names if features.get(name, {}).get("_type") == feature]
            position = find_column(file, schema.names, kind, (*usual, *marked), is_required=feature != "")
            return None if position is None else schema.field(position)

        columns = _image_columns(file, find("image", _IMAGE_COLUMNS, "Image"))
        rows = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
        if others:
            columns |= {name: (name,) for name in others if name in schema.names}
            return cls(file, title, stamp, columns, [], rows, metadata)
        class_ = find("class", (label.lower(),) if label else COLUMNS["class"], "ClassLabel")
        _require_class_type(file, class_)
        optional = {kind: find(kind, COLUMNS[kind]) for kind in ("split", "group")}
        columns |= {"class": (class_.name,)} | {kind: (field.name,) for kind, field in optional.items() if field}
        names = features.get(class_.name, {}).get("names")
        classes = [str(name) for name in names] if isinstance(names, list) else []
        return cls(file, title, stamp, columns, classes, rows, metadata)

    @property
    def has_bytes(self) -> bool:
        """Whether the images are in the file."""
        return "bytes" in self.columns

    def cells(self, columns: Sequence[Column], group: int | None = None) -> Iterator[tuple[Any, ...]]:
        """The cells of some columns, row by row, of one row group or of all; errors as in `of`."""
        import pyarrow.compute as pc

        with files.read_errors(self.file):
            if stamp_of(self.file) != self.stamp:
                raise DataError(f"{self.file} was changed while it was being read: run the command again")
        groups = range(len(self.group_rows)) if group is None else range(group, group + 1)
        row, end = sum(self.group_rows[: groups.start]), sum(self.group_rows[: groups.stop])
        names = [".".join(column) for column in columns]
        with open_parquet(self.file, self.metadata) as parquet:
            try:
                for batch in parquet.iter_batches(BATCH_ROWS, columns=names, row_groups=groups, use_threads=False):
                    arrays = [pc.struct_field(batch[name], field) if field else batch[name] for name, *field in columns]
                    for cells in zip(*(array.to_pylist() for array in arrays), strict=True):
                        yield cells
                        row += 1
                if row != end:
                    raise ValueError(f"it has fewer than {end:,} rows")
            except _DAMAGE as problem:
                cause = " ".join(str(problem).split())
                raise DataError(f"{self.file} is damaged near row {row + 1:,}: {cause}; download it again") from problem


def open_parquet(file: Path, metadata: Any = None) -> Any:
    """A file as pyarrow opens it, to be read in small parts; errors as in `ParquetTable.of`."""
    try:
        import pyarrow.parquet as pq
    except ImportError as problem:
        raise MissingExtraError("Parquet files need pyarrow: pip install 'eyebright[parquet]'") from problem
    try:
        flat = {"buffer_size": _BUFFER_BYTES, "pre_buffer": False}  # a row group is never in memory as a whole
        return pq.ParquetFile(file, metadata=metadata, page_checksum_verification=True, **flat)
    except (OSError, ValueError) as problem:
        raise DataError(f"{file} cannot be read as Parquet, it is damaged or another format: {problem}") from problem


def features_of(metadata: dict[bytes, bytes]) -> dict[str, dict[str, Any]]:
    """What Hugging Face's metadata says of each column; nothing if there is none or its form is unknown."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        return {name: feature for name, feature in features.items() if isinstance(feature, dict)}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}


def _image_columns(file: Path, field: Any) -> dict[str, Column]:
    """The columns of the bytes and of the path, from the one that has the image."""
    import pyarrow.types as types

    type_ = field.type
    if types.is_struct(type_) and "bytes" in (inner := [part.name for part in type_]):
        return {name: (field.name, name) for name in ("bytes", "path") if name in inner}
    if types.is_string(type_) or types.is_large_string(type_):
        return {"path": (field.name,)}
    if types.is_binary(type_) or types.is_large_binary(type_):
        return {"bytes": (field.name,)}
    raise DataError(
        f"{file}: column {field.name!r} has type {type_}, expected a path (text), the bytes of an image (binary), or a "
        "struct of both"
    )


def _require_class_type(file: Path, field: Any) -> None:
    import pyarrow.types as types

    type_ = field.type.value_type if types.is_dictionary(field.type) else field.type
    if not (types.is_string(type_) or types.is_large_string(type_) or types.is_integer(type_)):
        raise DataError(f"{file}: column {field.name!r} has type {type_}, expected classes as text or whole numbers")
