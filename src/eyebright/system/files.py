"""Files and folders that appear complete or not at all, and checks before long work that a result can be written.

A new folder is filled beside its final place and renamed at the end. An old folder that it replaces is first set aside
under another name, and removed last: after a crash one of the two is still there, and `current_folder` finds it.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from eyebright.system.errors import DataError, EyebrightError, OutputError
from eyebright.system.text import kind_of


def as_path(value: object, expected: str, error: type[EyebrightError]) -> Path:
    """The path that somebody passes; an `error` that says what was expected where it is none."""
    if not isinstance(value, str | os.PathLike) or value == "":  # "" would be the current folder
        raise error(f"expected {expected}, got {'an empty text' if isinstance(value, str) else kind_of(value)}")
    return Path(value)


def write_file(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees either the old content or the new one, never a part.

    Raises:
        OutputError: When the file cannot be written, or the path is not a regular file.
    """
    if path.exists() and not path.is_file():
        raise OutputError(f"{path} cannot be written: it is not a regular file")
    unfinished = _sibling(path, f"unfinished-{os.getpid()}")
    with write_errors(path):
        try:
            with unfinished.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)


@contextmanager
def new_folder(
    path: Path, *, overwrite: bool = False, made_with: Sequence[str] = (), keep_previous: bool = False
) -> Iterator[Path]:
    """Create a folder that appears at `path`, complete, when the block ends without an error.

    Args:
        path: The path of the folder.
        overwrite: Replace an existing folder.
        made_with: As in `require_free`.
        keep_previous: Keep the folder that is replaced, until `forget_aside` removes it.

    Yields:
        The folder to fill, beside `path`.

    Raises:
        OutputError: When the folder exists and may not be overwritten, or cannot be written.
    """
    require_free(path, overwrite=overwrite, made_with=made_with)
    unfinished = _sibling(path, f"unfinished-{os.getpid()}")
    with write_errors(path):
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
    try:
        with write_errors(path):
            yield unfinished
            for file in unfinished.iterdir():
                _sync(file)
            _sync(unfinished)
            require_free(
                path, overwrite=overwrite, made_with=made_with
            )  # another process may have created it meanwhile
            if path.exists():
                set_aside(path)
            try:
                unfinished.rename(path)
            except OSError:
                bring_back(path)
                raise
            _sync(path.parent)
            if not keep_previous:
                forget_aside(path)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def aside_of(path: Path) -> Path:
    """The path to which `set_aside` moves the folder at `path`."""
    return _sibling(path, "previous")


def set_aside(path: Path) -> None:
    """Rename a folder to `aside_of(path)`, where it stays until `forget_aside` removes it."""
    aside = aside_of(path)
    _remove(aside)
    path.rename(aside)


def forget_aside(path: Path) -> None:
    """Remove the folder that `set_aside` renamed."""
    _remove(aside_of(path))


def bring_back(path: Path) -> None:
    """Put the folder that `set_aside` renamed back in its place, where nothing else is there."""
    if not path.exists() and aside_of(path).exists():
        aside_of(path).rename(path)


def discard(path: Path) -> None:
    """Remove a folder with all that is in it; it is renamed first, so that no half of it is left in its place."""
    discarded = _sibling(path, "discarded")
    _remove(discarded)
    path.rename(discarded)
    _remove(discarded)


def current_folder(path: Path) -> Path:
    """The folder at `path` or, if a crash interrupted `new_folder` between its two renames, the previous one."""
    aside = aside_of(path)
    return aside if not path.exists() and aside.exists() else path


def require_free_file(path: Path, *, overwrite: bool) -> None:
    """Check that a file can be written at `path`; to be called before long work on its content.

    Raises:
        OutputError: When the file exists and may not be overwritten, or its folder does not exist.
    """
    if path.exists() and not overwrite:
        raise OutputError(f"{path} already exists: use another name, or pass --overwrite to replace it")
    if not path.absolute().parent.is_dir():
        raise OutputError(f"{path} cannot be written: the folder {path.parent} does not exist")


def require_free(path: Path, *, overwrite: bool, made_with: Sequence[str] = ()) -> None:
    """Check that a folder can be written at `path`; to be called before long work on its content.

    Args:
        path: The path of the folder.
        overwrite: Whether an existing folder may be replaced.
        made_with: Names of files that every folder of this kind contains. A folder without them is something else,
            and is not replaced unless it is empty.

    Raises:
        OutputError: When the folder exists and may not be overwritten, or cannot be written.
    """
    if path.exists() and not path.is_dir():
        raise OutputError(f"{path} is a file: choose a folder")
    lacking = [name for name in made_with if not (path / name).is_file()]
    if lacking and path.is_dir() and any(path.iterdir()):
        raise OutputError(
            f"{path} already exists and contains something else (it has no {lacking[0]}), which is never replaced: "
            "choose another folder"
        )
    if path.exists() and not overwrite:
        raise OutputError(
            f"{path} already exists: choose another folder, or pass --overwrite (overwrite=True) to replace it"
        )
    if os.path.ismount(path):
        raise OutputError(f"{path} is the root of a disk and cannot be replaced: choose a folder inside it")
    parent = _nearest_existing(path.absolute().parent)
    if not parent.is_dir():
        raise OutputError(f"{path} cannot be written: {parent} is a file")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(f"{path} cannot be written: no permission to write in {parent}")


def require_space(path: Path, size_bytes: int, *, what: str) -> None:
    """Check that the disk of `path` has enough free space.

    Raises:
        OutputError: When it has not; the message says how much is needed and how much is free.
    """
    free = free_bytes(path)
    if size_bytes > free:
        raise OutputError(
            f"{what} needs {size_bytes / 1e6:,.0f} MB, but the disk of {_nearest_existing(path)} has "
            f"{free / 1e6:,.0f} MB free: free some space, or use another disk"
        )


def free_bytes(path: Path) -> int:
    """Free space on the disk of a path, which need not exist."""
    return shutil.disk_usage(_nearest_existing(path)).free


def cache_folder(*parts: str) -> Path:
    """A folder in the cache, created if needed: below EYEBRIGHT_CACHE, or the cache of the user.

    Raises:
        OutputError: When it cannot be created.
    """
    root = os.environ.get("EYEBRIGHT_CACHE") or platformdirs.user_cache_dir("eyebright")
    folder = Path(root, *parts)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise OutputError(
            f"the cache folder {folder} cannot be created ({problem.strerror}): "
            "set EYEBRIGHT_CACHE to a writable folder"
        ) from problem
    return folder


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Turn each `OSError` in the block into an `OutputError` that names the path."""
    try:
        yield
    except OSError as problem:
        raise OutputError(f"{path} cannot be written: {problem.strerror or problem}") from problem


@contextmanager
def read_errors(place: Path | str, error: type[EyebrightError] = DataError) -> Iterator[None]:
    """Turn each `OSError` in the block into an `error` that names the path or address."""
    try:
        yield
    except OSError as problem:
        hint = ": check the permissions of the file and its folder" if isinstance(problem, PermissionError) else ""
        raise error(f"{place} cannot be read: {problem.strerror or problem}{hint}") from problem


def _nearest_existing(path: Path) -> Path:
    return next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())


def _sibling(path: Path, role: str) -> Path:
    return path.absolute().parent / f".{path.absolute().name}.{role}"


def _remove(path: Path) -> None:
    if path.is_symlink():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)


def _sync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return  # Windows cannot open folders
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
