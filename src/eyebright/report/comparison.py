"""Two models compared: as text of at most 80 columns, and a sheet of the images that they answer differently."""

import textwrap
from collections.abc import Sequence
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

from eyebright.report.figures import BLUE, GREY, RED, new_figure, show_pixels, to_png
from eyebright.report.screen import HEADING, HEADLINE
from eyebright.system.table import Table
from eyebright.system.text import counted, listed, pad, printable, shorten
from eyebright.trust.comparison import Comparison, Flip

_WIDTH, _CLASS_WIDTH, _NAME_WIDTH = 80, 24, 30
_MAX_FLIPS, _MAX_CLASSES = 10, 20
_COLUMNS, _LABEL_WIDTH = 5, 24  # images in a row of a sheet; columns of the text above each
_CHANGES = {-1: ("worse", RED), 0: ("both are wrong", GREY), 1: ("better", BLUE)}


def comparison_text(comparison: Comparison) -> Text:
    """Which model is better and by how much, in which classes, and the images that changed most."""
    text = Text("".join(f"{line}\n" for line in _notes(comparison)))
    table = comparison.as_table()
    text.append(f"{table.title}\n", HEADLINE)
    if comparison.difference is not None:
        text.append(f"Second minus first: {comparison.difference},\nMcNemar's p = {_p(comparison.p_value or 0)}.\n")
    if 0 < comparison.groups < comparison.pictures:
        text.append(f"The images come in {counted(comparison.groups, 'group')}, which is taken into account.\n")
    heading, *lines = table.lines()
    text.append(f"\n{heading}\n", HEADING).append("\n".join([*lines, ""]))
    if comparison.classes:
        heading, *lines = _classes(comparison).lines()
        text.append(f"\n{heading}\n", HEADING).append("\n".join([*lines, ""]))
    return text.append(_flips(comparison))


def draw_flips(flips: Sequence[Flip], pictures: NDArray[np.uint8], title: str) -> bytes:
    """Images with the answers of both models, as the content of a PNG file: red where the second model is worse.

    Args:
        flips: What the models answer.
        pictures: The images, `(N, H, W, C)`, at least one.
        title: The line above them.
    """
    from matplotlib.patches import Patch

    columns = min(_COLUMNS, len(pictures))
    lines = -(-len(pictures) // columns)
    figure = new_figure(2.4 * max(columns, 2), 2.7 * lines + 0.8)
    axes = figure.subplots(lines, columns, squeeze=False)
    for plot in axes.flat:
        plot.set_axis_off()
    for plot, flip, pixels in zip(axes.flat, flips, pictures, strict=False):
        show_pixels(plot, pixels)
        plot.set_title(_caption(flip), fontsize=8, color=_color(flip))
        file = shorten(printable(PurePath(flip.name).name), _LABEL_WIDTH)
        plot.text(0.5, -0.03, file, transform=plot.transAxes, ha="center", va="top", fontsize=7, color=GREY)
    if any(flip.truth is not None for flip in flips):
        patches = [Patch(color=color, label=f"second model: {name}") for name, color in _CHANGES.values()]
        figure.legend(handles=patches, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    figure.suptitle(title, fontsize=10)
    return to_png(figure)


def _color(flip: Flip) -> str:
    return GREY if flip.truth is None else _CHANGES[flip.change][1]


def _caption(flip: Flip) -> str:
    """Both answers on a line each, and the true class where it is known."""
    lines = [f"first: {_answer(flip.first, flip.first_confidence)}",
             f"second: {_answer(flip.second, flip.second_confidence)}"]  # fmt: skip
    return "\n".join(lines if flip.truth is None else [*lines, f"true class: {_short(flip.truth)}"])


def _short(name: str) -> str:
    return shorten(printable(name), _LABEL_WIDTH - 8)


def _answer(name: str, confidence: float) -> str:
    return f"{_short(name)} {confidence:.0%}"


def _notes(comparison: Comparison) -> list[str]:
    """What was left out, and what only one model knows."""
    reasons = [
        (comparison.seen, "a model was trained on them or selected by them"),
        (comparison.left_out, "cannot be opened"),
        *(
            (count, f"not both models know the class {shorten(printable(name), _CLASS_WIDTH)}")
            for name, count in comparison.not_common.items()
        ),
    ]
    notes = [f"{counted(count, 'image')} left out: {reason}." for count, reason in reasons if count]
    for which, names in zip(("first", "second"), comparison.own_classes, strict=True):
        if names:
            known = listed([shorten(printable(name), _CLASS_WIDTH) for name in names])
            notes += textwrap.wrap(f"Only the {which} model knows: {known}.", _WIDTH)
    return notes


def _classes(comparison: Comparison) -> Table:
    """The classes with a change, the worst first, then the others."""
    rows = [
        (
            shorten(printable(change.name), _CLASS_WIDTH),
            f"{change.first.of:,}",
            f"{100 * change.first.value:.1f}%",
            f"{100 * change.second.value:.1f}%",
            f"{100 * change.difference.value:+.1f}",
            f"{100 * change.difference.low:+.1f} to {100 * change.difference.high:+.1f}",
            _p(change.p_value),
        )
        for change in comparison.classes
    ]
    shown = rows if len(rows) <= _MAX_CLASSES else rows[: _MAX_CLASSES // 2] + rows[-_MAX_CLASSES // 2 :]
    return Table("", ("class", "images", "first", "second", "points", "95% interval", "p"), shown)


def _flips(comparison: Comparison) -> str:
    """How many answers differ, and the first of them."""
    flips = comparison.flips
    if not flips:
        return "\nBoth models give the same answer to every image."
    counts = {change: sum(flip.change == change for flip in flips) for change in _CHANGES}
    kinds = f" ({counts[-1]:,} worse, {counts[1]:,} better)" if comparison.accuracies else ""
    lines = [f"\n{counted(len(flips), 'answer')} of {comparison.pictures:,} differ{kinds}:"]
    for flip in flips[:_MAX_FLIPS]:
        name = pad(shorten(printable(flip.name), _NAME_WIDTH), _NAME_WIDTH)
        answers = f"{_answer(flip.first, flip.first_confidence)} -> {_answer(flip.second, flip.second_confidence)}"
        lines.append(f"  {name}  {answers}  {_CHANGES[flip.change][0] if flip.change else ''}".rstrip())
    if len(flips) > _MAX_FLIPS:
        lines.append(f"  and {len(flips) - _MAX_FLIPS:,} more")
    return "\n".join(lines)


def _p(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else "<0.001"
