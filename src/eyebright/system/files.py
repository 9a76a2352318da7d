"""Writing without loss: files and folders appear whole or not at all. And where eyebright keeps what it can redo."""

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from eyebright.system.errors import DataError, OutputError


def cache_folder(*parts: str) -> Path:
    """A folder for what can be made again (packs, compiled models): below EYEBRIGHT_CACHE or the user's cache."""
    root = os.environ.get("EYEBRIGHT_CACHE") or platformdirs.user_cache_dir("eyebright")
    folder = Path(root, *parts)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise OutputError(
            f"the cache folder {folder} cannot be made ({problem.strerror}): set EYEBRIGHT_CACHE to a writable folder"
        ) from problem
    return folder


def write_file(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part."""
    if path.exists() and not path.is_file():
        raise OutputError(f"{path} cannot be written: it is no regular file")
    unfinished = _sibling(path, f"unfinished-{os.getpid()}")
    with explained(path):
        try:
            with unfinished.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path, *, overwrite: bool = False, made_with: Sequence[str] = ()) -> Iterator[Path]:
    """Fill a folder beside its final place; it takes that place, whole, when the block ends without an error.

    With `overwrite`, a folder that stands there is kept until the new one is complete; a crash between the two renames
    leaves the old one under the name that `standing` finds.

    Args:
        path: The folder's place.
        overwrite: Replace what is there.
        made_with: As in `require_free`.

    Yields:
        The folder to fill.

    Raises:
        OutputError: When the folder exists and may not be overwritten, or cannot be written.
    """
    require_free(path, overwrite=overwrite, made_with=made_with)
    unfinished = _sibling(path, f"unfinished-{os.getpid()}")
    with explained(path):
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
    try:
        with explained(path):
            yield unfinished
            for file in unfinished.iterdir():
                _sync(file)
            _sync(unfinished)
            require_free(path, overwrite=overwrite, made_with=made_with)  # somebody else may have been faster
            if path.exists():
                set_aside(path)
            try:
                unfinished.rename(path)
            except OSError:
                if aside_of(path).exists():
                    aside_of(path).rename(path)
                raise
            _sync(path.parent)
            forget_aside(path)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def aside_of(path: Path) -> Path:
    """Where `set_aside` keeps what stood at `path`."""
    return _sibling(path, "previous")


def set_aside(path: Path) -> None:
    """Move a folder out of the way; it stays at `aside_of(path)` until `forget_aside` removes it."""
    aside = aside_of(path)
    _remove(aside)
    path.rename(aside)


def forget_aside(path: Path) -> None:
    """Remove what `set_aside` kept."""
    _remove(aside_of(path))


def standing(path: Path) -> Path:
    """The folder, or the previous one where a crash came between taking that away and putting the new one."""
    aside = aside_of(path)
    return aside if not path.exists() and aside.exists() else path


def require_free(path: Path, *, overwrite: bool, made_with: Sequence[str] = ()) -> None:
    """Make sure that a folder can be written at `path`, before hours of work go into its content.

    Args:
        path: The folder's place.
        overwrite: Whether what is there may be replaced.
        made_with: Files by which to know folders that eyebright made: others are not replaced, unless they are empty.

    Raises:
        OutputError: When something is there that may not be overwritten, or the place is not writable.
    """
    if path.exists() and not overwrite:
        raise OutputError(
            f"{path} already exists: choose another folder, or pass --overwrite (overwrite=True) to replace it"
        )
    if path.exists() and not path.is_dir():
        raise OutputError(f"{path} is a file: choose a folder")
    lacking = [name for name in made_with if not (path / name).is_file()]
    if lacking and path.is_dir() and any(path.iterdir()):
        raise OutputError(
            f"{path} is not what eyebright made (it holds no {lacking[0]}): it is left alone, choose another"
        )
    if os.path.ismount(path):
        raise OutputError(f"{path} is a whole disk, which cannot be replaced: choose a folder in it")
    parent = next(folder for folder in path.absolute().parents if folder.exists())
    if not parent.is_dir():
        raise OutputError(f"{path} cannot be written: {parent} is a file")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(f"{path} cannot be written: no permission to write in {parent}")


def require_space(path: Path, size_bytes: int, *, what: str) -> None:
    """Make sure that the disk of `path` has room; an `OutputError` that says how much is missing where it has not."""
    free = free_bytes(path)
    if size_bytes > free:
        raise OutputError(
            f"{what} takes {size_bytes / 1e6:,.0f} MB, but the disk of {_there(path)} has {free / 1e6:,.0f} MB free: "
            "make room, or use another disk"
        )


def free_bytes(path: Path) -> int:
    """Room on the disk of a place, which need not exist yet."""
    return shutil.disk_usage(_there(path)).free


def _there(path: Path) -> Path:
    return next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sibling(path: Path, role: str) -> Path:
    return path.absolute().parent / f".{path.absolute().name}.{role}"


def _remove(path: Path) -> None:
    if path.is_symlink():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)


def _sync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return  # Windows opens no folders
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what goes wrong on the disk in the block into an `OutputError` that names the path."""
    try:
        yield
    except OSError as problem:
        raise OutputError(f"{path} cannot be written: {problem.strerror or problem}") from problem


@contextmanager
def readable(place: Path | str) -> Iterator[None]:
    """Turn what goes wrong with reading in the block into a `DataError` that names the place."""
    try:
        yield
    except OSError as problem:
        raise DataError(f"{place} cannot be read: {problem.strerror or problem}") from problem
