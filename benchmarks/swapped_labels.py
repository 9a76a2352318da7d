"""Swapped labels planted in real photographs, and how many of them stand in the top 5 % of the ranking.

    EYEBRIGHT_DATA=/path/to/pictures .venv/bin/python benchmarks/swapped_labels.py [--seeds 3]

3 % of the flowers get the label of another class, in memory only. Copies are one group: none vouches for another.
Beside eyebright's ranking stands what cleanlab's documentation proposes on the same features: CleanLearning around
scikit-learn's logistic regression, as it stands and with the features standardised. (cleanvision judges looks, not
labels: it cannot find these.)
"""

import argparse
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

import eyebright as eb
from eyebright.data.audit.duplicates import clusters, copies
from eyebright.data.audit.labels import out_of_fold, quality, wrong_labels
from eyebright.data.pictures import Preparation
from eyebright.model.features import features

SWAPPED, TOP = 0.03, 0.05


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    seeds = parser.parse_args().seeds
    dataset = eb.Dataset.from_folder(Path(os.environ["EYEBRIGHT_DATA"]) / "flowers")
    pack = dataset.pack(Preparation(width=32, height=32))
    start = time.perf_counter()
    found = features(dataset.source.open, pack.digests)
    usable = np.flatnonzero(found.rows >= 0)
    values, labels = found.read(usable), dataset.labels[usable]
    print(f"{len(usable):,} pictures, features in {time.perf_counter() - start:.1f} s ({found.backbone.chosen})")
    groups = sets_of_copies(pack.digests, pack.prints(usable)["thumbnail"])
    rankings: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "eyebright": lambda given: quality(given, out_of_fold(values, given, groups)),
        "CleanLearning": lambda given: clean_learning(values, given, scaled=False),
        "CleanLearning, standardised": lambda given: clean_learning(values, given, scaled=True),
    }
    for name, rank in rankings.items():
        shares, seconds = [], []
        for seed in range(seeds):
            given, swapped = plant(labels, np.random.default_rng(seed))
            start = time.perf_counter()
            worst = np.argsort(rank(given), kind="stable")[: round(TOP * len(given))]
            seconds.append(time.perf_counter() - start)
            shares.append(np.isin(swapped, worst).mean())
        each = ", ".join(f"{share:.3f}" for share in shares)
        print(f"{name}: {np.mean(shares):.3f} of the swapped in the top 5 % ({each}), {np.median(seconds):.1f} s")
    given, swapped = plant(labels, np.random.default_rng(0))
    told = {suspect.picture: suspect.suggested for suspect in wrong_labels(given, out_of_fold(values, given, groups))}
    right = [told[index] == labels[index] for index in swapped.tolist() if index in told]
    print(
        f"told as wrong: {len(told)}, {len(right)} of {len(swapped)} swapped; the suggestion is right for {sum(right)}"
    )


def plant(labels: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Labels of which some are swapped, and the positions of those."""
    classes = labels.max() + 1
    swapped = random.choice(len(labels), round(SWAPPED * len(labels)), replace=False)
    given = labels.copy()
    given[swapped] = (given[swapped] + random.integers(1, classes, len(swapped))) % classes
    return given, swapped


def sets_of_copies(digests: list[bytes], thumbnails: np.ndarray) -> np.ndarray:
    """The number of the set of copies that each picture is in."""
    content = [digest for digest in digests if digest]
    return clusters(len(content), copies(thumbnails, content).pairs)


def clean_learning(values: np.ndarray, given: np.ndarray, *, scaled: bool) -> np.ndarray:
    from cleanlab.classification import CleanLearning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(*([StandardScaler()] if scaled else []), LogisticRegression(max_iter=400))
    warnings.simplefilter("ignore")  # the 400 iterations of its tutorial do not always converge here
    return CleanLearning(model, seed=0).find_label_issues(values, given)["label_quality"].to_numpy()


if __name__ == "__main__":
    main()
