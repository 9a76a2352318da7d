"""Are promises kept? Accuracy 95 and 99% and coverage 95%, with a confidence of 95%, in resamplings of real images.

    EYEBRIGHT_DATA=/path/to/pictures .venv/bin/python benchmarks/promise.py [--draws 50] [--seeds 4] [--sets flowers]

A head is trained on the features of EfficientNet-Lite0 of 40% of the images, and 10% give the temperature. The others
are the population: half as many are drawn from it with replacement, a promise is made by these, and whether it is kept
is counted on the whole population. So the figure has no chance of a test set in it. Of images in groups, groups are
drawn and one image of each counts, as in `HeldBack.independent`. Beside it two other ways of choosing a threshold:

plain   the lowest threshold above which the drawn images keep the promise
SGR     Geifman and El-Yaniv 2017, "Selective Classification for Deep Neural Networks", algorithm 1

A promise that is refused is kept, with nothing answered.

99% takes 299 answers without a mistake, or more with a few. Where a head can give them is measured on two easier tasks:
CIFAR-10 as vehicles and animals, and the scanned digits of scikit-learn.
"""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from eyebright.data.dataset import Dataset
from eyebright.data.prepare import prepare
from eyebright.model.backbone import Backbone
from eyebright.model.features import features
from eyebright.runs.auto import backbone_px
from eyebright.training.head import fit_head
from eyebright.trust.calibration import fit_temperature
from eyebright.trust.metrics import softmax
from eyebright.trust.prediction_sets import set_scores
from eyebright.trust.selective import (
    CHANCE,
    confidence_threshold,
    error_bound,
    least_images,
    most_wrong,
    risk_coverage,
)

SETS = "flowers", "cifar10", "traffic_signs", "faces", "fashion/folder", "vehicles", "digits"
VEHICLES = "airplane", "automobile", "ship", "truck"
RISKS = 0.05, 0.01
Rule: TypeAlias = Callable[[NDArray[np.floating], NDArray[np.bool_], float], float | None]


