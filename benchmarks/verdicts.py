"""Are the verdicts right? Trainings on real images that were built to have one problem each, and sound ones.

    EYEBRIGHT_DATA=/path/to/pictures .venv/bin/python benchmarks/verdicts.py [--seeds 3] [--only leak]

Each problem is built into images of cifar10 (32 x 32) or flowers, with other images and other initial weights for each
seed. Printed are the verdicts of each run, the first of them first, and whether the one that was built in is among
them. A verdict beside it may be true as well: a network that is trained for two epochs has few correct predictions of
every class. Of a sound run "no problem found" is expected, and nothing else. Shortcuts are in `explain.py`.
"""

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

import eyebright as eb
from eyebright.data.sources.source import ArraySource

VEHICLES = ("airplane", "automobile", "ship", "truck")
SMALL = {"network": "flowers_cnn", "size": 32}


class Images(NamedTuple):
    """Images `(N, H, W, 3)`, uint8, and their labels; `sides` where they are not to be split by chance."""

    pixels: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    sides: list[str] | None = None

    def some(self, where: np.ndarray) -> "Images":
        return self._replace(pixels=self.pixels[where], labels=self.labels[where])


def read(folder: Path, side_px: int) -> Images:
    classes = tuple(sorted(place.name for place in folder.iterdir()))
    files = [(file, label) for label, name in enumerate(classes) for file in sorted((folder / name).iterdir())]
    pixels = [np.asarray(Image.open(file).convert("RGB").resize((side_px, side_px))) for file, _ in files]
    return Images(np.stack(pixels), np.array([label for _, label in files]), classes)


def picked(images: Images, random: np.random.Generator, each: dict[str, int]) -> Images:
    """So many images of some classes."""
    where = [
        random.permutation(np.flatnonzero(images.labels == images.classes.index(name)))[:count]
        for name, count in each.items()
    ]
    labels = np.repeat(np.arange(len(each)), [len(here) for here in where])
    return Images(images.pixels[np.concatenate(where)], labels, tuple(each))


def vehicles(images: Images, random: np.random.Generator, each: int) -> Images:
    """Two classes that are easy to tell apart: vehicles and animals."""
    some = picked(images, random, dict.fromkeys(images.classes, each))
    moving = np.isin(np.array(images.classes)[some.labels], VEHICLES)
    return Images(some.pixels, (~moving).astype(int), ("vehicle", "animal"))


def leaking(images: Images, random: np.random.Generator) -> Images:
    """3% of the images for validation and testing are training images, a little brighter."""
    some = vehicles(images, random, 300)
    sides = random.permutation(np.repeat(["train", "validation", "test"], np.array([7, 2, 1]) * len(some.labels) // 10))
    learned, later = (np.flatnonzero(here) for here in (sides == "train", sides != "train"))
    count = round(0.03 * len(later))
    some.pixels[later[:count]] = np.clip(some.pixels[learned[:count]].astype(int) + 6, 0, 255)
    some.labels[later[:count]] = some.labels[learned[:count]]
    return some._replace(sides=sides.tolist())


def swapped(images: Images, random: np.random.Generator) -> Images:
    """30% of the labels are of another class."""
    flowers = len(images.classes) == 5
    some = picked(images, random, dict.fromkeys(images.classes if flowers else images.classes[::3], 700))
    wrong = random.random(len(some.labels)) < 0.3
    labels = (some.labels + random.integers(1, len(some.classes), len(some.labels))) % len(some.classes)
    return some._replace(labels=np.where(wrong, labels, some.labels))


def failing(images: Images, random: np.random.Generator) -> Images:
    """A class has few images, and looks like another one."""
    return picked(images, random, {"airplane": 500, "dog": 500, "automobile": 500, "cat": 120})


class Case(NamedTuple):
    """What a run is made of, and the verdict that is right for it."""

    kind: str
    images: Callable[[Images, np.random.Generator], Images]
    settings: dict[str, Any]
    where: str = "cifar10"


def all_of(each: int) -> Callable[[Images, np.random.Generator], Images]:
    return lambda images, random: picked(images, random, dict.fromkeys(images.classes, each))


def two_of(each: int) -> Callable[[Images, np.random.Generator], Images]:
    return lambda images, random: vehicles(images, random, each)


CASES = (
    Case("leak suspected", leaking, {"epochs": 5, **SMALL}),
    Case("leak suspected", leaking, {}),
    Case("learning rate too high", two_of(200), {"epochs": 6, "learning_rate": 1.0, **SMALL}),
    Case("learning rate too high", all_of(200), {"epochs": 5, "learning_rate": 0.3, **SMALL}),
    Case("learning rate too low", two_of(200), {"epochs": 6, "learning_rate": 1e-6, **SMALL}),
    Case("learning rate too low", all_of(200), {"epochs": 6, "learning_rate": 1e-5, **SMALL}),
    Case("noisy labels", swapped, {"epochs": 6, **SMALL}),
    Case("noisy labels", swapped, {}, "flowers"),
    Case("training too short", all_of(300), {"epochs": 2, **SMALL}),
    Case("training too short", all_of(300), {"epochs": 4, **SMALL}),
    Case("underfitting", all_of(300), {"epochs": 12, "dropout": 0.9, "network": "mlp", "size": 16}),
    Case("overfitting", all_of(200), {"epochs": 20, "dropout": 0.0, **SMALL}),
    Case("overfitting", all_of(200), {}, "flowers"),
    Case("too few images", all_of(25), {}),
    Case("too few images", all_of(25), {}, "flowers"),
    Case("class failing", failing, {"epochs": 12, "dropout": 0.5, "augment": "flip,shift=0.1", **SMALL}),
    Case("class failing", failing, {}),
    Case("no problem found", two_of(450), {}),
    Case("no problem found", two_of(480), {"epochs": 12, "dropout": 0.5, "augment": "flip,shift=0.1", **SMALL}),
    Case(
        "no problem found",
        lambda images, random: picked(images, random, {"sunflower": 700, "tulip": 700}),
        {},
        "flowers",
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="", help="cases of this verdict")
    args = parser.parse_args()
    root = Path(os.environ["EYEBRIGHT_DATA"])
    known = {"cifar10": read(root / "cifar10" / "train", 32), "flowers": read(root / "flowers", 128)}
    for number, case in enumerate(CASES):
        if args.only in case.kind:
            right = sum(is_found(case, known[case.where], number, seed) for seed in range(args.seeds))
            print(f"{case.kind}: {right} of {args.seeds}", flush=True)


def is_found(case: Case, images: Images, number: int, seed: int) -> bool:
    """Train, print the verdicts, and say whether they are right."""
    found = case.images(images, np.random.default_rng([number, seed]))
    dataset = eb.Dataset(ArraySource(found.pixels), found.classes, found.labels, seed=seed, sides=found.sides)
    with tempfile.TemporaryDirectory() as place:
        run = eb.train(dataset, f"{place}/run", verbose=False, seed=seed, **case.settings)
    kinds = [verdict.kind for verdict in run.classifier.verdicts]
    settings = ", ".join(f"{name} {value}" for name, value in case.settings.items()) or "default training"
    print(f"  {case.where}, {settings}, seed {seed}: {', '.join(kinds)}", flush=True)
    return kinds == [case.kind] if case.kind == "no problem found" else case.kind in kinds


if __name__ == "__main__":
    main()
