"""Which calibration is best for few images, and how the default training's confidences do: the table in README.md.

    EYEBRIGHT_DATA=/path/to/pictures .venv/bin/python benchmarks/calibration.py [--runs FOLDER] [--draws 100]

On each data set the default training is made once. Its validation and test images together are drawn into two halves,
in whole groups, again and again: on up to 50, 100, 300 or 650 images of one half a calibration is fitted, on the other
half it is measured. Told are the mean expected calibration error, in how many draws it is at most the 95% quantile of
a perfectly calibrated model's, in how many it is above the uncalibrated error, the loss, and the accuracy.
"""

import argparse
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression

import eyebright as eb
from eyebright.data.prepare import prepare
from eyebright.model.predictor import BATCH_SIZE
from eyebright.runs.folder import Run
from eyebright.runs.resume import reopen
from eyebright.training.receivers import to_all
from eyebright.trust.calibration import (
    ErrorByChance,
    expected_calibration_error,
    fit_temperature,
    temperature_helps,
)
from eyebright.trust.metrics import log_softmax, softmax

SETS = ("flowers", "cifar10", "traffic_signs", "faces", "fashion")
SIZES = (50, 100, 300, 650)

Array: TypeAlias = NDArray[np.float64]
Labels: TypeAlias = NDArray[np.int64]
Calibrated: TypeAlias = Callable[[Array], Array]
"""From logits `(N, classes)` to probabilities."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", default="calibration_runs", type=Path, help="where the trainings are kept")
    parser.add_argument("--draws", type=int, default=100)
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # isotonic regression of classes without images
    for name in SETS:
        logits, labels, groups = held_out(name, args.runs)
        for size in SIZES:
            measure(name, size, logits, labels, groups, args.draws)


def held_out(name: str, runs: Path) -> tuple[Array, Labels, Labels]:
    """Uncalibrated logits, labels and groups of the validation and test images of a default training."""
    run = Run(runs / name)
    if not run.model.exists():
        eb.train(Path(os.environ["EYEBRIGHT_DATA"], name), run.path, verbose=False)
    classifier = eb.Classifier.load(run.path)
    dataset = reopen(run, run.read()[0], to_all(()))
    prepared = prepare(dataset, classifier.preparation, classes=classifier.classes)
    test, validation = prepared.indices("test"), prepared.indices("validation")
    indices = np.sort(np.concatenate([validation, test]))
    answer, read = classifier.predictor.probabilities, prepared.pack.read
    parts = [answer(read(indices[at : at + BATCH_SIZE])) for at in range(0, len(indices), BATCH_SIZE)]
    logits = classifier.calibration.temperature * np.log(np.maximum(np.concatenate(parts).astype(float), 1e-30))
    groups = np.arange(len(indices)) if prepared.groups is None else prepared.groups[indices]
    told = classifier.metrics["test"]
    print(f"{name}: test accuracy {told.headline}; calibration error {told.calibration_error:.3f}, of a perfectly "
          f"calibrated model {told.error_by_chance}, temperature {classifier.calibration.temperature:.2f}")  # fmt: skip
    return logits, prepared.labels[indices], groups


def measure(name: str, size: int, logits: Array, labels: Labels, groups: Labels, draws: int) -> None:
    """Print a line for each method."""
    stream, rows = np.random.default_rng(0), dict[str, list[tuple[float, ...]]]()
    numbers = np.unique(groups)
    for _ in range(draws):
        fitting = np.isin(groups, stream.permutation(numbers)[: len(numbers) // 2])
        chosen, rest = stream.permutation(np.flatnonzero(fitting))[:size], ~fitting
        for method, fit in METHODS.items():
            found = fit(logits[chosen], labels[chosen], groups[chosen])(logits[rest])
            rows.setdefault(method, []).append(figures(found, labels[rest]))
    uncalibrated = np.array(rows["none"])[:, 0]
    for method, told in rows.items():
        table = np.array(told)
        error, within, loss, accuracy = table.mean(axis=0)
        harmed = (table[:, 0] > uncalibrated + 1e-9).mean()
        print(f"| {name} | {min(size, int(fitting.sum()))} | {method} | {error:.3f} ± {table[:, 0].std():.3f} "
              f"| {within:.0%} | {harmed:.0%} | {loss:.3f} | {accuracy:.1%} |", flush=True)  # fmt: skip


def figures(probabilities: Array, labels: Labels) -> tuple[float, ...]:
    """Calibration error, whether chance explains it, loss and accuracy."""
    error = expected_calibration_error(probabilities, labels)
    truth = probabilities[np.arange(len(labels)), labels]
    within = error <= ErrorByChance.of(probabilities.max(axis=1)).limit
    loss = -np.log(np.maximum(truth, 1e-12)).mean()
    return error, float(within), float(loss), float((probabilities.argmax(axis=1) == labels).mean())


def none(logits: Array, labels: Labels, groups: Labels) -> Calibrated:
    return softmax


def temperature(logits: Array, labels: Labels, groups: Labels) -> Calibrated:
    fitted = fit_temperature(logits, labels)
    return lambda others: softmax(others / fitted)


def temperature_kept(logits: Array, labels: Labels, groups: Labels) -> Calibrated:
    """What eyebright does: only where cross-validation says that it helps."""
    return temperature(logits, labels, groups) if temperature_helps(logits, labels, groups) else softmax


def vector_scaling(logits: Array, labels: Labels, groups: Labels) -> Calibrated:
    """A factor and a shift for each class (Guo et al. 2017, section 4.2)."""
    classes, rows = logits.shape[1], np.arange(len(labels))

    def loss(values: Array) -> tuple[float, Array]:
        logarithms = log_softmax(logits * values[:classes] + values[classes:])
        slope = np.exp(logarithms) / len(labels)
        slope[rows, labels] -= 1 / len(labels)
        gradient = np.concatenate([(slope * logits).sum(axis=0), slope.sum(axis=0)])
        return float(-logarithms[rows, labels].mean()), gradient

    start = np.concatenate([np.ones(classes), np.zeros(classes)])
    fitted = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 200}).x
    return lambda others: softmax(others * fitted[:classes] + fitted[classes:])


def isotonic(logits: Array, labels: Labels, groups: Labels) -> Calibrated:
    """A monotone function for each class against the rest (Zadrozny and Elkan 2002), made to sum to 1."""
    known = softmax(logits)
    curves = [
        IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(known[:, label], labels == label)
        for label in range(logits.shape[1])
    ]

    def calibrated(others: Array) -> Array:
        values = np.stack([curve.predict(column) for curve, column in zip(curves, softmax(others).T, strict=True)], 1)
        values += 1e-6
        return np.asarray(values / values.sum(axis=1, keepdims=True))

    return calibrated


METHODS = {
    "none": none,
    "temperature, where it helps": temperature_kept,
    "temperature, always": temperature,
    "vector scaling": vector_scaling,
    "isotonic": isotonic,
}

if __name__ == "__main__":
    main()
