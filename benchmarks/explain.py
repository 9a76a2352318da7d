"""How faithful and how quick the maps of `eyebright explain` are.

    EYEBRIGHT_DATA=/path/to/pictures .venv/bin/python benchmarks/explain.py --images 200

For each set the default training is run once (`--models` keeps the runs), and the maps of held-out images (test; where
these are too few, validation too) are measured by deletion and insertion (Petsiuk et al. 2018, "RISE", section 4.3):
pixels are made grey, or taken over into a blurred copy, in the order of the map; the figure is the mean probability of
the predicted class on the way, computed in float32. A disc in the middle and the class activation map (Zhou et al.
2016) are measured on the same images; differences are paired, with 95% intervals. Before that, a patch of stripes
decides the class of otherwise equal images, and the cell where the map is highest must overlap it.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import eyebright as eb
from eyebright.data.sources.source import ArraySource
from eyebright.model.engine import Engine, onnx_graph
from eyebright.model.explain.maps import CELLS, blurred, explain
from eyebright.network import GlobalAvgPool2d

SETS = {"flowers": "flowers", "cifar10": "cifar10", "traffic_signs": "traffic_signs", "faces": "faces",
        "fashion": "fashion/folder"}  # fmt: skip
STEPS = 14
BASELINE_BLUR = 0.05  # of insertion


def areas(predict: Callable, image: np.ndarray, label: int, importance: np.ndarray) -> tuple[float, float]:
    """Deletion (less is better) and insertion (more is better)."""
    order = np.argsort(-importance.ravel(), kind="stable")
    rank = np.empty(importance.size, int)
    rank[order] = np.arange(importance.size)
    first = rank.reshape(importance.shape) < np.linspace(0, importance.size, STEPS + 1)[:, None, None]
    soft = blurred(image, BASELINE_BLUR)
    copies = np.concatenate([np.where(first[..., None], np.uint8(127), image), np.where(first[..., None], image, soft)])
    curve = predict(copies)[:, label].reshape(2, -1)
    return tuple(np.trapezoid(curve, dx=1 / STEPS, axis=1))


def disc(height: int, width: int) -> np.ndarray:
    down, across = np.mgrid[:height, :width]
    return -np.hypot(down - (height - 1) / 2, across - (width - 1) / 2)


def class_maps(model: eb.Classifier, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The weights of the class on the last activations before the global pool."""
    from PIL import Image

    network, weights = model.network, model.get_weights()
    pool = [name for name, place in network.places.items() if isinstance(place.layer, GlobalAvgPool2d)][-1]
    part = network.up_to(network.places[pool].inputs[0])
    features = Engine.of_bytes(onnx_graph(part, {name: weights[name] for name in part.tensors}))(images)
    head = weights[f"{network.output}.weight"]
    maps = np.einsum("nchw,nc->nhw", features, head[labels]).astype(np.float32)
    return np.stack([np.asarray(Image.fromarray(one).resize(images.shape[2:0:-1], Image.BICUBIC)) for one in maps])


def spread(size: int, count: int) -> np.ndarray:
    """So many positions, or all, evenly spread."""
    return np.linspace(0, size - 1, min(max(count, 0), size)).astype(int)


