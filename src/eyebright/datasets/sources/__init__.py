"""Where pictures come from: one module for each form, behind one small interface."""

import zipfile
from pathlib import Path

from eyebright.datasets.sources.folder import FolderSource, Progress, scan_folder, walk_files
from eyebright.datasets.sources.found import Found
from eyebright.datasets.sources.idx import image_files, is_images, read_idx
from eyebright.datasets.sources.manifest import SUFFIXES, read_manifest
from eyebright.datasets.sources.npz import read_npz
from eyebright.datasets.sources.parquet import SUFFIX as PARQUET
from eyebright.datasets.sources.parquet import parquet_files, read_parquet
from eyebright.datasets.sources.source import ArraySource, Source
from eyebright.datasets.sources.stored import StoredSource
from eyebright.datasets.sources.subset import Subset, without
from eyebright.errors import DataError

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
]


def find(path: Path, progress: Progress | None = None) -> Found:
    """The pictures at a path: a folder with one folder for each class, IDX files, an .npz, or a
    table (CSV, TSV, Parquet).

    Args:
        path: A folder or a file; it is only read.
        progress: Called now and then with the number of pictures found so far.

    Raises:
        DataError: When there is nothing, or it is none of these.
    """
    if path.is_dir():
        images = image_files(path)
        if images:
            return read_idx(images)
        tables = parquet_files(path)
        return read_parquet(tables, path.absolute(), progress) if tables else scan_folder(path, progress)
    if not path.is_file():
        return scan_folder(path, progress)  # which says what is wrong
    if is_images(path):
        return read_idx([path.absolute()])
    if zipfile.is_zipfile(path) and path.suffix.lower() == ".npz":
        return read_npz(path.absolute())
    if path.suffix.lower() in SUFFIXES:
        return read_manifest(path, progress)
    if path.suffix.lower() == PARQUET:
        return read_parquet([path], path.absolute(), progress)
    raise DataError(
        f"{path} is a file: give the folder that holds one folder of pictures for each class, a table of pictures "
        f"({', '.join((*SUFFIXES, PARQUET))}), an .npz, or an IDX file (...-images-idx3-ubyte.gz)"
    )
