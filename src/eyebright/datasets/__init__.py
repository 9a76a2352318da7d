"""Many pictures: where they are, how they are split, packed and read in batches."""

from eyebright.datasets.ahead import ahead, in_threads
from eyebright.datasets.batches import Batch, batches, content_order, share, shuffled
from eyebright.datasets.dataset import Dataset, Part
from eyebright.datasets.digests import Digests
from eyebright.datasets.growing import Growing, rows_of
from eyebright.datasets.pack import pack
from eyebright.datasets.packed import LeftOut, Pack
from eyebright.datasets.rows import Rows
from eyebright.datasets.sources import FolderSource, walk_files, without_token
from eyebright.datasets.split import LEFT_OUT, SIDES, Side, split
from eyebright.datasets.split_file import SplitFile, read_split, to_csv

__all__ = [
    "LEFT_OUT",
    "SIDES",
    "Batch",
    "Dataset",
    "Digests",
    "FolderSource",
    "Growing",
    "LeftOut",
    "Pack",
    "Part",
    "Rows",
    "Side",
    "SplitFile",
    "ahead",
    "batches",
    "content_order",
    "in_threads",
    "pack",
    "read_split",
    "rows_of",
    "share",
    "shuffled",
    "split",
    "to_csv",
    "walk_files",
    "without_token",
]
