"""Many pictures: where they are, how they are split, packed and read in batches."""

from eyebright.datasets.ahead import ahead, in_threads
from eyebright.datasets.batches import Batch, batches, content_order, shuffled
from eyebright.datasets.dataset import Dataset, Part
from eyebright.datasets.growing import Growing, rows_of
from eyebright.datasets.pack import LeftOut, Pack, pack
from eyebright.datasets.sources import FolderSource, walk_files
from eyebright.datasets.split import LEFT_OUT, SIDES, Side, split
from eyebright.datasets.split_file import SplitFile, read_split, to_csv

__all__ = [
    "LEFT_OUT",
    "SIDES",
    "Batch",
    "Dataset",
    "FolderSource",
    "Growing",
    "LeftOut",
    "Pack",
    "Part",
    "Side",
    "SplitFile",
    "ahead",
    "batches",
    "content_order",
    "in_threads",
    "pack",
    "read_split",
    "rows_of",
    "shuffled",
    "split",
    "to_csv",
    "walk_files",
]
