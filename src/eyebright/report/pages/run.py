"""The page of a run: how good the model is, where it is wrong, what it was made of, and what to do next.

A section stands in the page where there is something to show: the parts of `RunReport` that are None or empty are left
out.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from eyebright.data.corrections import Correction
from eyebright.report.pages.about import AboutRun
from eyebright.report.pages.charts import Chart
from eyebright.report.pages.page import Album, Embedded, render
from eyebright.report.pages.review import SCRIPTS, Review
from eyebright.system.table import Table
from eyebright.system.text import counted, percent
from eyebright.trust.metrics import ClassScore, Evaluation

MOST_IN_MATRIX = 50
"""Classes in a confusion matrix; of more, only the pairs that are confused are listed."""
MOST_IN_FULL = 12
"""Classes that are shown with images, the weakest; others are in a table."""
_MOST_PAIRS, _MOST_PAIRS_ALONE = 6, 60


class Shot(NamedTuple):
    """An image of the test set, as the page shows it.

    Args:
        image: The image.
        name: The name of its file.
        truth: Its class.
        predicted: The most probable class.
        confidence: The probability of this, 0 to 1.
        digest: The digest of its pixels in hexadecimal, for a decision about its label.
        answered: Whether it gets an answer: it is like the training images, and sure enough for what is promised.
        map: What speaks for the predicted class, drawn over the image; None if that is not computed.
    """

    image: Embedded
    name: str
    truth: str
    predicted: str
    confidence: float
    digest: str = ""
    answered: bool = True
    map: Embedded | None = None

    @property
    def correct(self) -> bool:
        """Whether the prediction is correct."""
        return self.truth == self.predicted

    @property
    def words(self) -> str:
        """What a screen reader says in place of the image."""
        return self.truth if self.correct else f"{self.truth}, predicted as {self.predicted}"


class Pair(NamedTuple):
    """Two classes that are confused: the positions of the true and of the predicted one, how often, and in words."""

    true: int
    predicted: int
    images: int
    words: str


class NetworkInput(NamedTuple):
    """What the network takes of an image.

    Args:
        label: Its class.
        whole: The whole image.
        box: The part that is used: left, top, right and bottom as shares of its width and height.
        prepared: The input of the network.
    """

    label: str
    whole: Embedded
    box: tuple[float, float, float, float]
    prepared: Embedded

    @property
    def kept(self) -> tuple[float, ...]:
        """Left, top, width and height of the part that is used, in pixels of the whole image; empty if it is all."""
        left, top, right, bottom = self.box
        wide, high = self.whole.width, self.whole.height
        kept = left * wide, top * high, (right - left) * wide, (bottom - top) * high
        return () if kept == (0, 0, wide, high) else tuple(round(side, 1) for side in kept)


class RunReport(NamedTuple):
    """Everything that the page shows.

    Args:
        about: What it shows beside the evaluation.
        test: The evaluation on the test set.
        album: The images of the page.
        answers: What it answers, and when it says that it does not know.
        answers_by_class: The same of each class, where something is promised of each.
        right: Examples of correct predictions.
        wrong: Examples of wrong ones.
        unlike: Test images that are so unlike the training images that they get no answer.
        worst: The most confident wrong predictions.
        redraw: The command that draws a map for each of these.
        cells: Images of cells of the confusion matrix, by the positions of the true and the predicted class.
        weakest: Images of each class that are predicted worst, by its name.
        trusted: Charts of whether confidence can be relied on.
        calibration: What the calibration error shows.
        promise: The command that trains a model which answers only where an accuracy is proven.
        robustness: The command that measures the accuracy on corrupted images, where that can be done more closely.
        left_out: Images that were left out, and why.
        duplicates: Sets of near-duplicates, some of their images.
        duplicates_text: What is done about these.
        suspected: Images whose labels are probably wrong, with what is predicted instead.
        suspected_text: How many there are; empty where labels were not checked.
        audit: The command that finds more.
        decided: What was decided about single images before the training.
        inputs: What the network takes of images.
        input_text: How images are brought to its size.
    """

    about: AboutRun
    test: Evaluation
    album: Album
    answers: Sequence[str] = ()
    answers_by_class: Table | None = None
    right: Sequence[Shot] = ()
    wrong: Sequence[Shot] = ()
    unlike: Sequence[Shot] = ()
    worst: Sequence[Shot] = ()
    redraw: str = ""
    cells: Mapping[tuple[int, int], Sequence[Shot]] = {}
    weakest: Mapping[str, Sequence[Shot]] = {}
    trusted: Sequence[Chart] = ()
    calibration: str = ""
    promise: str = ""
    robustness: str = ""
    left_out: Sequence[tuple[str, str]] = ()
    duplicates: Sequence[Sequence[tuple[Embedded, str]]] = ()
    duplicates_text: str = ""
    suspected: Sequence[Shot] = ()
    suspected_text: str = ""
    audit: str = ""
    decided: Sequence[Correction] = ()
    inputs: Sequence[NetworkInput] = ()
    input_text: str = ""


def run_page(report: RunReport) -> str:
    """The page of a run as HTML."""
    test = report.test
    low, high = test.interval
    rows = [sum(row) for row in test.confusion]
    few = len(test.classes) <= MOST_IN_MATRIX
    scores = by_weakness(test)
    return render(
        "run.html",
        report=report,
        about=report.about,
        counts="Images",
        test=test,
        album=report.album,
        correct=round(test.accuracy * test.pictures),
        low=low,
        high=high,
        guessing=max(rows) / test.pictures,
        matrix=_matrix(test) if few else (),
        pairs=_pairs(test)[: _MOST_PAIRS if few else _MOST_PAIRS_ALONE],
        weakest=scores[:MOST_IN_FULL],
        others=scores[MOST_IN_FULL:],
        worst_mapped=[shot for shot in report.worst if shot.map],
        worst_others=[shot for shot in report.worst if not shot.map],
        shown=_as_data(report),
        review=Review.of(test, report.about.name, [score.name for score in test.classes], report.decided),
        scripts=(*SCRIPTS, "run.js"),
    )


class Cell(NamedTuple):
    """A cell of the confusion matrix: how many images it has, how dark it is (0 to 10), and what it means."""

    predicted: int
    images: int
    shade: int
    words: str


def _matrix(test: Evaluation) -> list[list[Cell]]:
    names = [score.name for score in test.classes]
    return [
        [
            Cell(column, count, -(-10 * count // max(sum(row), 1)), cell_words(count, names[line], names[column]))
            for column, count in enumerate(row)
        ]
        for line, row in enumerate(test.confusion)
    ]


def cell_words(count: int, true: str, predicted: str) -> str:
    """What a cell of the confusion matrix means.

    >>> cell_words(2, "rose", "tulip")
    '2 images of rose predicted as tulip'
    """
    how = "predicted correctly" if true == predicted else f"predicted as {predicted}"
    return f"{counted(count, 'image')} of {true} {how}"


def _pairs(test: Evaluation) -> list[Pair]:
    """The classes that are confused, the most often first."""
    found = [
        Pair(line, column, count, cell_words(count, test.classes[line].name, test.classes[column].name))
        for line, row in enumerate(test.confusion)
        for column, count in enumerate(row)
        if count and line != column
    ]
    return sorted(found, key=lambda pair: -pair.images)


def by_weakness(test: Evaluation) -> list[ClassScore]:
    """The classes that have images or answers, the one with the lowest F1 first."""
    return sorted((score for score in test.classes if score.f1 is not None), key=lambda score: score.f1 or 0.0)


def _as_data(report: RunReport) -> dict[str, Any]:
    """The images behind the cells, for the script: each image once, and its number in each cell."""
    numbers: dict[str, int] = {}
    shots: list[tuple[str, int, int, str, str]] = []
    cells = {}
    for (true, predicted), found in report.cells.items():
        for shot in found:
            if shot.image.id not in numbers:
                numbers[shot.image.id] = len(shots)
                image = shot.image
                sure = f"{percent(shot.confidence)}{'' if shot.answered else ', no answer given'}"
                shots.append((image.id, image.width, image.height, shot.name, sure))
        cells[f"{true}-{predicted}"] = [numbers[shot.image.id] for shot in found]
    return {"images": shots, "cells": cells}
