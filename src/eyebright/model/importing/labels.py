"""The names of the classes of an imported model, which its file rarely has."""

import os
from collections.abc import Sequence
from pathlib import Path

from eyebright.system import files
from eyebright.system.errors import DataError, ModelError

BESIDE = "labels.txt"  # as Teachable Machine writes it
NUMBERED = "numbered"
_MOST_BYTES = 50_000_000


def class_names(path: Path, classes: str | os.PathLike[str] | Sequence[str], count: int) -> tuple[str, ...]:
    """The names of the classes of a model, in the order of its outputs.

    Args:
        path: The file of the model; labels.txt beside it is used if no classes are given.
        classes: The names; a file with one a line; or "numbered" for class_0, class_1, ...
        count: How many classes the model has.

    Raises:
        ModelError: When there are no names, or not as many as classes.
    """
    if classes == NUMBERED:
        return tuple(f"class_{number}" for number in range(count))
    if classes and not isinstance(classes, str | os.PathLike):
        return _counted(classes, count, "the list of classes", path)
    given = Path(classes) if isinstance(classes, str | os.PathLike) and classes else path.parent / BESIDE
    if not classes and not given.is_file():
        raise ModelError(
            f"{path} has {count:,} classes, but not their names: give a file with one name a line, as in "
            f"--classes labels.txt, or name them class_0, class_1, ... with --classes {NUMBERED}"
        )
    return _counted(_read(given), count, given, path)


def _counted(names: Sequence[str], count: int, source: object, path: Path) -> tuple[str, ...]:
    if len(names) != count:
        raise ModelError(f"{source} has {len(names):,} names, but {path} gives values for {count:,} classes")
    return tuple(names)


def _read(path: Path) -> list[str]:
    """The lines of a file, without the numbers that Teachable Machine writes before the names."""
    with files.read_errors(path, DataError):
        if path.stat().st_size > _MOST_BYTES:
            raise ModelError(f"{path} is too large for a list of class names")
        content = path.read_bytes()
    try:
        lines = [line.strip() for line in content.decode("utf-8-sig").splitlines()]
    except UnicodeDecodeError as problem:
        raise ModelError(f"{path} is not text in UTF-8: {problem}") from problem
    names = [line for line in lines if line]
    parts = [name.partition(" ") for name in names]
    numbered = all(number == str(index) and name for index, (number, _, name) in enumerate(parts))
    return [name.strip() for _, _, name in parts] if numbered else names
