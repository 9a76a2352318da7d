"""What mending labels is worth: test accuracy with wrong labels, after the audit's suggestions, and with the true ones.

    EYEBRIGHT_DATA=/path/to/pictures .venv/bin/python benchmarks/corrected_labels.py [--per-class 400] [--seeds 5]
    ... --network compact --epochs 20       # a network from scratch instead of `eyebright train` without options

5% of the training and validation labels of CIFAR-10 are replaced by those of other classes, in a table; the images stay
where they are. Two corrections files decide about the images that the audit reports ("probably mislabelled"):
"accepted" takes every suggested class, without looking; "reviewed" is a person who knows the true class, relabels
what is wrong and keeps what is right. The test set keeps its labels, also where the audit suggests others.
"""

import argparse
import csv
import os
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import eyebright as eb
from eyebright.data.corrections import Correction, Corrections, save
from eyebright.runs.audit import audit

SWAPPED, SETS = 0.05, {"train": "train", "validation": "train", "test": "test"}
LABELS = ("swapped", "accepted", "reviewed", "true")


class Image(NamedTuple):
    """An image with the label that it is given, and its true one."""

    path: str
    label: str
    true: str
    side: str


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--per-class", type=int, default=400, help="training images of a class; a fifth for validation")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--network", default="auto")
    parser.add_argument("--epochs", type=int)
    given = parser.parse_args()
    images = listed(Path(os.environ["EYEBRIGHT_DATA"]) / "cifar10", given.per_class)
    found = np.array([measure(images, seed, network=given.network, epochs=given.epochs) for seed in range(given.seeds)])
    for name, accuracies in zip(LABELS, found.T, strict=True):
        gain = accuracies - found[:, 0]
        print(
            f"{name} labels: test accuracy {accuracies.mean():.4f} +- {accuracies.std(ddof=1):.4f}; "
            f"{gain.mean():+.4f} +- {gain.std(ddof=1):.4f} in pairs ({', '.join(f'{one:+.4f}' for one in gain)})"
        )


def listed(folder: Path, per_class: int) -> list[Image]:
    """Of each class so many images for training, a fifth as many for validation, and as many to test, or all."""
    images = []
    for side, place in SETS.items():
        for kind in sorted(path for path in (folder / place).iterdir() if path.is_dir()):
            files = sorted(kind.glob("*.jpg"))
            first, count = (per_class, per_class // 5) if side == "validation" else (0, per_class)
            images += [Image(str(path), kind.name, kind.name, side) for path in files[first : first + count]]
    return images


def measure(images: list[Image], seed: int, **options: Any) -> list[float]:
    """The test accuracy with each kind of labels."""
    planted = plant(images, np.random.default_rng(seed))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wrong, true = write(folder / "swapped.csv", planted), write(folder / "true.csv", images)
        decide(wrong, planted, folder)
        runs: list[tuple[Path, dict[str, Path]]] = [
            (wrong, {}),
            (wrong, {"corrections": folder / "accepted.json"}),
            (wrong, {"corrections": folder / "reviewed.json"}),
            (true, {}),
        ]
        found = [
            eb.train(table, folder / f"run{number}", seed=seed, verbose=False, **given, **options).test.accuracy
            for number, (table, given) in enumerate(runs)
        ]
    print(f"seed {seed}: {', '.join(f'{name} {one:.4f}' for name, one in zip(LABELS, found, strict=True))}", flush=True)
    return found


def plant(images: list[Image], random: np.random.Generator) -> list[Image]:
    """The images with some labels swapped among those that are not tested on."""
    classes = sorted({image.true for image in images})
    learned = [index for index, image in enumerate(images) if image.side != "test"]
    swapped = set(random.choice(learned, round(SWAPPED * len(learned)), replace=False).tolist())
    return [
        image._replace(label=str(random.choice([name for name in classes if name != image.true])))
        if index in swapped else image
        for index, image in enumerate(images)
    ]  # fmt: skip


def decide(table: Path, planted: list[Image], folder: Path) -> None:
    """Write the two corrections files, and print how good the suggestions are."""
    audited = audit(table)
    known = dict(zip(audited.dataset.source.names, planted, strict=True))
    suspects = [
        (known[finding.pictures[0]], finding) for finding in audited.audit.of("probably mislabelled")
        if known[finding.pictures[0]].side != "test"
    ]  # fmt: skip
    wrong = [finding.suggested == image.true for image, finding in suspects if image.label != image.true]
    print(
        f"{len(suspects)} suspects; {len(wrong)} of the {sum(image.label != image.true for image in planted)} swapped "
        f"labels are among them, {sum(wrong)} with the true class suggested"
    )
    accepted, reviewed = [], []
    for image, finding in suspects:
        name = finding.pictures[0]
        accepted.append(Correction(name=name, decision="relabel", new_label=finding.suggested))
        reviewed.append(Correction(name=name, decision="relabel", new_label=image.true))
    save(Corrections(corrections=tuple(accepted)), folder / "accepted.json")
    save(Corrections(corrections=tuple(reviewed)), folder / "reviewed.json")


def write(path: Path, images: list[Image]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("path", "label", "split"), *((one.path, one.label, one.side) for one in images)])
    return path


if __name__ == "__main__":
    main()
