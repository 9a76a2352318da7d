"""From the name of a published image set to a folder or file that can be trained on."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock

from eyebright.data.published.formats import CIFAR_LAYOUTS, write_cifar, write_digits
from eyebright.data.published.sets import SETS, PublishedFile, PublishedSet
from eyebright.data.published.unpack import unpack
from eyebright.data.sources.idx import CLASSES
from eyebright.system import downloads, files
from eyebright.system.cache import mark_used
from eyebright.system.errors import DataError, DownloadError, OutputError
from eyebright.system.progress import Report, Stage, quiet
from eyebright.system.text import nearest

_MOST_GROWTH, _SLACK_BYTES = 4, 1_000_000  # images hardly shrink when packed: an archive that grows more is hostile


def fetch_set(name: str, folder: Path | None = None, *, given: Sequence[Path] = (), report: Report = quiet) -> Path:
    """Download a published image set, check it and unpack it.

    Args:
        name: A name in `SETS`.
        folder: A new folder for the set; None for a folder in the cache, which is filled only once.
        given: Files that were downloaded by hand; they are recognised by their digest, and only read.
        report: Receives the number of bytes that are downloaded, of all files, and that are unpacked.

    Returns:
        A path for `train`.

    Raises:
        DataError: When the name is unknown or an archive cannot be unpacked.
        DownloadError: When a file cannot be downloaded or has another digest; the message says how to continue by
            hand.
        OutputError: When the folder already exists or cannot be written.
    """
    if name not in SETS:
        raise DataError(f"no image set is called {name!r}: {nearest(name, list(SETS))}")
    if folder is not None and folder.exists():
        raise OutputError(f"{folder} already exists: choose a new folder")
    own, cache = SETS[name], files.cache_folder("fetched")
    by_digest = _by_digest(name, own, given)
    target = cache / name if folder is None else folder
    with FileLock(cache / f"{name}.lock"):
        if folder is not None or not target.is_dir():
            if folder is None:  # what a killed process left; the lock says that no other process is at work
                for stale in cache.glob(f".{name}.unfinished-*"):
                    shutil.rmtree(stale, ignore_errors=True)
            files.require_free(target, overwrite=False)
            files.require_space(target, _MOST_GROWTH // 2 * own.size_bytes, what=f"{name}, downloaded and unpacked,")
            fetched = _fetch_files(name, own, by_digest, report)
            with files.new_folder(target) as unfinished:
                _fill(name, own, fetched, unfinished, report)
    mark_used(target)
    return target / f"{name}.npz" if own.format in CIFAR_LAYOUTS else target


def _by_digest(name: str, own: PublishedSet, given: Sequence[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    expected = {file.sha256: file.name for file in own.files}
    for path in given:
        if not path.is_file():
            raise DownloadError(f"{path} does not exist: expected {' or '.join(expected.values()) or 'no file'}")
        digest = files.sha256(path)
        if digest not in expected:
            listed = "".join(f"\n  {digest}  {title}" for digest, title in expected.items()) or " no file"
            raise DownloadError(f"{path} is not a file of {name}: its SHA-256 is {digest}, expected{listed}")
        found[digest] = path
    return found


def _fetch_files(name: str, own: PublishedSet, by_digest: dict[str, Path], report: Report) -> list[Path]:
    """All files of a set: those that the user gave, and the others from the cache or downloaded."""
    fetched: list[Path] = []
    before = 0
    for file in own.files:

        def count(stage: Stage, done: int, _: int | None, before: int = before) -> None:
            report(stage, before + done, own.size_bytes)

        fetched.append(by_digest.get(file.sha256) or _download(name, file, count))
        before += file.size_bytes
    return fetched


def _download(name: str, file: PublishedFile, report: Report) -> Path:
    path = files.cache_folder("fetched", "files", name) / file.name
    try:
        downloads.download(file.address, path, sha256=file.sha256, size_limit=file.size_bytes, report=report)
    except DownloadError as problem:
        raise DownloadError(f"{problem}, or give it: eyebright fetch {name} --from {file.name}") from problem
    if (digest := files.sha256(path)) != file.sha256:  # the user put it there
        raise DownloadError(
            f"{path} is not the published file: its SHA-256 is {digest}, expected {file.sha256}; remove it or replace "
            "it by the published file"
        )
    return path


def _fill(name: str, own: PublishedSet, fetched: list[Path], folder: Path, report: Report) -> None:
    """Turn the downloaded files into a set that can be trained on."""
    if own.format == "digits":
        write_digits(folder)
    elif own.format == "idx":
        for file, path in zip(own.files, fetched, strict=True):
            shutil.copyfile(path, folder / file.name)
        if own.classes:
            (folder / CLASSES).write_text("".join(f"{name}\n" for name in own.classes), encoding="utf-8")
    else:
        inner = folder / ".unpacked"
        inner.mkdir()
        for path, file in zip(fetched, own.files, strict=True):
            unpack(path, inner, most_bytes=_MOST_GROWTH * file.size_bytes + _SLACK_BYTES, report=report)
        if own.format == "folder":
            _move_up(inner, folder)
        else:
            write_cifar(inner, CIFAR_LAYOUTS[own.format], folder / f"{name}.npz")
        shutil.rmtree(inner)


def _move_up(inner: Path, folder: Path) -> None:
    """Move the content of an archive up to the folder, without the single folder that may be around it."""
    content = list(inner.iterdir())
    root = content[0] if len(content) == 1 and content[0].is_dir() else inner
    for path in root.iterdir():
        path.rename(folder / path.name)