def measure(name: str, folder: Path, count: int, precision: str) -> None:
    pictures = Path(os.environ["EYEBRIGHT_DATA"], SETS[name])
    if not (folder / name).exists():
        eb.train(pictures, folder / name, verbose=False)
    model = eb.Classifier.load(folder / name)
    prepared = model.prepare(eb.Dataset.open(pictures, split=folder / name / "split.csv"))
    test, validation = prepared.indices("test"), prepared.indices("validation")
    chosen = [test[spread(len(test), count)], validation[spread(len(validation), count - len(test))]]
    indices = np.concatenate(chosen)
    images = prepared.pack.read(indices)
    engine = Engine.of_bytes(model.to_onnx(), precision=precision)
    labels = np.concatenate([model.predict_proba(list(images[at : at + 32])) for at in range(0, len(images), 32)])
    labels = labels.argmax(axis=1)
    explain(model.predictor.quick_probabilities, images[:1], labels[:1])  # compiles
    started, used = time.perf_counter(), time.process_time()
    maps = explain(model.predictor.quick_probabilities, images, labels)
    wall, cpu = (time.perf_counter() - started) / len(images), (time.process_time() - used) / len(images)
    found = {"explain": maps, "class map": class_maps(model, images, labels),
             "disc": np.repeat(disc(*images.shape[1:3])[None], len(images), axis=0)}  # fmt: skip
    scores = {
        method: np.array([areas(engine, *one) for one in zip(images, labels, ours, strict=True)])
        for method, ours in found.items()
    }
    of_validation = f" ({len(chosen[1])} of validation)" if len(chosen[1]) else ""
    print(f"{name}: {len(images)} images{of_validation} of {images.shape[1:]}, {wall:.2f} s, {cpu:.2f} CPU-s for a map")
    for method, values in scores.items():
        gain = values - scores["disc"]
        half = 1.96 * gain.std(axis=0, ddof=1) / np.sqrt(len(gain))
        print(
            f"  {method:10s} deletion {values[:, 0].mean():.3f} ({gain[:, 0].mean():+.3f} +- {half[0]:.3f})"
            f"  insertion {values[:, 1].mean():.3f} ({gain[:, 1].mean():+.3f} +- {half[1]:.3f})",
            flush=True,
        )


def planted(count: int = 50, size: int = 64) -> None:
    """A patch of stripes, upright or lying, decides between two classes: where is the map highest?"""
    random = np.random.default_rng(0)

    def pictures(number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        images = random.integers(60, 190, (number, size // 8, size // 8, 3)).repeat(8, axis=1).repeat(8, axis=2)
        labels, corners = random.integers(0, 2, number), random.integers(0, size * 3 // 4 + 1, (number, 2))
        stripes = np.tile([0, 0, 255, 255], size // 16)
        for image, label, (top, left) in zip(images, labels, corners, strict=True):
            patch = np.broadcast_to(stripes[:, None] if label else stripes, (size // 4, size // 4))
            image[top : top + size // 4, left : left + size // 4] = patch[..., None]
        return images.astype(np.uint8), labels, corners

    images, labels, _ = pictures(3000)
    model = eb.Classifier(eb.zoo.flowers_cnn(2, input_size=size, dropout=0.0), ["lying", "upright"], seed=0)
    model.fit(
        eb.Dataset(ArraySource(images), ("lying", "upright"), labels),
        epochs=6,
        flip=False,
        rotation=0,
        zoom=0,
        shift=0,
        verbose=False,
    )
    images, labels, corners = pictures(count)
    probabilities = model.predictor.probabilities(images)
    maps = explain(model.predictor.quick_probabilities, images, probabilities.argmax(axis=1))
    peaks = np.array([np.unravel_index(one.argmax(), one.shape) for one in maps])
    cells, side = peaks * CELLS // size, size / CELLS
    overlaps = ((corners < (cells + 1) * side) & (cells * side < corners + size // 4)).all(axis=1)
    inside = ((corners <= peaks) & (peaks < corners + size // 4)).all(axis=1)
    print(f"planted patch: accuracy {(probabilities.argmax(axis=1) == labels).mean():.2f}, "
          f"found {overlaps.sum()} of {count} times; the highest pixel is in it {inside.sum()} times")  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=200, help="of each set")
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    parser.add_argument("--bfloat16", action="store_true", help="measure the curves in bfloat16, in half the time")
    parser.add_argument("--models", type=Path, help="a folder that keeps the trained runs")
    arguments = parser.parse_args()
    planted()
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.sets:
            kept = arguments.models or Path(folder)
            measure(name, kept, arguments.images, "bfloat16" if arguments.bfloat16 else "float32")
