"""Where pictures come from: one module for each form, behind one small interface."""

from pathlib import Path

from eyebright.data.sources.folder import FolderSource, Progress, scan_folder, walk_files
from eyebright.data.sources.idx import image_files, is_images, read_idx
from eyebright.data.sources.image_folder import NoClassError, metadata_files, read_image_folder
from eyebright.data.sources.npz import read_npz
from eyebright.data.sources.parquet import SUFFIX as PARQUET
from eyebright.data.sources.parquet import parquet_files, read_parquet
from eyebright.data.sources.ranged import LocalFile, is_address, without_token
from eyebright.data.sources.shard_paths import is_pattern, is_shard, local_shards, remote_shards, shards_in
from eyebright.data.sources.shards import read_shards
from eyebright.data.sources.source import ArraySource, Found, Source, Subset, without
from eyebright.data.sources.stored import StoredSource
from eyebright.data.sources.table import SUFFIXES, read_manifest
from eyebright.system.cache import mark_used
from eyebright.system.errors import DataError
from eyebright.system.files import read_errors

__all__ = [
    "ArraySource",
    "FolderSource",
    "Found",
    "Progress",
    "Source",
    "StoredSource",
    "Subset",
    "find",
    "walk_files",
    "without",
    "without_token",
]


def find(path: str | Path, progress: Progress | None = None) -> Found:
    """The pictures at a path: a folder with one folder for each class, Hugging Face's folder with its metadata, IDX
    files, an .npz, a table (CSV, TSV, lines of JSON, Parquet), or tar shards; or tar shards at an address.

    Args:
        path: A folder, a file, a pattern such as `train-{000..146}.tar`, or an address (a text) of these; it is only
            read.
        progress: Called now and then with the number of pictures found so far.

    Raises:
        DataError: When there is nothing, or it is none of these.
        DownloadError: When an address cannot be reached.
        MissingExtraError: When what reads such a file or address is not installed.
    """
    if is_address(path):
        return read_shards(remote_shards(str(path)), without_token(str(path)), progress)
    path = Path(path)
    mark_used(path)
    with read_errors(path):
        if path.is_dir():
            return _in_folder(path, progress)
        there = path.is_file()
    if there:
        return _in_file(path, progress)
    if is_pattern(path):
        return read_shards(local_shards(path), path.absolute(), progress)
    return scan_folder(path, progress)  # which says what is wrong


def _in_folder(path: Path, progress: Progress | None) -> Found:
    if images := image_files(path):
        return read_idx(images)
    if listing := metadata_files(path):
        try:
            return read_image_folder(path, listing, progress)
        except NoClassError:  # of captions or boxes, say: the classes may be folders
            try:
                return scan_folder(path, progress)
            except DataError:
                pass
            raise
    if tables := parquet_files(path):
        return read_parquet(tables, path.absolute(), progress)
    if shards := shards_in(path):
        return read_shards([LocalFile(file.absolute()) for file in shards], path.absolute(), progress)
    return scan_folder(path, progress)


def _in_file(path: Path, progress: Progress | None) -> Found:
    suffix = path.suffix.lower()
    if is_images(path):
        return read_idx([path.absolute()])
    if suffix == ".npz":
        return read_npz(path.absolute())
    if suffix in SUFFIXES:
        return read_manifest(path, progress)
    if suffix == PARQUET:
        return read_parquet([path], path.absolute(), progress)
    if is_shard(path.name):
        return read_shards([LocalFile(path.absolute())], path.absolute(), progress)
    raise DataError(
        f"{path} is a file: give the folder that holds one folder of pictures for each class, a table of pictures "
        f"({', '.join((*SUFFIXES, PARQUET))}), tar shards, an .npz, or an IDX file (...-images-idx3-ubyte.gz)"
    )