class Population(NamedTuple):
    """Answers for images that were neither trained on nor used for a choice, in groups that are drawn as a whole."""

    confidence: NDArray[np.floating]
    correct: NDArray[np.bool_]
    scores: NDArray[np.floating]  # of all classes, for sets of labels
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]  # numbered from 0

    @property
    def weight(self) -> NDArray[np.floating]:
        """Each group weighs the same, `(N,)`."""
        return (1 / np.bincount(self.groups))[self.groups]

    def draw(self, random: np.random.Generator) -> NDArray[np.int64]:
        """One image of each of half as many groups, drawn with replacement."""
        shuffled = random.permutation(len(self.groups))
        _, first = np.unique(self.groups[shuffled], return_index=True)
        return random.choice(shuffled[first], len(first) // 2)


def main() -> None:
    """Print a row for each set and promise."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--draws", type=int, default=50, help="from each population")
    parser.add_argument("--seeds", type=int, default=4, help="splits, each with a head and a population")
    parser.add_argument("--sets", nargs="*", default=SETS)
    args = parser.parse_args()
    for name in args.sets:
        values, dataset = read(opened(name))
        populations = [population(dataset, values, seed) for seed in range(args.seeds)]
        accuracy = np.mean([each.correct.mean() for each in populations])
        drawn = len(populations[0].draw(np.random.default_rng(0)))
        print(f"{name}: accuracy {accuracy:.1%}; {drawn} images drawn")
        for risk in RISKS:
            if drawn < least_images(risk):
                print(f"  accuracy {1 - risk:g}: refused, it takes {least_images(risk)} images")
                continue
            found = [f"{rule}: {compared(populations, RULES[rule], risk, args.draws)}" for rule in RULES]
            print(f"  accuracy {1 - risk:g}: {'; '.join(found)}")
        print(f"  coverage 0.95: {covered(populations, 0.05, args.draws)}")


def opened(name: str) -> Dataset:
    """The images of a task."""
    if name == "digits":
        digits = load_digits()
        return Dataset.from_arrays((digits.images / 16).astype(np.float32), digits.target.tolist())
    whole = Dataset.open(Path(os.environ["EYEBRIGHT_DATA"]) / ("cifar10" if name == "vehicles" else name))
    if name != "vehicles":
        return whole
    vehicle = np.isin(whole.labels, [whole.classes.index(each) for each in VEHICLES])
    return Dataset(whole.source, ("animal", "vehicle"), vehicle.astype(np.int64))


def read(dataset: Dataset) -> tuple[NDArray[np.float32], Dataset]:
    """The features of all images."""
    backbone = Backbone(size_px=backbone_px(dataset.typical_side()))
    pack = dataset.pack(backbone.preparation)
    found = features(lambda index: pack.read([index])[0], pack.digests, backbone)
    return found.read(np.arange(len(dataset))), dataset


def population(dataset: Dataset, values: NDArray[np.float32], seed: int) -> Population:
    """The answers of a head that is trained on other images."""
    split = Dataset(dataset.source, dataset.classes, dataset.labels, seed=seed, validation=0.1, test=0.5)
    prepared = prepare(split, Backbone(size_px=backbone_px(dataset.typical_side())).preparation)
    train, validation, rest = map(prepared.indices, ("train", "validation", "test"))
    head = fit_head(values[train], prepared.labels[train], len(dataset.classes), prepared.groups_at(train))
    temperature = fit_temperature(head.logits(values[validation]), prepared.labels[validation])
    probabilities, labels = softmax(head.logits(values[rest]) / temperature), prepared.labels[rest]
    groups = prepared.groups_at(rest)
    numbers = np.arange(len(rest)) if groups is None else np.unique(groups, return_inverse=True)[1]
    correct = probabilities.argmax(axis=1) == labels
    return Population(probabilities.max(axis=1), correct, set_scores(probabilities), labels, numbers)


def compared(populations: list[Population], rule: Rule, risk: float, draws: int) -> str:
    """How often a rule keeps the promise, and how many images it answers."""
    kept, coverage, refused = [], [], 0
    for seed, each in enumerate(populations):
        random = np.random.default_rng(seed)
        for _ in range(draws):
            drawn = each.draw(random)
            threshold = rule(each.confidence[drawn], each.correct[drawn], risk)
            refused += threshold is None
            answered = each.weight * (each.confidence >= (np.inf if threshold is None else threshold))
            wrong = (answered * ~each.correct).sum()
            kept.append(wrong <= risk * answered.sum())
            coverage.append(answered.sum() / each.weight.sum())
    share = f"{np.mean(coverage):.1%} +- {np.std(coverage):.1%}"
    return f"kept {np.mean(kept):.1%}, answers {share}{f', refused {refused / len(kept):.1%}' if refused else ''}"


def covered(populations: list[Population], risk: float, draws: int) -> str:
    """How often sets of labels hold the true class as often as promised, and how large they are."""
    kept, sizes = [], []
    for seed, each in enumerate(populations):
        random, own = np.random.default_rng(seed), each.scores[np.arange(len(each.labels)), each.labels]
        for _ in range(draws):
            drawn = each.draw(random)
            most = most_wrong(len(drawn), risk)
            if most < 0:
                return f"refused, it takes {least_images(risk)} images"
            limit = np.sort(own[drawn])[::-1][most]
            kept.append((each.weight * (own > limit)).sum() <= risk * each.weight.sum())
            sizes.append(np.average((each.scores <= limit).sum(axis=1), weights=each.weight))
    return f"kept {np.mean(kept):.1%}, {np.mean(sizes):.2f} +- {np.std(sizes):.2f} labels"


def plain(confidence: NDArray[np.floating], correct: NDArray[np.bool_], risk: float) -> float | None:
    """The lowest threshold above which the images themselves keep the promise."""
    curve = risk_coverage(confidence, correct)
    passed = np.flatnonzero(curve.risk <= risk)
    return float(curve.threshold[passed[-1]]) if len(passed) else None


def sgr(confidence: NDArray[np.floating], correct: NDArray[np.bool_], risk: float) -> float | None:
    """Selection with guaranteed risk: a binary search, each step tested with its part of the chance."""
    order = np.argsort(-confidence, kind="stable")
    ranked, wrong = confidence[order], np.cumsum(~correct[order])
    steps, low, high, found = int(np.ceil(np.log2(len(ranked)))), 1, len(ranked), None
    for _ in range(steps):
        count = (low + high + 1) // 2
        if error_bound(int(wrong[count - 1]), count, CHANCE / steps) <= risk:
            low, found = count, float(ranked[count - 1])
        else:
            high = max(count - 1, 1)
    return found


RULES: dict[str, Rule] = {"ours": confidence_threshold, "SGR": sgr, "plain": plain}


if __name__ == "__main__":
    main()
