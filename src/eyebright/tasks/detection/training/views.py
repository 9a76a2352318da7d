"""Views of images: each image as it is and a few times changed, with what the frozen layers give, kept on disk.

A view moves pixels and boxes by one affine: mirrored, scaled, shifted; then its colours change. It is a pure function
of the seed, its number and the content of the image. What lies outside is filled with the colour of the padding. The
values are computed once, by OpenVINO, and stored by content: `rows.f16` or `rows.f32` has a row for each view.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import filelock
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eyebright.data.batches import seed_of
from eyebright.data.pictures.preparation import BACKGROUND
from eyebright.data.store import RowFile, RowStore
from eyebright.data.threads import in_threads
from eyebright.model.engine import Engine, fastest_precision, onnx_graph
from eyebright.network import Network, Weights
from eyebright.network.zoo.detection import pyramid_inputs
from eyebright.system import cache, files
from eyebright.system.progress import Report, quiet
from eyebright.tasks.detection.data.prepare import PreparedBoxes
from eyebright.tasks.detection.geometry.boxes import Boxes, areas
from eyebright.training.settings import Settings

VIEWS = 7
"""Views of each image; the first is the image as it is."""
_FORMAT, _BATCH = 1, 8
_SEEN = 0.25  # share of a box that must be inside, for the box to stay
_STRETCH = 1.1
_RECORD = np.dtype([("key", "<u8")])


@dataclass(frozen=True)
class Move:
    """How a view moves an image: `out = matrix * in + offset`, for x and y, in pixels of the square.

    Args:
        factor: Of x and y; below 0 for a mirrored view.
        offset: Of x and y, in pixels.
    """

    factor: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def drawn(cls, random: np.random.Generator, settings: Settings, size: int) -> "Move":
        """A random move around the centre of a square of so many pixels."""
        draws = random.random(5)
        mirrored = -1.0 if settings.flip and draws[0] < 0.5 else 1.0
        scale = (1 + settings.zoom) ** (2 * draws[1] - 1)
        stretch = _STRETCH ** (draws[2] - 0.5) if settings.zoom else 1.0
        factor = mirrored * scale * stretch, scale / stretch
        shift = (2 * draws[3:] - 1) * settings.shift * size
        across, down = (float((1 - by) * size / 2 + to) for by, to in zip(factor, shift, strict=True))
        return cls((float(factor[0]), float(factor[1])), (across, down))

    def pixels(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The moved image, `(size, size, channels)`."""
        inverse = (1 / self.factor[0], 0, -self.offset[0] / self.factor[0],
                   0, 1 / self.factor[1], -self.offset[1] / self.factor[1])  # fmt: skip
        image = Image.fromarray(picture)
        moved = image.transform(
            image.size, Image.Transform.AFFINE, inverse, Image.Resampling.BILINEAR, fillcolor=BACKGROUND
        )
        return np.asarray(moved)

    def boxes(self, boxes: Boxes, size: int) -> Boxes:
        """The moved boxes, cut at the edge; those of which less than a quarter is left are left out."""
        factor, offset = np.tile(self.factor, 2), np.tile(self.offset, 2)
        moved = boxes.corners * factor + offset
        ordered = np.concatenate([np.minimum(moved[:, :2], moved[:, 2:]), np.maximum(moved[:, :2], moved[:, 2:])], 1)
        inside = ordered.clip(0, size)
        kept = (areas(inside) >= _SEEN * areas(ordered)) & (inside[:, 2:] - inside[:, :2] >= 1).all(axis=1)
        return boxes.moved(inside).at(kept)


def recoloured(picture: NDArray[np.uint8], random: np.random.Generator, settings: Settings) -> NDArray[np.uint8]:
    """An image with other brightness, contrast and saturation, as `Settings` describes them; clipped to 0 to 255."""
    strength = np.array([settings.brightness, settings.contrast, settings.saturation])
    if not strength.any():
        return picture
    brightness, contrast, saturation = 1 + (2 * random.random(3) - 1) * strength
    values = picture.astype(np.float32)
    grey = values.mean(axis=2, keepdims=True)
    values = grey + saturation * (values - grey)
    middle = values.mean()
    return np.asarray(brightness * (middle + contrast * (values - middle))).clip(0, 255).round().astype(np.uint8)


@dataclass(frozen=True, eq=False)
class Views:
    """Views of the images of a set.

    Args:
        settings: How views are changed, and the seed.
        count: Views of each image.
        layout: For each kept layer its name, shape, and where it lies in a row.
        rows: The row of each view, `(N, count)`; -1 for images that are not used.
    """

    settings: Settings
    count: int
    layout: tuple[tuple[str, tuple[int, ...], slice], ...]
    rows: NDArray[np.int64]
    _file: RowFile = field(repr=False)
    _kind: np.dtype[np.floating] = field(repr=False)

    def read(self, indices: NDArray[np.int64], views: NDArray[np.int64]) -> NDArray[np.floating]:
        """What the layers give for views of images: `(n, numbers)`, each layer channels last."""
        numbers = self.layout[-1][2].stop
        return self._file.fill(np.empty((len(indices), numbers), self._kind), self.rows[indices, views])

    def boxes(self, prepared: PreparedBoxes, index: int, view: int) -> tuple[Boxes, Boxes]:
        """The boxes and the regions that do not count, in a view of an image."""
        boxes, ignored = prepared.boxes[index], prepared.ignored[index]
        if view == 0:
            return boxes, ignored
        size = prepared.pack.preparation.width
        move = Move.drawn(_random(self.settings, prepared.pack.digests[index], view), self.settings, size)
        return move.boxes(boxes, size), move.boxes(ignored, size)


