"""What mending labels is worth: test accuracy with wrong labels, with the audit's suggestions, and with the true ones.

    EYEBRIGHT_DATA=/path/to/pictures .venv/bin/python benchmarks/corrected_labels.py [--per-class 200] [--seeds 3]

5% of the training and validation labels of CIFAR-10 are replaced by those of other classes, in a table; the images stay
where they are. A script accepts every class that the audit suggests for an image ("probably mislabelled") in a
corrections file, without looking; a person would reject the wrong ones on the page. The test set keeps its labels, also
where the audit suggests others. Every training is `eyebright train` without options.
"""

import argparse
import csv
import os
import tempfile
from pathlib import Path

import numpy as np

import eyebright as eb
from eyebright.data.corrections import Correction, Corrections, save
from eyebright.runs.audit import audit

SWAPPED, SETS = 0.05, {"train": "train", "validation": "train", "test": "test"}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--per-class", type=int, default=200, help="training images of a class; as many test images")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    rows = listed(Path(os.environ["EYEBRIGHT_DATA"]) / "cifar10", given.per_class)
    accuracies: dict[str, list[float]] = {"swapped": [], "corrected": [], "true": []}
    for seed in range(given.seeds):
        with tempfile.TemporaryDirectory() as folder:
            for name, accuracy in measure(Path(folder), rows, seed).items():
                accuracies[name].append(accuracy)
    for name, found in accuracies.items():
        each = ", ".join(f"{accuracy:.4f}" for accuracy in found)
        print(f"{name} labels: test accuracy {np.mean(found):.4f} +- {np.std(found, ddof=1):.4f} ({each})")
    for name in ("corrected", "true"):
        gain = np.subtract(accuracies[name], accuracies["swapped"])
        print(f"{name} - swapped: {np.mean(gain):+.4f} +- {np.std(gain, ddof=1):.4f}, in pairs")


def listed(folder: Path, per_class: int) -> list[tuple[str, str, str]]:
    """Path, class and set: of each class so many images for training, a fifth for validation, and so many to test."""
    rows = []
    for side, place in SETS.items():
        for kind in sorted(path for path in (folder / place).iterdir() if path.is_dir()):
            files = sorted(kind.glob("*.jpg"))
            first, count = (per_class, per_class // 5) if side == "validation" else (0, per_class)
            rows += [(str(path), kind.name, side) for path in files[first : first + count]]
    return rows


def measure(folder: Path, rows: list[tuple[str, str, str]], seed: int) -> dict[str, float]:
    """The test accuracy with each kind of labels."""
    random, classes = np.random.default_rng(seed), sorted({label for _, label, _ in rows})
    learned = [index for index, (_, _, side) in enumerate(rows) if side != "test"]
    swapped = set(random.choice(learned, round(SWAPPED * len(learned)), replace=False).tolist())
    planted = [
        (path, random.choice([other for other in classes if other != label]) if index in swapped else label, side)
        for index, (path, label, side) in enumerate(rows)
    ]
    tables = {name: write(folder / f"{name}.csv", table) for name, table in (("true", rows), ("swapped", planted))}
    corrections = folder / "corrections.json"
    suggest(tables["swapped"], rows, planted, corrections)
    return {
        "swapped": trained(tables["swapped"], folder / "swapped", seed),
        "corrected": trained(tables["swapped"], folder / "corrected", seed, corrections=corrections),
        "true": trained(tables["true"], folder / "true", seed),
    }


def suggest(
    table: Path, rows: list[tuple[str, str, str]], planted: list[tuple[str, str, str]], corrections: Path
) -> None:
    """Accept the suggestions of the audit about images that are trained on, and print how good they are."""
    true = {path: (label, side) for path, label, side in rows}
    wrong = {path for (path, label, _), (_, real, _) in zip(planted, rows, strict=True) if label != real}
    found = audit(table)
    names = {str(Path(table.parent, name)): name for name in found.dataset.source.names}
    paths = {name: path for path, name in names.items()}
    accepted = [
        (paths[finding.pictures[0]], finding) for finding in found.audit.of("probably mislabelled")
        if true[paths[finding.pictures[0]]][1] != "test"
    ]  # fmt: skip
    hits = [path for path, _ in accepted if path in wrong]
    mended = [path for path, finding in accepted if path in wrong and finding.suggested == true[path][0]]
    print(
        f"{len(accepted)} suggestions, {len(hits)} of the {len(wrong)} swapped labels among them, {len(mended)} with "
        f"the true class; {len(accepted) - len(hits)} labels that were right got another one"
    )
    save(
        Corrections(
            corrections=tuple(
                Correction(name=finding.pictures[0], decision="relabel", new_label=finding.suggested)
                for _, finding in accepted
            )
        ),
        corrections,
    )


def trained(table: Path, run: Path, seed: int, **options: Path) -> float:
    return eb.train(table, run, seed=seed, verbose=False, **options).test.accuracy


def write(path: Path, rows: list[tuple[str, str, str]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("path", "label", "split"), *rows])
    return path


if __name__ == "__main__":
    main()
