"""Which calibration is best for few images, and which rule says whether a temperature is used: tables in README.md.

    EYEBRIGHT_DATA=/path/to/pictures .venv/bin/python benchmarks/calibration.py [--draws 40] [--seeds 4] [--parts rules]

For each data set and seed the head of the default training is fitted, on the features of EfficientNet-Lite0 of its
training images.

methods  The validation and test images of the first seed together are drawn into two halves, in whole groups, again and
         again: on up to 50, 100, 300 or 650 images of one half a calibration is fitted, on the other half it is
         measured. Printed are the mean expected calibration error, in how many draws it is at most the 95% quantile of
         a perfectly calibrated model's, in how many it is above the uncalibrated error, the loss, and the accuracy.
rules    The rule was chosen on the validation images alone: drawn into halves as above, fitted on one and measured on
         the other. On the test images, with what is fitted on all validation images, it was measured afterwards.
"""

import argparse
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression

from eyebright.data.dataset import Dataset
from eyebright.data.prepare import prepare
from eyebright.model.backbone import Backbone
from eyebright.runs.auto import backbone_px
from eyebright.training.head import fit_head
from eyebright.trust.calibration import (
    FOLDS,
    ErrorByChance,
    expected_calibration_error,
    fit_temperature,
    temperature_helps,
)
from eyebright.trust.metrics import log_softmax, softmax
from promise import read

SETS = ("flowers", "cifar10", "traffic_signs", "faces", "fashion/folder")
SIZES = (50, 100, 300, 650)
FEW = 1_000  # images in a data set: its figures vary most

Array: TypeAlias = NDArray[np.float64]
Labels: TypeAlias = NDArray[np.int64]
Calibrated: TypeAlias = Callable[[Array], Array]
"""From logits `(N, classes)` to probabilities."""


class Answered(NamedTuple):
    """Uncalibrated logits `(N, classes)`, labels and groups of images."""

    logits: Array
    labels: Labels
    groups: Labels

    def at(self, chosen: NDArray[np.bool_]) -> "Answered":
        """Some of them."""
        return Answered(*(values[chosen] for values in self))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--draws", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=4, help="of faces and Fashion-MNIST four times as many")
    parser.add_argument("--parts", nargs="*", default=("methods", "rules"))
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # isotonic regression of classes without images
    heads = {}
    for name in SETS:
        dataset = Dataset.open(Path(os.environ["EYEBRIGHT_DATA"], name))
        values, _ = read(dataset)
        seeds = args.seeds * (4 if len(dataset) < FEW else 1)
        heads[name] = [held_out(dataset, values, seed) for seed in range(seeds)]
        for size in SIZES if "methods" in args.parts else ():
            both = Answered(*map(np.concatenate, zip(*heads[name][0], strict=True)))
            measure(name, size, *both, args.draws)
    if "rules" in args.parts:
        compare_rules(heads, args.draws)


def held_out(dataset: Dataset, values: NDArray[np.float32], seed: int) -> tuple[Answered, Answered]:
    """What the head of a default training gives for its validation and its test images."""
    split = Dataset(dataset.source, dataset.classes, dataset.labels, seed=seed)
    prepared = prepare(split, Backbone(size_px=backbone_px(dataset.typical_side())).preparation)
    train = prepared.indices("train")
    head = fit_head(values[train], prepared.labels[train], len(dataset.classes), prepared.groups_at(train))
    groups = np.arange(len(dataset)) if prepared.groups is None else prepared.groups
    here = [prepared.indices(side) for side in ("validation", "test")]
    one, other = (Answered(head.logits(values[at]).astype(float), prepared.labels[at], groups[at]) for at in here)
    return one, other


def compare_rules(heads: dict[str, list[tuple[Answered, Answered]]], draws: int) -> None:
    """Print a line for each rule and kind of images; the sets weigh the same."""
    for images in ("validation", "test"):
        changes: dict[str, list[Array]] = {rule: [] for rule in RULES}
        for pairs in heads.values():
            found: dict[str, list[tuple[float, float, float]]] = {rule: [] for rule in RULES}
            for validation, test in pairs:
                halves = _halves(validation, draws) if images == "validation" else [(validation, test)]
                for fitting, rest in halves:
                    factor = fit_temperature(fitting.logits, fitting.labels)
                    for rule, helps in RULES.items():
                        used = helps(fitting)
                        found[rule].append((*effect(rest, factor if used else 1.0), float(used)))
            for rule, values in found.items():
                changes[rule].append(np.array(values))
        for rule, of_sets in changes.items():
            worse, change, loss_worse, loss, used = np.mean(
                [((v[:, 0] > 1e-9).mean(), v[:, 0].mean(), (v[:, 1] > 1e-9).mean(), v[:, 1].mean(), v[:, 2].mean())
                 for v in of_sets], axis=0)  # fmt: skip
            worst = max(float(values[:, 0].max()) for values in of_sets)
            print(f"| {images} | {rule} | {used:.0%} | {worse:.1%} | {change:+.4f} | {worst:+.3f} | {loss_worse:.1%} "
                  f"| {loss:+.4f} |", flush=True)  # fmt: skip


