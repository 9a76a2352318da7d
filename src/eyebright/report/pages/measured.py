"""The charts of a run: accuracy and loss by epoch, the strengths of a penalty, reliability, risk and coverage."""

import math

import numpy as np
from numpy.typing import NDArray

from eyebright.report.history import History
from eyebright.report.pages.charts import Axis, Chart, Series
from eyebright.system.text import percent
from eyebright.training.events.fitting import HeadFitted
from eyebright.trust.calibration import Reliability
from eyebright.trust.selective import RiskCoverage

_COVERAGES = (1.0, 0.9, 0.75, 0.5, 0.25)
_MOST_POINTS = 120


def _whole(share: float) -> str:
    return percent(share, 0)


def training_charts(history: History, measure: str = "Accuracy") -> list[Chart]:
    """Accuracy (or another measure) and loss by epoch, measured in the same way on training and validation images."""
    epochs = len(history.loss)
    if not epochs:
        return []
    highest = max(*history.loss, *history.validation_loss, 1e-3)
    return [
        _by_epoch(measure, history.accuracy, history.validation_accuracy, Axis.linear("", 0, 1, _whole), history),
        _by_epoch("Loss", history.loss, history.validation_loss, Axis.linear("", 0, highest), history),
    ]


def _by_epoch(title: str, train: tuple[float, ...], validation: tuple[float, ...], y: Axis, history: History) -> Chart:
    epochs, best = len(train), history.best_epoch
    text = "{:.3f}".format if title == "Loss" else percent
    at = (best or epochs) - 1
    kept = ", which the model keeps" if best else ""
    words = f"{title} after epoch {at + 1}{kept}: {text(train[at])} on training images"
    words += f", {text(validation[at])} on validation images." if validation else "."
    series = [Series("training", tuple(enumerate(train, 1)), "two")]
    series += [Series("validation", tuple(enumerate(validation, 1)))] if validation else []
    headings = ("epoch", *(each.name for each in series))
    rows = tuple((str(epoch), *(text(each.points[epoch - 1][1]) for each in series)) for epoch in range(1, epochs + 1))
    if best:
        series.append(Series(f"kept: epoch {best}", ((best, y.low), (best, y.high)), "mark"))
    step = max(math.ceil(epochs / 8), 1)
    x = Axis("epoch", 0.5, epochs + 0.5, tuple((number, str(number)) for number in range(step, epochs + 1, step)))
    return Chart(title, words, x, y, tuple(series), headings, rows)


def penalty_charts(path: HeadFitted) -> list[Chart]:
    """Error and loss of a head by the strength of the penalty on its weights; it has no epochs."""
    x = Axis.of_values("strength of the penalty", path.strengths)
    chosen = path.strengths.index(path.strength)
    charts = []
    for title, values, text in (
        ("Error", tuple(1 - accuracy for accuracy in path.accuracies), percent),
        ("Loss", path.losses, "{:.3f}".format),
    ):
        y = Axis.linear("", 0, 1.1 * max(*values, 1e-3), _whole if title == "Error" else "{:g}".format)
        series = (
            Series("cross-validated on the training images", tuple(zip(path.strengths, values, strict=True))),
            Series(f"chosen: {path.strength:g}", ((path.strength, y.low), (path.strength, y.high)), "mark"),
        )
        words = (
            f"Only the head was trained, which has no epochs. {title} by the strength of the penalty on its weights: "
            f"{text(values[chosen])} with {path.strength:g}, which was chosen."
        )
        rows = tuple((f"{strength:g}", text(value)) for strength, value in zip(path.strengths, values, strict=True))
        charts.append(Chart(title, words, x, y, series, ("strength", title.lower()), rows))
    return charts


def reliability_chart(found: Reliability) -> Chart:
    """How often answers of each confidence are right; a calibrated model lies on the diagonal."""
    points = tuple((one.confidence, one.accuracy.value) for one in found.bins)
    bars = tuple((one.accuracy.low, one.accuracy.high) for one in found.bins)
    rows = tuple(
        (f"{_whole(one.low)} to {_whole(one.high)}", f"{one.accuracy.of:,}",
         percent(one.confidence), percent(one.accuracy.value)) for one in found.bins
    )  # fmt: skip
    return Chart(
        "Confidence and accuracy",
        "Of answers with a confidence of 80%, 80% should be correct: such points lie on the diagonal. "
        "Upright lines are 95% intervals.",
        Axis.linear("confidence", 0, 1, _whole),
        Axis.linear("accuracy", 0, 1, _whole),
        (Series("perfectly calibrated", ((0, 0), (1, 1)), "mark"), Series("this model", points, "one", bars)),
        ("confidence", "images", "mean", "accuracy"),
        rows,
    )


def coverage_chart(found: RiskCoverage) -> Chart:
    """How accurate the answers are where the least confident images get none."""
    accuracy = 1 - found.risk
    shown = np.unique(np.linspace(0, len(accuracy) - 1, min(_MOST_POINTS, len(accuracy))).round().astype(int))
    steady = shown[found.coverage[shown] >= min(0.05, found.coverage[-1])]  # of a few images, a share says little
    low = math.floor(10 * min(float(accuracy[steady].min()), 0.9)) / 10
    half, rows = _at(found, 0.5), []
    for share in _COVERAGES:
        at = _at(found, share)
        rows.append(
            (percent(float(found.coverage[at])), percent(float(accuracy[at])), percent(float(found.threshold[at])))
        )
    points = tuple((float(found.coverage[at]), float(accuracy[at])) for at in steady)
    return Chart(
        "Accuracy where it answers fewer images",
        f"Of all answers {percent(float(accuracy[-1]))} are correct; of the more confident half, "
        f"{percent(float(accuracy[half]))}.",
        Axis.linear("share of images answered, the most confident first", 0, 1, _whole),
        Axis.linear("accuracy", low, 1, _whole),
        (Series("accuracy of the answers", points),),
        ("answered", "correct", "from a confidence of"),
        tuple(rows),
    )


def _at(found: RiskCoverage, share: float) -> int:
    """The first point that answers at least this share of the images, or the last one."""
    reached: NDArray[np.int64] = np.flatnonzero(found.coverage >= share - 1e-9)
    return int(reached[0]) if len(reached) else len(found.coverage) - 1