def kept_views(
    prepared: PreparedBoxes,
    indices: NDArray[np.int64],
    network: Network,
    weights: Weights,
    settings: Settings,
    *,
    plain: NDArray[np.int64],
    count: int = VIEWS,
    report: Report = quiet,
) -> Views:
    """The views of some images, computed now or by an earlier run.

    Args:
        prepared: The images.
        indices: Those with all views.
        network: A `lite0_detector`.
        weights: Its weights; those of the backbone are used.
        settings: How views are changed, and the seed.
        plain: Images of which only the first view is needed.
        count: Views of each image.
        report: Receives the progress.

    Raises:
        OutputError: When the cache has no space, or cannot be written.
    """
    layers = pyramid_inputs(network)
    precision = fastest_precision()
    kind: np.dtype[np.floating] = np.dtype(np.float16 if precision == "bfloat16" else np.float32)
    layout = _layout(network, layers)
    graph = onnx_graph(network, weights, layers=layers)
    place = hashlib.blake2b(f"{_FORMAT} {precision} ".encode() + graph, digest_size=12).hexdigest()
    folder = files.cache_folder("views", place)
    name = f"rows.f{8 * kind.itemsize}"
    store = RowStore(folder, _RECORD, {name: layout[-1][2].stop * kind.itemsize})
    wanted = [(index, view) for view in range(count) for index in indices.tolist()]
    wanted += [(index, 0) for index in plain.tolist()]
    keys = np.array([_key(prepared.pack.digests[index], settings, view) for index, view in wanted], np.uint64)
    with files.write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder / cache.LOCK):
            cache.describe(folder, f"views of images of {prepared.pack.preparation.width} pixels, {precision}")
            missing = np.flatnonzero(store.index().rows_of(keys) < 0)
            missing = missing[np.sort(np.unique(keys[missing], return_index=True)[1])]  # duplicates are computed once
            files.require_space(folder, len(missing) * store.bytes_for_each, what=f"views of {len(indices):,} images")
            if len(missing):
                engine = Engine.of_bytes(graph, precision=precision)
                pairs = [wanted[number] for number in missing.tolist()]
                _compute(store, engine, layers, kind, prepared, settings, pairs, keys[missing], report)
            index = store.index()
            rows = np.full((len(prepared.sides), count), -1)
            rows[tuple(np.array(wanted).T)] = index.rows_of(keys)
            return Views(settings, count, layout, rows, RowFile(folder / name, index.checksums[:, 0]), kind)


def _compute(
    store: RowStore,
    engine: Engine,
    layers: Sequence[str],
    kind: np.dtype[np.floating],
    prepared: PreparedBoxes,
    settings: Settings,
    pairs: list[tuple[int, int]],
    keys: NDArray[np.uint64],
    report: Report,
) -> None:
    """Append the rows of these views (image, number)."""

    def drawn(pair: tuple[int, int]) -> NDArray[np.uint8]:
        index, view = pair
        return changed(prepared.pack.read([index])[0], prepared.pack.digests[index], settings, view)

    report("computing features", 0, len(pairs))
    with store.appending() as writer:
        batch = list[NDArray[np.uint8]]()
        for done, (_, picture) in enumerate(in_threads(drawn, pairs), 1):
            batch.append(picture)
            if len(batch) < _BATCH and done < len(pairs):
                continue
            found = engine.outputs(np.stack(batch))
            flat = [found[name].transpose(0, 2, 3, 1).reshape(len(batch), -1) for name in layers]
            most = np.finfo(kind)
            for key, row in zip(keys[done - len(batch) : done], np.concatenate(flat, 1), strict=True):
                writer.add((int(key),), row.clip(most.min, most.max).astype(kind).tobytes())
            batch = []
            report("computing features", done, len(pairs))


def changed(picture: NDArray[np.uint8], digest: bytes, settings: Settings, view: int) -> NDArray[np.uint8]:
    """A view of a prepared image `(size, size, channels)`; number 0 is the image itself."""
    if view == 0:
        return picture
    random = _random(settings, digest, view)
    return recoloured(Move.drawn(random, settings, len(picture)).pixels(picture), random, settings)


def _random(settings: Settings, digest: bytes, view: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed_of(f"view {settings.seed} {view} {digest.hex()}", 16)))


def _key(digest: bytes, settings: Settings, view: int) -> int:
    """What identifies a view among all of a folder."""
    changes = (settings.seed, settings.flip, settings.zoom, settings.shift, settings.brightness, settings.contrast,
               settings.saturation)  # fmt: skip
    return seed_of(f"{digest.hex()} {view} {changes if view else ''}") or 1


def _layout(network: Network, layers: Sequence[str]) -> tuple[tuple[str, tuple[int, ...], slice], ...]:
    found, start = [], 0
    for name in layers:
        shape = network.places[name].shape
        end = start + int(np.prod(shape))
        found.append((name, shape, slice(start, end)))
        start = end
    return tuple(found)