def gained(images: Answered) -> tuple[float, float]:
    """The cross-validated gain in loss in standard errors, and the change of the calibration error."""
    _, number = np.unique(images.groups, return_inverse=True)
    scaled, truth = images.logits.copy(), (np.arange(len(number)), images.labels)
    for fold in range(FOLDS):
        out = number % FOLDS == fold
        scaled[out] /= fit_temperature(images.logits[~out], images.labels[~out])
    before, after = log_softmax(images.logits), log_softmax(scaled)
    gain = np.bincount(number, after[truth] - before[truth])
    errors = [expected_calibration_error(np.exp(each), images.labels) for each in (after, before)]
    return float(gain.sum() / (gain.std(ddof=1) * np.sqrt(len(gain)))), errors[0] - errors[1]


def lower_both(images: Answered) -> bool:
    """The rule before."""
    gain, error = gained(images)
    return gain > 0 and error <= 0


RULES: dict[str, Callable[[Answered], bool]] = {
    "always": lambda images: True,
    "lower loss and lower calibration error": lower_both,
    "lower loss": lambda images: gained(images)[0] > 0,
    "lower by 0.5 standard errors": lambda images: gained(images)[0] > 0.5,
    "lower by 1 standard error (eyebright)": lambda images: temperature_helps(*images),
    "lower by 1.64 standard errors": lambda images: gained(images)[0] > 1.64,
}


def _halves(images: Answered, draws: int) -> Iterator[tuple[Answered, Answered]]:
    """Two halves of the images in whole groups, many times."""
    stream, numbers = np.random.default_rng(0), np.unique(images.groups)
    for _ in range(draws):
        one = np.isin(images.groups, stream.permutation(numbers)[: len(numbers) // 2])
        yield images.at(one), images.at(~one)


def effect(images: Answered, factor: float) -> tuple[float, float]:
    """How a temperature changes calibration error and loss."""
    truth = np.arange(len(images.labels)), images.labels
    before, after = (log_softmax(images.logits / each) for each in (1.0, factor))
    error = expected_calibration_error(np.exp(after), images.labels) - expected_calibration_error(
        np.exp(before), images.labels
    )
    return error, float((before[truth] - after[truth]).mean())


def measure(name: str, size: int, logits: Array, labels: Labels, groups: Labels, draws: int) -> None:
    """Print a line for each method."""
    stream, rows = np.random.default_rng(0), dict[str, list[tuple[float, ...]]]()
    numbers = np.unique(groups)
    for _ in range(draws):
        fitting = np.isin(groups, stream.permutation(numbers)[: len(numbers) // 2])
        chosen, rest = stream.permutation(np.flatnonzero(fitting))[:size], ~fitting
        for method, fit in METHODS.items():
            found = fit(logits[chosen], labels[chosen], groups[chosen])(logits[rest])
            rows.setdefault(method, []).append(figures(found, labels[rest], groups[rest]))
    uncalibrated = np.array(rows["none"])[:, 0]
    for method, shown in rows.items():
        table = np.array(shown)
        error, within, loss, accuracy = table.mean(axis=0)
        harmed = (table[:, 0] > uncalibrated + 1e-9).mean()
        print(f"| {name} | {min(size, int(fitting.sum()))} | {method} | {error:.3f} ± {table[:, 0].std():.3f} "
              f"| {within:.0%} | {harmed:.0%} | {loss:.3f} | {accuracy:.1%} |", flush=True)  # fmt: skip


def figures(probabilities: Array, labels: Labels, groups: Labels) -> tuple[float, ...]:
    """Calibration error, whether chance explains it, loss and accuracy."""
    error = expected_calibration_error(probabilities, labels)
    truth = probabilities[np.arange(len(labels)), labels]
    correct = probabilities.argmax(axis=1) == labels
    within = error <= ErrorByChance.of(probabilities.max(axis=1), correct, groups).limit
    loss = -np.log(np.maximum(truth, 1e-12)).mean()
    return error, float(within), float(loss), float(correct.mean())


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
