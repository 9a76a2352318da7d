"""The verdict "shortcut suspected": is it silent where nothing was planted, and does it find what was planted?

    EYEBRIGHT_DATA=/path/to/pictures .venv/bin/python benchmarks/shortcuts.py [--seeds 11 12]

Sound: of each set a random subset, trained as `eyebright train` does and as a small network from scratch, with two
seeds: 20 runs. Planted: the images of one class get a mark in a corner, a frame, or stripes around the middle (what a
background is), and again both trainings run. A network may not have learned what was planted, so the truth is measured
too: how many images of other classes become the class once they are planted, and how many of the class are recognised
without. Subsets, splits and trainings follow from the seed: with seeds that were not used to choose the rule, the
figures are independent of it. Each line has the class and region that changes most.
"""

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

import eyebright as eb
from eyebright.data.pictures import decode
from eyebright.model.explain.shortcut import CorrectImages, find_shortcuts

SETS = {"flowers": "flowers", "cifar10": "cifar10", "traffic_signs": "traffic_signs", "faces": "faces",
        "fashion": "fashion/folder"}  # fmt: skip
MOST, SIDE = 800, 96
TRAININGS = {
    "default": {},
    "from scratch": {"network": "flowers_cnn", "size": 32, "epochs": 10},
}


def subset(name: str, seed: int) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Random square images of at most ten classes of a set, their labels, and the names of the classes."""
    dataset = eb.Dataset.open(Path(os.environ["EYEBRIGHT_DATA"], SETS[name]))
    random = np.random.default_rng(seed)
    classes = random.permutation(np.flatnonzero(np.bincount(dataset.labels) >= 10))[:10]
    chosen = random.permutation(np.flatnonzero(np.isin(dataset.labels, classes)))[:MOST]
    images = [np.asarray(square(decode(dataset.source.open(int(one))))) for one in chosen]
    labels = np.searchsorted(np.sort(classes), dataset.labels[chosen])
    return np.stack(images), labels, tuple(dataset.classes[one] for one in np.sort(classes))


def square(image: Image.Image) -> Image.Image:
    """The middle of an image of Pillow, in colour."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.convert("RGB").resize((SIDE, SIDE), box=(left, top, left + side, top + side))


def corner(images: np.ndarray) -> np.ndarray:
    """A mark of rings at the bottom right, a fifth of a side wide."""
    down, across = np.mgrid[:SIDE, :SIDE]
    away = np.hypot(down - SIDE * 0.86, across - SIDE * 0.86)
    return np.where((away < SIDE / 10)[..., None], np.where(away % 3 < 1.5, 255, 0)[..., None], images)


def frame(images: np.ndarray) -> np.ndarray:
    """A white frame, a sixteenth of a side wide."""
    framed = np.full_like(images, 255)
    inside = slice(SIDE // 16, -SIDE // 16)
    framed[:, inside, inside] = images[:, inside, inside]
    return framed


def background(images: np.ndarray) -> np.ndarray:
    """Stripes around the middle half of the image."""
    down, across = np.mgrid[:SIDE, :SIDE]
    around = np.hypot(down - SIDE / 2, across - SIDE / 2) > SIDE * 0.42
    stripes = np.stack([60 + 60 * np.sin(across / 4), 110 + 40 * np.sin(down / 4), 60 + 0 * down], axis=-1)
    return np.where(around[..., None], stripes, images)


PLANTED = {"corner": corner, "frame": frame, "background": background}


def trained(name: str, seed: int, how: str, plant: Callable | None, folder: Path) -> tuple[bool, bool]:
    """Train; whether the verdict suspects a shortcut, and whether most images of the class need what was planted."""
    plain, labels, classes = subset(name, seed)
    images, planted = plain.copy(), int(np.bincount(labels).argmax())
    if plant is not None:
        images[labels == planted] = plant(plain[labels == planted])
    dataset = eb.Dataset.from_arrays(images, labels, classes, seed=seed)
    run = eb.train(dataset, folder, seed=seed, verbose=False, **TRAININGS[how])
    model, prepared = run.classifier, run.classifier.prepare(dataset)
    validation = prepared.indices("validation")
    pixels, truth = prepared.pack.read(validation), prepared.labels[validation]
    right = model.predict_proba(list(pixels)).argmax(axis=1) == truth
    given = CorrectImages(pixels[right].__getitem__, truth[right])
    found = find_shortcuts(model.predictor.probabilities, given, model.classes, pixels.shape[1:3])
    most = (
        f"{found[0].region} of {found[0].label}: {found[0].changed}, lost {found[0].lost.value:.0%}" if found else "no"
    )
    shown, needed = [one.short for one in model.verdicts if one.kind == "shortcut suspected"], False
    print(f"{name}, seed {seed}, {how}: {len(images)} images, {right.mean():.0%} correct; most changes: {most}; "
          f"verdict: {shown[0] if shown else 'silent'}", end="")  # fmt: skip
    if plant is not None:
        own, others = (validation[same] for same in (labels[validation] == planted, labels[validation] != planted))
        turned, kept = (
            (model.predict_proba(list(some)).argmax(axis=1) == planted).mean()
            for some in (plant(plain[others]), plain[own])
        )
        needed = bool(kept < 0.5)
        print(f"; planted in {classes[planted]}: turns {turned:.0%} of others, without it {kept:.0%} correct", end="")
    print(flush=True)
    return bool(shown), needed


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs=2, default=[11, 12])
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    parser.add_argument("--planted", nargs="*", default=["flowers"], help="sets to plant in")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        runs = [(name, seed, how) for name in given.sets for seed in given.seeds for how in TRAININGS]
        loud = [trained(*run, None, Path(place, f"sound{number}"))[0] for number, run in enumerate(runs)]
        print(f"sound: silent in {len(loud) - sum(loud)} of {len(loud)} runs")
        for kind, plant in PLANTED.items():
            runs = [(name, given.seeds[0], how) for name in given.planted for how in TRAININGS]
            found = [trained(*run, plant, Path(place, f"{kind}{number}")) for number, run in enumerate(runs)]
            needed = [shown for shown, needed in found if needed]
            print(f"{kind}: found in {sum(needed)} of {len(needed)} runs that need it, "
                  f"a verdict in {sum(shown for shown, _ in found) - sum(needed)} others")  # fmt: skip
