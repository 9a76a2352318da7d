"""Features of images: the output of a published network without its head, computed once and stored.

    rows.f16     for each image its features, float16 (rows.f32, float32, where they were computed in that)
    index.bin    for each image 16 bytes: the first 8 of its digest, and checksums

They are a `RowStore`; features that are damaged on the disk are computed again. There is one folder for each network,
precision and preparation, and all data sets share it: an image is identified by its content. So it is locked only while
rows are appended, not while features are computed. Features that are removed meanwhile are computed again.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import filelock
import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from eyebright.data.pictures import ImageInput, Preparation, open_picture
from eyebright.data.store import RowFile, RowStore
from eyebright.data.threads import in_threads
from eyebright.model.backbone import Backbone
from eyebright.system import cache, files, records
from eyebright.system.errors import PictureError
from eyebright.system.progress import Report, quiet
from eyebright.training import finds_gpu
from eyebright.training.settings import DeviceName

_RECORD = np.dtype([("key", "<u8")])
_FORMAT = 2
_BATCH = 32
_APPENDED_AT_ONCE = 512
_FOR_A_GPU = 5_000  # images: for fewer, a GPU takes longer to start than a processor to compute


class Features:
    """Features on disk.

    Attributes:
        backbone: The network that computed them.
        rows: Row of each image, `(N,)`; -1 where there is none.
        count: Features of one image.
        left_out: Why images could not be opened, by position.
    """

    def __init__(
        self, kept: RowFile | None, backbone: Backbone, rows: NDArray[np.int64], left_out: dict[int, str]
    ) -> None:
        self.backbone = backbone
        self.rows = rows
        self.count = backbone.network.output_shape[0]
        self.left_out = left_out
        self._kept = kept

    def read(self, indices: Sequence[int] | NDArray[np.int64]) -> NDArray[np.float32]:
        """The features of the images at these positions: `(n, count)`, float32; NaN where there are none."""
        found = np.full((len(indices), self.count), np.nan, np.float32)
        rows = self.rows[np.asarray(indices, np.int64)]
        there = rows >= 0
        if self._kept is not None:
            found[there] = self._kept.fill(np.empty((there.sum(), self.count), _kind(self.backbone)), rows[there])
        return found


def features(
    opened: Callable[[int], ImageInput],
    digests: Sequence[bytes],
    backbone: Backbone | None = None,
    *,
    device: DeviceName = "auto",
    report: Report = quiet,
) -> Features:
    """Features of images, computed now or by an earlier run.

    Args:
        opened: Gives the image at a position, called by several threads: `dataset.source.open`, or
            `lambda index: pack.read([index])[0]` of a pack with the backbone's preparation.
        digests: Digest of each image, as `Pack.digests`; empty for images to leave out.
        backbone: The network that computes them.
        device: Where: with "auto" or "cuda" on an NVIDIA GPU, if there is one and there are thousands of images.
        report: Receives the progress.

    Raises:
        DownloadError: When features must be computed and the weights are not available; says what to install.
        MissingExtraError: When torch is not installed, which is needed to read the weights the first time.
        OutputError: When the cache has no space, or cannot be written.
    """
    backbone = backbone or Backbone()
    if sum(map(bool, digests)) >= _FOR_A_GPU and finds_gpu(device):
        backbone = structs.replace(backbone, device="cuda")
    folder, kind = _folder(backbone), _kind(backbone)
    keys = np.array([int.from_bytes(digest[:8], "little") for digest in digests], np.uint64)
    usable = np.array([bool(digest) for digest in digests], bool)
    row_bytes = backbone.network.output_shape[0] * kind.itemsize
    store = RowStore(folder, _RECORD, {_name(kind): row_bytes})
    left_out: dict[int, str] = {}
    while True:
        with _locked(folder):
            cache.describe(folder, f"{backbone.name}, {backbone.preparation.width} pixels, {backbone.computed}")
            index = store.index()
            rows = np.where(usable, index.rows_of(keys), -1)
            kept = RowFile(folder / _name(kind), index.checksums[:, 0]) if (rows >= 0).any() else None
            lacking = np.flatnonzero(usable & (rows < 0))
            lacking = lacking[~np.isin(lacking, list(left_out))]
            if not len(lacking):
                if kept and len(damaged := kept.damaged(np.unique(rows[rows >= 0]), row_bytes)):
                    cache.warn_of_damage(folder)
                    store.forget(damaged)
                    continue
                report("computing features", len(digests), len(digests))
                return Features(kept, backbone, rows, left_out)
        missing = lacking[np.sort(np.unique(keys[lacking], return_index=True)[1])]  # duplicates are computed once
        files.require_space(folder, len(missing) * row_bytes, what=f"features of {len(missing):,} images")
        _compute(store, opened, keys, missing, backbone, left_out, report)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """No other process appends to the folder, which is made where it does not exist."""
    with files.write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder / cache.LOCK):
            yield


def _compute(
    store: RowStore,
    opened: Callable[[int], ImageInput],
    keys: NDArray[np.uint64],
    missing: NDArray[np.int64],
    backbone: Backbone,
    left_out: dict[int, str],
    report: Report,
) -> None:
    """Compute the missing features in batches; a few threads open images ahead of the network."""
    engine, kind = backbone.engine(), _kind(backbone)
    done, failed = len(keys) - len(missing), len(left_out)
    report("computing features", done, len(keys))
    computed: list[tuple[int, bytes]] = []
    try:
        for positions, pictures in _batches(opened, missing, backbone.preparation, left_out):
            values = engine(pictures).clip(np.finfo(kind).min, np.finfo(kind).max).astype(kind)
            computed += [(int(keys[at]), row.tobytes()) for at, row in zip(positions, values, strict=True)]
            if len(computed) >= _APPENDED_AT_ONCE:
                _add(store, computed)
                computed = []
            done += len(positions)
            report("computing features", done + len(left_out) - failed, len(keys))
    finally:
        if computed:  # also after a Ctrl-C
            _add(store, computed)


def _add(store: RowStore, computed: list[tuple[int, bytes]]) -> None:
    """Append rows, except those that another process has appended meanwhile."""
    with _locked(store.folder):
        there = set(store.index().records["key"].tolist())
        with store.appending() as writer:
            for key, row in computed:
                if key not in there:
                    writer.add((key,), row)


def _batches(
    opened: Callable[[int], ImageInput],
    positions: NDArray[np.int64],
    preparation: Preparation,
    left_out: dict[int, str],
) -> Iterator[tuple[list[int], NDArray[np.uint8]]]:
    """Prepared images in batches, with their positions; images that cannot be opened are added to `left_out`."""

    def prepare(position: int) -> NDArray[np.uint8] | PictureError:
        try:
            return open_picture(opened(position), preparation)
        except PictureError as problem:
            return problem

    waiting: list[tuple[int, NDArray[np.uint8]]] = []
    for position, result in in_threads(prepare, positions.tolist()):
        if isinstance(result, PictureError):
            left_out[position] = str(result)
        else:
            waiting.append((position, result))
        if len(waiting) == _BATCH:
            yield [place for place, _ in waiting], np.stack([picture for _, picture in waiting])
            waiting = []
    if waiting:
        yield [place for place, _ in waiting], np.stack([picture for _, picture in waiting])


def _folder(backbone: Backbone) -> Path:
    text = f"{_FORMAT}\0{backbone.digest}\0{backbone.computed}\0{records.to_json(backbone.preparation)}"
    return files.cache_folder("features", hashlib.blake2b(text.encode(), digest_size=12).hexdigest())


def _kind(backbone: Backbone) -> np.dtype[np.floating]:
    """The stored type: float16 has more digits than bfloat16, in which they were computed."""
    return np.dtype(np.float16 if backbone.chosen == "bfloat16" else np.float32)


def _name(kind: np.dtype[np.floating]) -> str:
    return f"rows.f{8 * kind.itemsize}"
