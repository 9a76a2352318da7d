"""Swapped labels planted in real photographs, and how many of them are among the most suspicious 5% of the labels.

    EYEBRIGHT_DATA=/path/to/pictures .venv/bin/python benchmarks/swapped_labels.py [--seeds 3]

3% of the flowers get the label of another class, in memory only. Duplicates are one group: no classifier predicts an
image after training on its duplicate. eyebright's ranking is compared with what cleanlab's documentation proposes on
the same features: CleanLearning around scikit-learn's logistic regression, with and without standardised features.
(cleanvision evaluates how images look, not their labels: it cannot find these.)
"""

import argparse
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

import eyebright as eb
from eyebright.data.audit.duplicates import find_duplicates
from eyebright.data.audit.labels import wrong_labels
from eyebright.data.pictures import Preparation
from eyebright.data.split import connected
from eyebright.model.features import features
from eyebright.runs.audit import out_of_fold

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
    print(f"{len(usable):,} images, features in {time.perf_counter() - start:.1f} s ({found.backbone.chosen})")
    groups = connected(len(usable), find_duplicates(pack.thumbnails(usable), pack.digests.at(usable)).pairs)

    def probabilities(given: np.ndarray) -> np.ndarray:
        return out_of_fold(values, given, len(dataset.classes), groups)

    rankings: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "eyebright": lambda given: probabilities(given)[np.arange(len(given)), given],
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
        print(f"{name}: {np.mean(shares):.3f} of the swapped labels in the top 5% ({each}), {np.median(seconds):.1f} s")
    given, swapped = plant(labels, np.random.default_rng(0))
    suggested = {wrong.image: wrong.suggested for wrong in wrong_labels(given, probabilities(given))}
    right = [suggested[index] == labels[index] for index in swapped.tolist() if index in suggested]
    print(f"reported: {len(suggested)} labels, {len(right)} of the {len(swapped)} swapped ones")
    print(f"the suggested class is correct for {sum(right)} of them")


def plant(labels: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Labels with some of them swapped, and the positions of these."""
    classes = labels.max() + 1
    swapped = random.choice(len(labels), round(SWAPPED * len(labels)), replace=False)
    given = labels.copy()
    given[swapped] = (given[swapped] + random.integers(1, classes, len(swapped))) % classes
    return given, swapped


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
