"""Frozen structs to JSON and back: layers, models, settings and events are all stored in this way.

Unknown keys, wrong types and values out of range are errors. The message gives the path in the JSON and, for a
misspelled key or value, the nearest known one.
"""

import re
from pathlib import Path
from typing import Any, TypeVar, get_args

import msgspec

from eyebright.system.errors import EyebrightError
from eyebright.system.text import CONTROLS, nearest

T = TypeVar("T")
_SHOWN = 40  # characters of what is not JSON
_PATH = re.compile(r"\.(\w+)")
_UNKNOWN_VALUE = re.compile(r"Invalid enum value '(?P<value>[^']*)'")
_UNKNOWN_FIELD = re.compile(r"unknown field `(?P<key>[^`]*)`")


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all structs that are stored as JSON."""


def to_json(value: Any, *, indent: int | None = 2) -> str:
    """The JSON text of a struct, or of plain lists, dicts, numbers and strings, safe to print on a terminal."""
    text = msgspec.json.encode(value)
    written = (text if indent is None else msgspec.json.format(text, indent=indent)).decode()
    return CONTROLS.sub(lambda letter: f"\\u{ord(letter[0]):04x}", written)


def from_json(text: str | bytes, kind: type[T], *, what: str, error: type[EyebrightError]) -> T:
    """Read JSON text as a struct of the given kind.

    Args:
        text: The JSON text.
        kind: The expected struct class.
        what: What is read, for the message: "model.json of flowers/".
        error: The class of error to raise.

    Raises:
        EyebrightError: An `error`, when the text is not JSON or does not match `kind`; the message gives the path.
    """
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as problem:
        explained = _explain(problem, kind)
        if not isinstance(problem, msgspec.ValidationError):
            explained += _beginning(text)
        raise error(f"{what} cannot be read: {explained}") from problem


def from_file(path: Path, kind: type[T], *, expected: str, error: type[EyebrightError]) -> T:
    """Read a JSON file that a user names as a struct of the given kind.

    Args:
        path: The file.
        kind: The expected struct class.
        expected: What file it should be, for the message.
        error: The class of error to raise.

    Raises:
        EyebrightError: An `error`, when it cannot be read, or its content does not match `kind`.
    """
    try:
        return from_json(path.read_bytes(), kind, what=str(path), error=error)
    except OSError as problem:
        raise error(f"{path} cannot be read ({problem.strerror}): expected {expected}") from problem
    except error as problem:
        raise error(f"{problem}: expected {expected}") from problem


def from_builtins(value: Any, kind: type[T], *, what: str, error: type[EyebrightError]) -> T:
    """Read plain dicts, lists, numbers and strings as a struct of the given kind; errors as in `from_json`."""
    try:
        return msgspec.convert(value, type=kind)
    except (msgspec.ValidationError, RecursionError) as problem:
        raise error(f"{what} cannot be read: {_explain(problem, kind)}") from problem


def _beginning(text: str | bytes) -> str:
    """What a text begins with that is not JSON; "" for one that begins as JSON, or is not even text."""
    shown = text if isinstance(text, str) else text[:200].decode("utf-8", "replace")
    first = next(iter(shown.lstrip("\ufeff").split("\n")), "").strip()[:_SHOWN]
    if not first or first[0] in '[{"' or "\ufffd" in first:
        return "" if first else "; it is empty"
    return f"; it begins with {first!r}"


def _explain(problem: Exception, kind: type) -> str:
    if isinstance(problem, UnicodeDecodeError):
        return f"it is not valid UTF-8 (byte {problem.object[problem.start]:#04x})"
    message = str(problem)
    path = _PATH.findall(message.partition(" - at `$")[2])
    if unknown := _UNKNOWN_FIELD.search(message):
        return f"{message} ({nearest(unknown['key'], _keys(kind, path))})"
    if wrong := _UNKNOWN_VALUE.search(message):
        return f"{message} ({nearest(wrong['value'], _words(_kind_at(kind, path)))})"
    return message


def _kind_at(kind: Any, path: list[str]) -> Any:
    """The type of what lies at a path; lists, dicts and unions are looked into."""
    for key in path:
        kind = next((field.type for field in _fields(kind) if field.name == key), None)
    return kind


def _fields(kind: Any) -> list[msgspec.structs.FieldInfo]:
    """Fields of a struct, or of all structs in a list, dict or union."""
    if _is_struct(kind):
        return list(msgspec.structs.fields(kind))
    return [field for part in get_args(kind) for field in _fields(part)]


def _words(kind: Any) -> list[str]:
    """The strings that a `Literal` type, or a union with one, allows."""
    return [word for part in get_args(kind) for word in ([part] if isinstance(part, str) else _words(part))]


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _keys(kind: Any, path: list[str]) -> list[str]:
    """The keys that are allowed at a path; for lists, dicts and unions, the keys of their items."""
    if not _is_struct(kind):
        return [key for part in get_args(kind) for key in _keys(part, path)]
    if not path:
        return list(kind.__struct_fields__)
    kinds = {field.name: field.type for field in msgspec.structs.fields(kind)}
    return _keys(kinds.get(path[0]), path[1:])
