from collections.abc import Callable

import numpy as np
import pytest
from msgspec.structs import replace

from eyebright.report.history import History
from eyebright.report.pages.about import AboutRun, ShownVerdict
from eyebright.report.pages.measured import reliability_chart, training_charts
from eyebright.report.pages.page import Album
from eyebright.report.pages.run import NetworkInput, RunReport, Shot
from eyebright.trust.calibration import reliability
from eyebright.trust.intervals import Difference, Share
from eyebright.trust.metrics import evaluate
from eyebright.trust.robustness import Corrupted, Robustness


@pytest.fixture
def make_report() -> Callable[..., RunReport]:
    """A report of as many classes as are named, with images of noise; `wrong` images of the first are mistakes."""

    def make(*names: str, wrong: int = 2, file: str = "a/b.jpg", **parts: object) -> RunReport:
        count = len(names)
        confusion = np.diag([10] * count)
        confusion[0, -1] += wrong if count > 1 else 0
        stream, album = np.random.default_rng(0), Album()
        labels, predicted = (
            np.repeat(places, confusion.ravel()) for places in np.indices(confusion.shape).reshape(2, -1)
        )
        log_probabilities = np.log(np.full((len(labels), count), 0.1))
        log_probabilities[np.arange(len(labels)), predicted] = np.log(0.9)
        noise = Corrupted(
            name="noise", severity=2, strength=0.12, unit="of the range", accuracy=Share.from_counts(10, 20),
            change=Difference(value=-0.4, low=-0.6, high=-0.1),
        )  # fmt: skip
        robustness = Robustness(clean=Share.from_counts(18, 20), corrupted=(noise,), of=22)
        test = replace(evaluate(log_probabilities, labels, names), robustness=robustness)

        def shot(number: int) -> Shot:
            image = album.add(number, stream.integers(0, 256, (64, 64, 3), np.uint8), 64)
            return Shot(image, f"{number}{file}", names[labels[number]], names[predicted[number]], 0.9)

        cells = {
            (true, answer): [shot(number) for number in np.flatnonzero((labels == true) & (predicted == answer))[:3]]
            for true, answer in np.argwhere(confusion).tolist()
        }
        mistakes = [one for shots in cells.values() for one in shots if not one.correct]
        commands = (f"eyebright train '{file}' -o NEW",)
        about = {
            "verdicts": [ShownVerdict("overfitting", f"Overfitting in {file}.", "Try:", commands)],
            "facts": [("Network", file)], "commands": [("To predict:", "eyebright predict RUN IMAGES")],
            "training": training_charts(History(loss=(1.0, 0.5), accuracy=(0.5, 0.8), best_epoch=2)),
            "data": ["12 images."], "sets": [(name, 1, 2, 3) for name in names], "settings": f"# {file}",
            "repeat": "eyebright train --config RUN/config.toml", "repeat_text": "Again:", "versions": {"python": "3"},
        }  # fmt: skip
        about |= {name: parts.pop(name) for name in AboutRun._fields if name in parts}
        whole = {
            "right": cells[0, 0], "wrong": mistakes, "worst": mistakes, "cells": cells,
            "weakest": {name: cells[index, index] for index, name in enumerate(names)},
            "trusted": [reliability_chart(reliability(np.full(20, 0.9), np.arange(20) > 2))], "calibration": "Fine.",
            "robustness": "eyebright report RUN --robustness", "left_out": [(file, "damaged")],
            "duplicates": [[(shot(0).image, file)] * 2], "audit": "eyebright audit IMAGES",
            "inputs": [NetworkInput(names[0], shot(0).image, (0.1, 0, 0.9, 1), shot(0).image)],
            "input_text": "Cropped.",
        }  # fmt: skip
        return RunReport(AboutRun(f"images {file}", "1 May 2026", **about), test, album, **whole | parts)

    return make
