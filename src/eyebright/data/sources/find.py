"""Find labelled images at any path or address, with the reader for their format."""

from pathlib import Path

from eyebright.data.sources import parquet
from eyebright.data.sources.folder import read_folder
from eyebright.data.sources.idx import idx_files, is_idx, read_idx
from eyebright.data.sources.image_folder import NoClassError, metadata_files, read_image_folder
from eyebright.data.sources.npz import read_npz
from eyebright.data.sources.parquet import parquet_files, read_parquet
from eyebright.data.sources.ranged import LocalFile, is_address, without_token
from eyebright.data.sources.shard_paths import is_pattern, is_shard, local_shards, remote_shards, shard_files
from eyebright.data.sources.shards import read_shards
from eyebright.data.sources.source import FoundImages
from eyebright.data.sources.table import SUFFIXES, read_table
from eyebright.system.cache import mark_used
from eyebright.system.errors import DataError
from eyebright.system.files import as_path, read_errors
from eyebright.system.progress import Report, quiet


def find_images(path: str | Path, report: Report = quiet) -> FoundImages:
    """Find the images at a path: a folder with one folder per class, an image folder of Hugging Face, a table (CSV,
    TSV, lines of JSON, Parquet), tar shards, an .npz, or IDX files; at an address, tar shards.

    Args:
        path: A folder, a file, a pattern such as `train-{000..146}.tar`, or (as a text) an address. It is only read.
        report: Receives the number of images found so far.

    Raises:
        DataError: When nothing is there, or it is of another format or damaged.
        DownloadError: When an address cannot be reached.
        MissingExtraError: When a package for the format or address is not installed.
    """
    if is_address(path):
        return read_shards(remote_shards(str(path)), without_token(str(path)), report)
    path = as_path(path, "a folder, a file or an address of images", DataError)
    mark_used(path)
    with read_errors(path):
        if path.is_dir():
            return _in_folder(path, report)
        is_file = path.is_file()
    if is_file:
        return _in_file(path, report)
    if is_pattern(path):
        return read_shards(local_shards(path), path.absolute(), report)
    return read_folder(path, report)  # raises the error


def _in_folder(path: Path, report: Report) -> FoundImages:
    if images := idx_files(path):
        return read_idx(images)
    if metadata := metadata_files(path):
        try:
            return read_image_folder(path, metadata, report)
        except NoClassError:  # metadata of captions or boxes: the classes may be folders
            try:
                return read_folder(path, report)
            except DataError:
                pass
            raise
    if tables := parquet_files(path):
        return read_parquet(tables, path.absolute(), report)
    if shards := shard_files(path):
        return read_shards([LocalFile(file.absolute()) for file in shards], path.absolute(), report)
    return read_folder(path, report)


def _in_file(path: Path, report: Report) -> FoundImages:
    suffix = path.suffix.lower()
    if is_idx(path):
        return read_idx([path.absolute()])
    if suffix == ".npz":
        return read_npz(path.absolute())
    if suffix in SUFFIXES:
        return read_table(path, report)
    if suffix == parquet.SUFFIX:
        return read_parquet([path], path.absolute(), report)
    if is_shard(path.name):
        return read_shards([LocalFile(path.absolute())], path.absolute(), report)
    raise DataError(
        f"{path} is a file of an unknown format: expected a folder with one folder of images per class, a table "
        f"({', '.join((*SUFFIXES, parquet.SUFFIX))}), tar shards, an .npz or an IDX file (...-images-idx3-ubyte.gz)"
    )
