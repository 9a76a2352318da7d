"""Are the confidences of a detector the shares that are correct, and is its threshold the best one, on other images?

    .venv/bin/python benchmarks/detection_calibration.py RUN [--splits 12]

The validation and test images of a run are divided at random: on one part scales and thresholds are chosen, as a
training does, and measured on the other. Each line is a mean over the splits, with its standard deviation: the expected
calibration error of what is shown, F1 of all objects, and the mean F1 of the classes with at least 5 of them. The first
lines differ in the calibration: none, one scale for all classes, and as a training does. The last one has the threshold
in the middle of the gap at the best F1, by class, instead of half the best F1.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eyebright.model.folder import read_weights
from eyebright.runs.folder import Run
from eyebright.tasks.detection.geometry.finding import Detections
from eyebright.tasks.detection.model.detector import Detector
from eyebright.tasks.detection.model.evaluate import found_in, truths
from eyebright.tasks.detection.runs.opening import open_boxes, prepared_boxes
from eyebright.tasks.detection.trust.calibration import UNSCALED, ScoreScale, calibrate, calibrated
from eyebright.tasks.detection.trust.matching import Matches, Truth, match
from eyebright.tasks.detection.trust.thresholds import best_thresholds
from eyebright.trust.calibration import calibration_gap


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("run", type=Path)
    options.add_argument("--splits", type=int, default=12)
    given = options.parse_args()
    found, truth, count = images_of(Run(given.run))
    results: dict[str, list[tuple[float, float, float]]] = {}
    for seed in range(given.splits):
        first = np.random.default_rng(seed).random(len(found)) < 0.5
        chosen, measured = ([(found[at], truth[at]) for at in np.flatnonzero(part)] for part in (first, ~first))
        matches = matched(chosen, [UNSCALED] * count)
        scales = {
            "none": [UNSCALED] * count, "one scale": [one_scale(chosen)] * count, "by class": calibrate(matches, count),
        }  # fmt: skip
        for name, each in scales.items():
            fitted, other = matched(chosen, each), matched(measured, each)
            results.setdefault(name, []).append(scores(other, best_thresholds(fitted, count)))
        middles = np.array([middle(fitted, label) for label in range(count)])
        results.setdefault("by class, middle of the gap", []).append(scores(other, middles))
    for name, rows in results.items():
        cells = [f"{mean:.3f} ± {spread:.3f}" for mean, spread in np.stack([np.mean(rows, 0), np.std(rows, 0)], 1)]
        print(f"{name:28}", *cells, sep="  ")


def images_of(run: Run) -> tuple[tuple[Detections, ...], tuple[Truth, ...], int]:
    """What the network of a run finds in its validation and test images, their boxes, and the number of classes."""
    request, network = run.read()
    prepared = prepared_boxes(open_boxes(request, lambda _: None), request, network.input_shape[1], lambda _: None)
    classes = prepared.dataset.classes
    detector = Detector(network, classes, weights=read_weights(run.model / "weights.safetensors", network))
    at = np.concatenate([prepared.indices("validation"), prepared.indices("test")])
    return found_in(detector.predictor, prepared, at), truths(prepared, at, classes), len(classes)


def matched(pairs: Sequence[tuple[Detections, Truth]], scales: Sequence[ScoreScale]) -> Matches:
    """What meets what, with calibrated confidences."""
    return match([calibrated(found, scales) for found, _ in pairs], [truth for _, truth in pairs])


def one_scale(pairs: Sequence[tuple[Detections, Truth]]) -> ScoreScale:
    """The scale of all classes: that of one class, of which all that is found is."""
    matches = matched(pairs, [UNSCALED] * 1_000)
    return calibrate(matches._replace(label=0 * matches.label, box_label=0 * matches.box_label), 1)[0]


def middle(matches: Matches, label: int) -> float:
    """The middle between the last score that is shown at the best F1 of a class and the next one; 0.5 without any."""
    here = matches.evaluated & (matches.label == label)
    order = np.argsort(-matches.score[here], kind="stable")
    found, hits = matches.score[here][order], matches.correct[here][order].cumsum()
    if not len(found) or not hits[-1]:
        return 0.5
    boxes = (matches.counted[0] & (matches.box_label == label)).sum()
    best = int((2 * hits / (np.arange(len(hits)) + 1 + boxes)).argmax())
    return float(found[best] + np.append(found, 0.0)[best + 1]) / 2


def scores(matches: Matches, thresholds: NDArray[np.float64]) -> tuple[float, float, float]:
    """Calibration error, F1, and the mean F1 of classes."""
    shown = matches.evaluated & (matches.score >= thresholds[matches.label])
    boxes, each = matches.counted[0], []
    for label in range(len(thresholds)):
        of_class, count = shown & (matches.label == label), (boxes & (matches.box_label == label)).sum()
        if count >= 5:
            each.append(2 * (of_class & matches.correct).sum() / (of_class.sum() + count))
    f1 = 2 * (shown & matches.correct).sum() / (shown.sum() + boxes.sum())
    return calibration_gap(matches.score[shown], matches.correct[shown]), float(f1), float(np.mean(each))


if __name__ == "__main__":
    main()
