"""How well images of another kind are distinguished from training images, and how many known images keep an answer.

    EYEBRIGHT_DATA=/path/to/pictures .venv/bin/python benchmarks/unknown.py           # published features, 3 minutes
    EYEBRIGHT_DATA=/path/to/pictures .venv/bin/python benchmarks/unknown.py --runs a_run another   # trained models

Each of five sets is the known one in turn, with so many training images a class; the others are far. A head is fitted
on features of EfficientNet-Lite0; the limit is set by half of the other known images and measured on the other half.
The area under the ROC curve (AUROC) is the chance that a far image has a larger value than a known one. Near images are
those of a class of flowers that was left out. With `--runs`, runs on these sets are measured, with the images of their
test sets as known ones; the name of a run has that of its set.
"""

import argparse
import csv
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

import eyebright as eb
from eyebright.data.pictures import open_picture
from eyebright.model.backbone import Backbone
from eyebright.training.head import fit_head
from eyebright.trust.metrics import softmax
from eyebright.trust.unknown import distance_of, energy_of, fit_familiar, unfamiliarity_of

DATA = Path(os.environ["EYEBRIGHT_DATA"])
FOLDERS = {
    "flowers": "flowers", "cifar10": "cifar10/train", "traffic_signs": "traffic_signs", "faces": "faces",
    "fashion": "fashion/folder",
}  # fmt: skip
SIZES = {"flowers": 192}  # pixels of the known set, as the default training chooses them; 128 for the others
MOST = 300, 400  # images of a class, images of a far set
SEEDS, SPLITS = 3, 10  # draws of training images; ways to halve the other known images, for each draw
SCORES = "ours", "distance", "energy", "confidence", "neighbours"


class Images(NamedTuple):
    """Features `(N, features)` of the images of a set, and their classes `(N,)`."""

    features: NDArray[np.float32]
    labels: NDArray[np.int64]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", nargs="*", type=Path, help="runs on the sets, instead of published features")
    args = parser.parse_args()
    if args.runs:
        for run in args.runs:
            measure_run(run)
        return
    for per_class in (100, 20):
        print(f"\n{per_class} training images a class: AUROC, mean of {SEEDS} draws\n")
        print(f"| known | far | {' | '.join(SCORES)} | known kept |\n|---|---|{'---|' * (len(SCORES) + 1)}")
        for known in FOLDERS:
            for row in far_rows(known, per_class):
                print(row, flush=True)
    print("\nflowers, one class left out (near), 100 training images a class\n")
    near()


def listing(name: str) -> list[tuple[Path, int]]:
    """The files of a set, shuffled, with their classes; at most so many of each class."""
    found = []
    folders = sorted(folder for folder in (DATA / FOLDERS[name]).iterdir() if folder.is_dir())
    for label, folder in enumerate(folders):
        files = sorted(file for file in folder.rglob("*") if file.is_file() and file.stat().st_size)
        found += [(files[at], label) for at in np.random.default_rng(0).permutation(len(files))[: MOST[0]]]
    return found


def images(name: str, size: int, most: int | None = None) -> Images:
    """The features of a set at this size, computed once."""
    files = listing(name)
    files = [files[at] for at in np.random.default_rng(1).permutation(len(files))[:most]]
    place = Path(os.environ.get("EYEBRIGHT_CACHE", "/tmp"), f"unknown-{name}-{size}-{len(files)}.npz")
    if not place.is_file():
        backbone = Backbone(size_px=size)
        engine, paths = backbone.engine(), [path for path, _ in files]
        batches = [paths[at : at + 32] for at in range(0, len(paths), 32)]
        read = [np.stack([open_picture(path, backbone.preparation) for path in batch]) for batch in batches]
        np.savez(
            place, features=np.concatenate([engine(batch) for batch in read]), labels=[label for _, label in files]
        )
    stored = np.load(place)
    return Images(stored["features"], stored["labels"])


class Fitted(NamedTuple):
    """Scores by a head and what is familiar to it; other known images, and the shares of them that keep an answer."""

    scores: dict[str, Callable[[NDArray[np.float32]], NDArray[np.floating]]]
    others: NDArray[np.float32]
    kept: list[float]


