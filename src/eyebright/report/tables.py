"""Evaluations and predictions as plain text that fits 80 columns."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len

from eyebright.files import printable

if TYPE_CHECKING:
    from eyebright.evaluation import Evaluation
    from eyebright.inference import Prediction

_BAR = 30
_COLUMNS = 80


def evaluation_text(evaluation: "Evaluation") -> str:
    """Accuracy, the score of each class, and who is taken for whom."""
    low, high = evaluation.interval
    lines = [
        f"accuracy           {evaluation.accuracy:.1%} (95 % interval {low:.1%} to {high:.1%}) "
        f"on {evaluation.pictures:,} pictures"
        + (
            f"\n                   in {evaluation.groups:,} groups"
            if 0 < evaluation.groups < evaluation.pictures
            else ""
        ),
        f"loss               {evaluation.loss:.3f}",
        f"calibration error  {evaluation.calibration_error:.3f}",
    ]
    if evaluation.seen:
        lines.append(f"left out           {evaluation.seen:,} pictures that the model was trained on or chosen by")
    if evaluation.left_out:
        lines.append(f"left out           {evaluation.left_out:,} pictures that cannot be opened")
    names = [fit(printable(score.name), 24) for score in evaluation.classes]
    width = max(5, *map(_width, names))
    lines += ["", f"{'class'.ljust(width)}  pictures  precision  recall     F1"]
    for name, score in zip(names, evaluation.classes, strict=True):
        shares = f"{_share(score.precision):>9}  {_share(score.recall):>6}  {_share(score.f1):>5}"
        lines.append(f"{pad(name, width)}  {score.pictures:8,}  {shares}")
    matrix = _matrix(names, width, evaluation.confusion)
    lines += ["", *(matrix if _width(matrix[1]) <= _COLUMNS else _confusions(evaluation))]
    return "\n".join(lines)


def prediction_text(prediction: "Prediction", top: int) -> str:
    """One picture's answer as a sentence, with bars for the likeliest classes."""
    percent = f"{100 * prediction.confidence:.2f} percent"
    text = [f"This image most likely belongs to {printable(prediction.label)} with a {percent} confidence."]
    best = [(fit(printable(name), 24), share) for name, share in list(prediction.probabilities.items())[:top]]
    width = max(_width(name) for name, _ in best)
    for name, share in best:
        text.append(f"  {pad(name, width)}  {share:7.2%}  {'█' * round(_BAR * share)}".rstrip())
    return "\n".join(text)


def counted(number: int, noun: str) -> str:
    """1 filter, 2 filters."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def fit(text: str, width: int) -> str:
    """The text, shortened in the middle where it is wider than so many columns."""
    if _width(text) <= width:
        return text
    head, tail = width // 2, width - width // 2 - 1
    while _width(text[:head]) + _width(text[-tail:]) + 1 > width:
        head, tail = head - 1, max(tail - 1, 1)
    return f"{text[:head]}…{text[-tail:]}"


def pad(text: str, width: int) -> str:
    """The text, filled up with spaces to so many columns; Chinese characters take two."""
    return text + " " * (width - _width(text))


def _width(text: str) -> int:
    return cell_len(text)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _matrix(names: Sequence[str], width: int, confusion: Sequence[Sequence[int]]) -> list[str]:
    """Counts, a row for each true class; columns are numbered like the rows."""
    cell = max(3, len(str(max(max(row) for row in confusion))) + 1)
    lines = ["true class (rows) taken for (columns):"]
    lines.append(" " * (width + 4) + "".join(f"{number:>{cell}}" for number in range(1, len(names) + 1)))
    for number, (name, row) in enumerate(zip(names, confusion, strict=True), start=1):
        counts = "".join(f"{count or '.':>{cell}}" for count in row)
        lines.append(f"{number:>2}  {pad(name, width)}{counts}")
    return lines


def _confusions(evaluation: "Evaluation", most: int = 10) -> list[str]:
    """The commonest mistakes, where there are too many classes for a matrix."""
    names = [printable(score.name) for score in evaluation.classes]
    mistakes = [
        (count, names[true], names[taken])
        for true, row in enumerate(evaluation.confusion)
        for taken, count in enumerate(row)
        if count and true != taken
    ]
    mistakes.sort(key=lambda mistake: -mistake[0])
    return ["commonest mistakes:"] + [
        f"{count:5,}  {fit(true, 30)} taken for {fit(taken, 30)}" for count, true, taken in mistakes[:most]
    ]
