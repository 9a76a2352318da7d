"""From the name of a published set of pictures to a place that can be trained on."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from filelock import FileLock

from eyebright.data.published import formats
from eyebright.data.published.formats import write_digits
from eyebright.data.published.sets import SETS, File, PublishedSet
from eyebright.data.published.unpack import unpack
from eyebright.data.sources.idx import CLASSES
from eyebright.system import downloads, files, text
from eyebright.system.cache import mark_used
from eyebright.system.errors import DataError, DownloadError, OutputError
from eyebright.system.progress import quiet

FetchReport: TypeAlias = Callable[[str, int, int | None], None]
"""Receives what is being done, how many bytes of it are done, and of how many."""
_GROWTH, _SLACK = 4, 1_000_000  # pictures hardly shrink when packed: what unpacks to more is no such archive


def fetch_set(
    name: str, folder: Path | None = None, *, given: Sequence[Path] = (), report: FetchReport | None = None
) -> Path:
    """Bring a published set of pictures here: fetched, checked, unpacked.

    Args:
        name: A name of `SETS`.
        folder: The new folder to make; one in the cache, made once, unless given.
        given: Files that were downloaded by hand; they are known by their digest, and only read.
        report: Receives the progress.

    Returns:
        What to give to `train`.

    Raises:
        DataError: When the name is unknown or an archive cannot be unpacked.
        DownloadError: When a file cannot be had or is another; the message says what to put where by hand.
        OutputError: When the folder is there already or cannot be written.
    """
    if name not in SETS:
        raise DataError(f"no set of pictures is called {name!r}: {text.nearest(name, list(SETS))}")
    if folder is not None and folder.exists():
        raise OutputError(f"{folder} is there already: name a new folder")
    own, cache = SETS[name], files.cache_folder("fetched")
    by_digest = _by_digest(name, own, given)
    place = cache / name if folder is None else folder
    with FileLock(cache / f"{name}.lock"):
        if folder is not None or not place.is_dir():
            if folder is None:  # what a process that was killed left behind; nobody else is here now
                for stale in cache.glob(f".{name}.unfinished-*"):
                    shutil.rmtree(stale, ignore_errors=True)
            files.require_free(place, overwrite=False)
            files.require_space(place, _GROWTH // 2 * own.size, what=f"{name}, fetched and unpacked,")
            fetched = [by_digest.get(file.sha256) or _fetched(name, file, report) for file in own.files]
            with files.new_folder(place) as unfinished:
                _fill(name, own, fetched, unfinished, report)
    mark_used(place)
    return place / f"{name}.npz" if own.form in formats.FORMS else place


def _by_digest(name: str, own: PublishedSet, given: Sequence[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    expected = {file.sha256: file.name for file in own.files}
    for path in given:
        if not path.is_file():
            raise DownloadError(f"{path} is no file: expected {' or '.join(expected.values()) or 'none'}")
        digest = files.sha256(path)
        if digest not in expected:
            listed = "".join(f"\n  {digest}  {title}" for digest, title in expected.items()) or " none"
            raise DownloadError(f"{path} is no file of {name}: its SHA-256 is {digest}, expected{listed}")
        found[digest] = path
    return found


def _fetched(name: str, file: File, report: FetchReport | None) -> Path:
    place = files.cache_folder("fetched", "files", name) / file.name
    try:
        downloads.download(
            file.address, place, sha256=file.sha256, size_limit=file.size,
            report=quiet if report is None else lambda _, done, __: report(f"fetching {file.name}", done, file.size),
        )  # fmt: skip
    except DownloadError as problem:
        raise DownloadError(f"{problem}, or give it: eyebright fetch {name} --from {file.name}") from problem
    if (digest := files.sha256(place)) != file.sha256:  # one that was put there by hand
        raise DownloadError(
            f"{place} is not as published: its SHA-256 is {digest}, expected {file.sha256}: remove it, or put the "
            "right one there"
        )
    return place


def _fill(name: str, own: PublishedSet, fetched: list[Path], folder: Path, report: FetchReport | None) -> None:
    """Make of the files what can be trained on."""
    if own.form == "digits":
        write_digits(folder)
    elif own.form == "idx":
        for file, path in zip(own.files, fetched, strict=True):
            shutil.copyfile(path, folder / file.name)
        if own.classes:
            (folder / CLASSES).write_text("".join(f"{name}\n" for name in own.classes), encoding="utf-8")
    else:
        inner = folder / ".unpacked"
        inner.mkdir()
        for path, file in zip(fetched, own.files, strict=True):
            unpack(
                path, inner, most_bytes=_GROWTH * file.size + _SLACK,
                report=None if report is None else lambda done: report("unpacking", done, None),
            )  # fmt: skip
        if own.form == "folder":
            _raise_content(inner, folder)
        else:
            formats.write_npz(inner, formats.FORMS[own.form], folder / f"{name}.npz")
        shutil.rmtree(inner)


def _raise_content(inner: Path, folder: Path) -> None:
    """Move what an archive holds up to the folder; one folder around everything is taken off."""
    content = list(inner.iterdir())
    root = content[0] if len(content) == 1 and content[0].is_dir() else inner
    for path in root.iterdir():
        path.rename(folder / path.name)
