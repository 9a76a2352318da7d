"""Evaluations and predictions as plain text that fits 80 columns.

What is kept in the cache as plain text that fits 80 columns.

The findings of an audit as plain text that fits 80 columns.
"""

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len

from eyebright.data.audit.findings import KINDS, Audit, Kind
from eyebright.system.cache import CONTENTS, Entry
from eyebright.system.text import counted, fit, pad, printable

if TYPE_CHECKING:
    from eyebright.model.predictor import Prediction
    from eyebright.trust.metrics import Evaluation

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
    width = max(5, *map(cell_len, names))
    lines += ["", f"{'class'.ljust(width)}  pictures  precision  recall     F1"]
    for name, score in zip(names, evaluation.classes, strict=True):
        shares = f"{_share(score.precision):>9}  {_share(score.recall):>6}  {_share(score.f1):>5}"
        lines.append(f"{pad(name, width)}  {score.pictures:8,}  {shares}")
    matrix = _matrix(names, width, evaluation.confusion)
    lines += ["", *(matrix if cell_len(matrix[1]) <= _COLUMNS else _confusions(evaluation))]
    return "\n".join(lines)


def prediction_text(prediction: "Prediction", top: int) -> str:
    """One picture's answer as a sentence, with bars for the likeliest classes."""
    percent = f"{100 * prediction.confidence:.2f} percent"
    text = [f"This image most likely belongs to {printable(prediction.label)} with a {percent} confidence."]
    best = [(fit(printable(name), 24), share) for name, share in list(prediction.probabilities.items())[:top]]
    width = max(cell_len(name) for name, _ in best)
    for name, share in best:
        text.append(f"  {pad(name, width)}  {share:7.2%}  {'█' * round(_BAR * share)}".rstrip())
    return "\n".join(text)


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


_ABOUT, _NAME = 34, 24


def cache_text(entries: Sequence[Entry], place: str) -> str:
    """One line for each entry under its kind, with sizes, and how to remove them."""
    if not entries:
        return f"Nothing is kept in {place}."
    lines = []
    for kind, title in CONTENTS.items():
        here = [entry for entry in entries if entry.kind == kind]
        if here:
            lines += [f"{kind}: {title}", *map(_line, here), ""]
    total = sum(entry.size_bytes for entry in entries)
    return "\n".join(
        [*lines, f"{counted(len(entries), 'thing')}, {total / 1e6:,.1f} MB, in {place}",
         "To remove some: eyebright cache --remove packs --unused-days 30"]
    )  # fmt: skip


def _line(entry: Entry) -> str:
    days = round(entry.used_days)
    used = "today" if days < 1 else f"{counted(days, 'day')} ago"
    about = pad(fit(entry.about, _ABOUT), _ABOUT)
    name = "" if entry.about == entry.name else fit(entry.name, _NAME)
    return f"  {about} {entry.size_bytes / 1e6:9,.1f} MB  {used:>12}  {name}".rstrip()


_SHOWN = 3


def audit_text(audit: Audit, leak: float | None) -> str:
    """A line for each kind that was found, with the first few pictures, and what a naive split would have leaked."""
    sizes = sorted(audit.classes.values())
    lines = [
        f"{audit.pictures:,} pictures in {len(audit.classes)} classes of {sizes[0]:,} to {sizes[-1]:,}.",
        *textwrap.wrap(leak_text(leak), 80),
    ]
    for kind in KINDS:
        found = audit.of(kind)
        if found:
            lines += ["", f"{kind}: {_count(audit, kind)}; {KINDS[kind]}", *_examples(audit, kind)]
    lines += [] if audit.findings else ["Nothing stands out."]
    for note in audit.notes:
        lines += ["", *textwrap.wrap(note, 80)]
    return "\n".join([*lines, ""])


def leak_text(leak: float | None) -> str:
    """What a split that knows nothing of copies and groups would have done."""
    if leak is None:
        return "The split is the one that is given."
    if not leak:
        return "No picture has its like elsewhere: any split by classes is sound."
    return (
        f"A random split would have had the like of {leak:.0%} of its test pictures in training; copies and pictures "
        "of one burst are kept on one side."
    )


def _count(audit: Audit, kind: Kind) -> str:
    found = audit.of(kind)
    pictures = counted(sum(len(finding.pictures) for finding in found), "picture")
    return f"{pictures} in {counted(len(found), 'set')}" if any(len(f.pictures) > 1 for f in found) else pictures


def _examples(audit: Audit, kind: Kind) -> Iterator[str]:
    found = audit.of(kind)
    for finding in found[:_SHOWN]:
        names = ", ".join(finding.pictures)
        yield f"  {fit(names, 76)}"
        yield f"    {fit(finding.sentence, 74)}"
    if len(found) > _SHOWN:
        yield f"  and {len(found) - _SHOWN:,} more"