def fitted(known: Images, per_class: int, seed: int) -> Fitted:
    """Fit on so many images a class, at most 60% of them; the others set the limit and test it, half each."""
    random = np.random.default_rng(seed)
    classes = [random.permutation(np.flatnonzero(known.labels == label)) for label in np.unique(known.labels)]
    train = np.concatenate([members[: min(per_class, int(0.6 * len(members)))] for members in classes])
    rest = np.setdiff1d(np.arange(len(known.labels)), train)
    _, labels = np.unique(known.labels, return_inverse=True)
    points = known.features[train]
    head = fit_head(points, labels[train], labels.max() + 1)
    kept = []
    for _ in range(SPLITS):
        later, test = (known.features[half] for half in np.array_split(random.permutation(rest), 2))
        familiar = fit_familiar(points, later, head.logits(later))
        kept.append(float((unfamiliarity_of(familiar, test, head.logits(test)) <= 1).mean()))
    own = points / np.linalg.norm(points, axis=1, keepdims=True)

    def neighbours(features: NDArray[np.float32]) -> NDArray[np.floating]:
        likeness = features / np.linalg.norm(features, axis=1, keepdims=True) @ own.T
        return -np.sort(likeness, axis=1)[:, -min(5, len(own))]

    return Fitted(
        {
            "ours": lambda features: unfamiliarity_of(familiar, features, head.logits(features)),
            "distance": lambda features: distance_of(familiar, features),
            "energy": lambda features: energy_of(head.logits(features)),
            "confidence": lambda features: -softmax(head.logits(features)).max(axis=1),
            "neighbours": neighbours,
        },
        test,
        kept,
    )


def auroc(known: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """The chance that one of the others has a larger value than a known one."""
    return float(roc_auc_score(np.repeat([0, 1], [len(known), len(other)]), np.concatenate([known, other])))


def far_rows(known: str, per_class: int) -> Iterator[str]:
    """A row of the table for each far set, with blank images and noise as one more."""
    size = SIZES.get(known, 128)
    fits = [fitted(images(known, size), per_class, seed) for seed in range(SEEDS)]
    kept = [share for fit in fits for share in fit.kept]
    for far in [*(name for name in FOLDERS if name != known), "blank, noise"]:
        features = synthetic(size) if far not in FOLDERS else images(far, size, MOST[1]).features
        cells = []
        for score in SCORES:
            values = [auroc(fit.scores[score](fit.others), fit.scores[score](features)) for fit in fits]
            cells.append(f"{np.mean(values):.3f}")
        yield f"| {known} | {far} | {' | '.join(cells)} | {np.mean(kept):.3f} ± {np.std(kept):.3f} |"


def near() -> None:
    """The AUROC of flowers of a class that was left out."""
    flowers = images("flowers", SIZES["flowers"])
    print(f"| left out | {' | '.join(SCORES)} |\n|---|{'---|' * len(SCORES)}")
    for label, name in enumerate(sorted(folder.name for folder in (DATA / "flowers").iterdir() if folder.is_dir())):
        others, own = flowers.labels != label, flowers.features[flowers.labels == label]
        fits = [fitted(Images(flowers.features[others], flowers.labels[others]), 100, seed) for seed in range(SEEDS)]
        cells = (
            f"{np.mean([auroc(fit.scores[score](fit.others), fit.scores[score](own)) for fit in fits]):.3f}"
            for score in SCORES
        )
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def blanks(size: int) -> NDArray[np.uint8]:
    """White, grey, black, coloured and noisy images."""
    random = np.random.default_rng(1)
    plain = [np.full((size, size, 3), grey, np.uint8) for grey in (0, 64, 128, 192, 255)]
    plain += [np.full((size, size, 3), random.integers(0, 256, 3), np.uint8) for _ in range(5)]
    return np.stack([*plain, *random.integers(0, 256, (10, size, size, 3), np.uint8)])


def synthetic(size: int) -> NDArray[np.float32]:
    """The features of these."""
    return Backbone(size_px=size).engine()(blanks(size))


def measure_run(run: Path) -> None:
    """AUROC and answers of a trained model: on its own test set and on the other sets."""
    model = eb.load(run)
    known = next(name for name in FOLDERS if name in run.name)
    with (run / "split.csv").open(encoding="utf-8") as file:
        rows = [DATA / FOLDERS[known] / row["name"] for row in csv.DictReader(file) if row["split"] == "test"]
    files = {known: rows[:1000]} | {
        name: [path for path, _ in listing(name)][:: max(len(listing(name)) // MOST[1], 1)]
        for name in FOLDERS
        if name != known
    }
    found = {name: [open_picture(path, model.preparation) for path in paths] for name, paths in files.items()}
    found["blank, noise"] = list(blanks(model.preparation.width))
    answers = {
        name: [model.predictor.answers(picture[None]) for picture in pictures] for name, pictures in found.items()
    }
    values = {name: np.array([one.unfamiliarity[0] for one in of]) for name, of in answers.items()}
    confidence = {name: np.array([one.probabilities.max() for one in of]) for name, of in answers.items()}
    print(f"\n{run.name}: of {len(values[known])} test images {np.mean(values[known] <= 1):.1%} get an answer\n")
    print("| far | AUROC | by confidence | with an answer |\n|---|---|---|---|")
    for name in (name for name in values if name != known):
        by_confidence = auroc(-confidence[known], -confidence[name])
        share = np.mean(values[name] <= 1)
        print(f"| {name} | {auroc(values[known], values[name]):.3f} | {by_confidence:.3f} | {share:.1%} |")


if __name__ == "__main__":
    main()
