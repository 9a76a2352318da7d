"""What the frozen layers give for views of images: computed once, by OpenVINO or on a GPU, and kept in the cache.

The rows are stored by content: `rows.f16` or `rows.f32` has one for each view. Where the disk has no room for a single
view of each image, they are computed each time they are needed.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol, TypeAlias

import filelock
import numpy as np
from numpy.typing import NDArray

from eyebright.data.batches import seed_of
from eyebright.data.store import RowFile, RowStore
from eyebright.data.threads import in_threads
from eyebright.model.engine import Engine, fastest_precision, onnx_graph
from eyebright.network import Network, Weights
from eyebright.network.zoo.detection import pyramid_inputs
from eyebright.system import cache, files
from eyebright.system.progress import Report, quiet
from eyebright.tasks.detection.data.prepare import PreparedBoxes
from eyebright.tasks.detection.training.augmentation import CHANGES, changed
from eyebright.training import finds_gpu, trainer
from eyebright.training.settings import ChosenPrecision, Settings

_FORMAT, _BATCH = 1, 8
_RECORD = np.dtype([("key", "<u8")])
_DISK_SHARE = 0.5  # of the free disk: other runs need some too
Layout: TypeAlias = tuple[tuple[str, tuple[int, ...], slice], ...]
"""For each kept layer its name, shape, and where it lies in a row."""


class Rows(Protocol):
    """Gives rows of numbers for views of images."""

    def read(self, indices: NDArray[np.int64], views: NDArray[np.int64]) -> NDArray[np.floating]:
        """The rows, `(n, numbers)`, of these views of these images: each layer channels last."""


@dataclass(frozen=True, eq=False)
class Views:
    """Views of the images of a set.

    Args:
        settings: How views are changed, and the seed.
        count: Views of each image.
        layout: What a row holds.
        rows: What the frozen layers give for them.
    """

    settings: Settings
    count: int
    layout: Layout
    rows: Rows


class KeptRows(NamedTuple):
    """Rows that are kept on disk.

    Args:
        numbers: The row of each view, `(N, count)`; -1 for images that are not used.
        file: The rows.
        width: Numbers in a row.
        kind: Their type.
    """

    numbers: NDArray[np.int64]
    file: RowFile
    width: int
    kind: np.dtype[np.floating]

    def read(self, indices: NDArray[np.int64], views: NDArray[np.int64]) -> NDArray[np.floating]:
        """As in `Rows`."""
        return self.file.fill(np.empty((len(indices), self.width), self.kind), self.numbers[indices, views])


class ViewFeatures:
    """Computes what the frozen layers of a detector give for views of images.

    Args:
        prepared: The images.
        network: A `lite0_detector`.
        weights: Its weights; those of the backbone are used.
        settings: How views are changed, and the seed.
    """

    def __init__(self, prepared: PreparedBoxes, network: Network, weights: Weights, settings: Settings) -> None:
        self.prepared, self.settings = prepared, settings
        self.layers = pyramid_inputs(network)
        self.layout = _layout(network, self.layers)
        self.on_gpu = finds_gpu(settings.device)
        self.precision: ChosenPrecision = "float32" if self.on_gpu else fastest_precision()
        self.kind: np.dtype[np.floating] = np.dtype(np.float32 if self.computed == "float32" else np.float16)
        self._network, self._weights = network, weights
        self._graph = onnx_graph(network, weights, layers=self.layers)

    @property
    def computed(self) -> str:
        """How rows are computed: those of a GPU differ in their last digits."""
        return f"{self.precision} on a GPU" if self.on_gpu else self.precision

    @property
    def width(self) -> int:
        """Numbers in a row."""
        return int(self.layout[-1][2].stop)

    @property
    def digest(self) -> str:
        """What identifies the network, with its weights, and how it is computed."""
        return hashlib.blake2b(f"{_FORMAT} {self.computed} ".encode() + self._graph, digest_size=12).hexdigest()

    def key(self, index: int, view: int) -> int:
        """What identifies a view among all that such a network gives, whatever set it is from."""
        changes = (self.settings.seed, *(getattr(self.settings, name) for name in CHANGES))
        return seed_of(f"{self.prepared.pack.digests[index].hex()} {view} {changes if view else ''}") or 1

    def read(self, indices: NDArray[np.int64], views: NDArray[np.int64]) -> NDArray[np.floating]:
        """As in `Rows`."""
        found = list(self.rows(zip(indices.tolist(), views.tolist(), strict=True)))
        return np.stack(found) if found else np.empty((0, self.width), self.kind)

    def rows(self, pairs: Iterable[tuple[int, int]]) -> Iterator[NDArray[np.floating]]:
        """The row of each of these views (image, number), in their order."""
        batch = list[NDArray[np.uint8]]()
        for _, picture in in_threads(self._drawn, pairs):
            batch.append(picture)
            if len(batch) == _BATCH:
                yield from self._computed(batch)
                batch = []
        if batch:
            yield from self._computed(batch)

    @cached_property
    def _compute(self) -> Callable[[NDArray[np.uint8]], dict[str, NDArray[np.float32]]]:
        """From a batch to the outputs of the layers."""
        if self.on_gpu:
            engine = trainer().TorchEngine(self._network, self._weights, "cuda")
            return lambda pictures: engine.layers(pictures, self.layers)
        return Engine.of_bytes(self._graph, precision=self.precision).outputs

    def _drawn(self, pair: tuple[int, int]) -> NDArray[np.uint8]:
        index, view = pair
        pack = self.prepared.pack
        return changed(pack.read([index])[0], pack.digests[index], self.settings, view)

    def _computed(self, pictures: list[NDArray[np.uint8]]) -> NDArray[np.floating]:
        found, most = self._compute(np.stack(pictures)), np.finfo(self.kind)
        flat = [found[name].transpose(0, 2, 3, 1).reshape(len(pictures), -1) for name in self.layers]
        return np.concatenate(flat, 1).clip(most.min, most.max).astype(self.kind)


class ViewCache:
    """The views of a set of images in the cache.

    Args:
        features: Computes what is not there yet.
        indices: Images with all views.
        plain: Images that need only their first view.
    """

    def __init__(self, features: ViewFeatures, indices: NDArray[np.int64], plain: NDArray[np.int64]) -> None:
        self.features, self.indices, self.plain = features, indices, plain
        self.folder = files.cache_folder("views", features.digest)
        self._name = f"rows.f{8 * features.kind.itemsize}"
        self._store = RowStore(self.folder, _RECORD, {self._name: features.width * features.kind.itemsize})

    def size_bytes(self, count: int) -> int:
        """How much so many views of each image take."""
        return self._store.bytes_for_each * (count * len(self.indices) + len(self.plain))

    def fitting(self, wanted: int) -> int:
        """How many views of each image there is room for beside what others need, from 0 to as many as are wanted."""
        room = _DISK_SHARE * files.free_bytes(self.folder)
        for count in range(wanted, 0, -1):
            if self.lacking(count) * self._store.bytes_for_each <= room:
                return count
        return 0

    def lacking(self, count: int) -> int:
        """How many views are still to be computed for so many of each image."""
        keys = np.unique(self._keys(self._pairs(count)))
        return int(np.count_nonzero(self._store.index().rows_of(keys) < 0))

    def views(self, count: int, report: Report = quiet) -> Views:
        """So many views of each image, computed now or by an earlier run.

        Raises:
            OutputError: When the cache has no space, or cannot be written.
        """
        features, pairs = self.features, self._pairs(count)
        keys = self._keys(pairs)
        with files.write_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(self.folder / cache.LOCK):
                size = features.prepared.pack.preparation.width
                cache.describe(self.folder, f"views of images of {size} pixels, {features.computed}")
                missing = np.flatnonzero(self._store.index().rows_of(keys) < 0)
                missing = missing[np.sort(np.unique(keys[missing], return_index=True)[1])]  # duplicates only once
                needed = len(missing) * self._store.bytes_for_each
                files.require_space(self.folder, needed, what=f"views of {len(self.indices):,} images")
                if len(missing):
                    self._append(pairs[missing], keys[missing], report)
                index = self._store.index()
                file = RowFile(self.folder / self._name, index.checksums[:, 0])
        numbers = np.full((len(features.prepared.sides), count), -1)
        numbers[tuple(pairs.T)] = index.rows_of(keys)
        return Views(features.settings, count, features.layout, KeptRows(numbers, file, features.width, features.kind))

    def _append(self, pairs: NDArray[np.int64], keys: NDArray[np.uint64], report: Report) -> None:
        report("computing features", 0, len(pairs))
        with self._store.appending() as writer:
            rows = self.features.rows(zip(*pairs.T.tolist(), strict=True))
            for done, (key, row) in enumerate(zip(keys.tolist(), rows, strict=True), 1):
                writer.add((key,), row.tobytes())
                if done % _BATCH == 0 or done == len(pairs):
                    report("computing features", done, len(pairs))

    def _pairs(self, count: int) -> NDArray[np.int64]:
        """Image and number of each view, `(n, 2)`: number after number."""
        views, images = np.divmod(np.arange(count * len(self.indices)), len(self.indices))
        learned = np.stack([self.indices[images], views], 1)
        return np.concatenate([learned, np.stack([self.plain, np.zeros_like(self.plain)], 1)])

    def _keys(self, pairs: NDArray[np.int64]) -> NDArray[np.uint64]:
        return np.array([self.features.key(index, view) for index, view in pairs.tolist()], np.uint64)


def _layout(network: Network, layers: Sequence[str]) -> Layout:
    found, start = [], 0
    for name in layers:
        shape = network.places[name].shape
        end = start + int(np.prod(shape))
        found.append((name, shape, slice(start, end)))
        start = end
    return tuple(found)
