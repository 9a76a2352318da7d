"""Precision and recall by threshold, as a figure and as a chart of the page."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.report.figures import GREY, new_figure, to_png
from eyebright.report.pages.charts import Axis, Chart, Series
from eyebright.report.pages.measured import reliability_chart
from eyebright.system.text import percent, printable, shorten
from eyebright.tasks.detection.report.overlay import COLOURS, STYLES
from eyebright.tasks.detection.trust.matching import Matches
from eyebright.trust.calibration import calibration_text, reliability

_MOST_POINTS, _MOST_LINES, _NAME_WIDTH = 120, 21, 20
_RECALLS = (0.5, 0.7, 0.8, 0.9, 0.95)


class Curve(NamedTuple):
    """Precision and recall at each confidence, from the highest to the lowest; each `(n,)`, 0 to 1.

    Args:
        scores: The confidence from which boxes are drawn.
        recall: The share of the labelled boxes that are found.
        precision: The share of the drawn boxes that are right.
    """

    scores: NDArray[np.float64]
    recall: NDArray[np.float64]
    precision: NDArray[np.float64]

    @classmethod
    def of(cls, matches: Matches, label: int | None = None) -> "Curve":
        """The curve of a class, or of all boxes together; empty where nothing is labelled."""
        chosen, boxes = matches.evaluated, matches.counted[0]
        if label is not None:
            chosen, boxes = chosen & (matches.label == label), boxes & (matches.box_label == label)
        order = np.argsort(-matches.score[chosen], kind="stable") if boxes.any() else np.zeros(0, np.int64)
        scores, right = matches.score[chosen][order], matches.correct[chosen][order]
        ends = np.flatnonzero(np.diff(scores, append=-np.inf))  # equal confidences are drawn together
        hits = np.cumsum(right)[ends]
        return cls(scores[ends], hits / max(int(boxes.sum()), 1), hits / (ends + 1))

    def at(self, threshold: float) -> tuple[float, float] | None:
        """Recall and precision at a threshold; None where nothing is drawn."""
        drawn = int(np.count_nonzero(self.scores >= threshold))
        return (float(self.recall[drawn - 1]), float(self.precision[drawn - 1])) if drawn else None


def draw_precision_recall(matches: Matches, classes: Sequence[str], thresholds: Sequence[float]) -> bytes:
    """Precision by recall of each class, with a dot at its threshold, as the content of a PNG file."""
    figure = new_figure(7, 5)
    axes = figure.subplots()
    for label, name in enumerate(classes[:_MOST_LINES]):
        curve, (style, colour) = Curve.of(matches, label), divmod(label, len(COLOURS))
        text = shorten(printable(name), _NAME_WIDTH)
        axes.plot(curve.recall, curve.precision, color=COLOURS[colour], linestyle=STYLES[style], label=text)
        if here := curve.at(thresholds[label]):
            axes.plot(*here, marker="o", color=COLOURS[colour], markeredgecolor="black")
    axes.plot([], [], marker="o", linestyle="", color=GREY, markeredgecolor="black", label="at the threshold")
    axes.set_xlim(0, 1.01)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("recall: share of the labelled boxes that are found")
    axes.set_ylabel("precision: share of the drawn boxes that are right")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return to_png(figure)


def recall_chart(matches: Matches, precision: float | None, recall: float | None) -> Chart:
    """Precision by recall of all boxes together, for the page.

    Args:
        matches: What meets what.
        precision: At the thresholds of the model; None where nothing is drawn.
        recall: The same.
    """
    curve = Curve.of(matches)
    shown = np.unique(np.linspace(0, len(curve.scores) - 1, min(_MOST_POINTS, len(curve.scores))).round().astype(int))
    points = tuple((float(curve.recall[at]), float(curve.precision[at])) for at in shown)
    series = [Series("all boxes", points)]
    words = "A lower threshold finds more objects, and draws more boxes where none is."
    if precision is not None and recall is not None:
        series.append(Series("at the threshold", ((recall, 0.0), (recall, 1.0)), "mark"))
        words += f" The model finds {percent(recall)}, and {percent(precision)} of its boxes are right."
    rows = []
    for share in _RECALLS:
        reached = np.flatnonzero(curve.recall >= share)
        if len(reached):
            at = reached[0]
            rows.append(tuple(percent(float(each[at])) for each in (curve.recall, curve.precision, curve.scores)))
    return Chart(
        "Precision and recall", words,
        Axis.linear("recall", 0, 1, _whole), Axis.linear("precision", 0, 1, _whole),
        tuple(series), ("recall", "precision", "from a confidence of"), tuple(rows),
    )  # fmt: skip


def confidence_chart(
    matches: Matches, thresholds: NDArray[np.floating], groups: NDArray[np.int64] | None = None
) -> Chart | None:
    """How often boxes of each confidence are right, for the page; None where nothing is drawn.

    Args:
        matches: What meets what.
        thresholds: The confidence from which boxes of each class are drawn.
        groups: Group number of each image, `(N,)`; None if images are independent.
    """
    drawn = matches.evaluated & (matches.score >= thresholds[matches.label])
    if not drawn.any():
        return None
    images = matches.image[drawn]
    found = reliability(matches.score[drawn], matches.correct[drawn], images if groups is None else groups[images])
    words = (
        "Of boxes with a confidence of 80%, 80% should be right: such points lie on the diagonal. Upright lines are "
        f"95% intervals. Expected calibration error {found.error:.3f}. "
        f"{calibration_text(found.error, found.by_chance)}."
    )
    return reliability_chart(found)._replace(
        title="Confidence of boxes", words=words, y=Axis.linear("share that is right", 0, 1, _whole),
        headings=("confidence", "boxes", "mean", "right"),
    )  # fmt: skip


def _whole(share: float) -> str:
    return percent(share, 0)
