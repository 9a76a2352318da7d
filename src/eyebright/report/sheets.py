"""Sheets of images: predictions beside the probabilities of their classes, and a preview of what a network sees."""

from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.report.figures import BLUE, GREY, ORANGE, RED, new_figure, show_pixels, to_png
from eyebright.report.sentences import NOTABLE_LOSS
from eyebright.system.text import printable, shorten, wrapped
from eyebright.trust.prediction import Prediction

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_SHOWN = 60
BARS = 5
_COLUMNS, _NAME_WIDTH, _FILE_WIDTH = 3, 16, 24  # images in a row; columns of a class name, of a file name
_TILE, _LABEL, _LABEL_WIDTH = 1.45, 1.25, 13  # of a preview: inches of an image and of a label; columns of a label
_FADED = 0.75  # share of white in what is cropped


class Shown(NamedTuple):
    """An image as the network takes it, `(H, W, C)`, uint8; its prediction; its true class where that is known."""

    picture: NDArray[np.uint8]
    prediction: Prediction
    truth: str | None


def draw_sheet(shown: Sequence[Shown], *, top: int = BARS, title: str = "") -> bytes:
    """The first 60 images with their predictions, as the content of a PNG file.

    Args:
        shown: The images.
        top: Of how many classes the probabilities are drawn.
        title: The line above them.
    """
    shown = shown[:MAX_SHOWN]
    top = min(top, max(len(item.prediction.probabilities) for item in shown))
    columns = min(_COLUMNS, len(shown))
    lines = -(-len(shown) // columns)
    figure = new_figure(4.6 * columns, max(2.3, 0.9 + 0.28 * top) * lines + 0.6)
    axes = figure.subplots(
        lines, 2 * columns, squeeze=False, width_ratios=[1, 1.1] * columns, gridspec_kw={"hspace": 0.12}
    )
    for plot in axes.flat:
        plot.set_axis_off()
    for number, item in enumerate(shown):
        line, column = divmod(number, columns)
        _draw_picture(axes[line, 2 * column], item)
        _draw_bars(axes[line, 2 * column + 1], item, top)
    _add_legend(figure, shown)
    if title:
        figure.suptitle(title, fontsize=10)
    return to_png(figure)


def _add_legend(figure: "Figure", shown: Sequence[Shown]) -> None:
    """What the colours mean that are there."""
    from matplotlib.patches import Patch

    used = {color_of(item) for item in shown}
    meanings = {BLUE: "correct", RED: "wrong", ORANGE: "no answer", GREY: "true class not known"}
    patches = [Patch(color=color, label=meaning) for color, meaning in meanings.items() if color in used]
    figure.legend(handles=patches, loc="outside lower center", ncols=4, frameon=False, fontsize=9)


def color_of(item: Shown) -> str:
    """Blue for a correct prediction, red for a wrong one, orange for none, grey where the true class is not known."""
    if item.prediction.label is None:
        return ORANGE
    if item.truth is None:
        return GREY
    return BLUE if item.truth == item.prediction.label else RED


def _draw_picture(axes: "Axes", item: Shown) -> None:
    show_pixels(axes, item.picture)
    prediction = item.prediction
    text = f"{shorten(printable(prediction.best), _NAME_WIDTH)}  {prediction.confidence:.0%}"
    if prediction.label is None:
        text = "no answer:\n" + "\n".join(wrapped(prediction.reason.split(), _NAME_WIDTH))
    if item.truth is not None and item.truth != item.prediction.label:
        text += f"\n(true class: {shorten(printable(item.truth), _NAME_WIDTH)})"
    axes.set_title(text, fontsize=9, color=color_of(item))
    file = shorten(printable(PurePath(item.prediction.name).name), _FILE_WIDTH)
    axes.text(0.5, -0.03, file, transform=axes.transAxes, ha="center", va="top", fontsize=7, color=GREY)


def _draw_bars(axes: "Axes", item: Shown, top: int) -> None:
    best = list(item.prediction.probabilities.items())[:top][::-1]
    axes.set_axis_on()
    winner = color_of(item)
    axes.barh(
        range(len(best)), [share for _, share in best], color=[*["#cbd5e0"] * (len(best) - 1), winner], height=0.7
    )
    for place, (_, share) in enumerate(best):
        axes.text(share + 0.03, place, f"{share:.1%}", va="center", fontsize=8)
    axes.set_xlim(0, 1.3)
    axes.set_ylim(len(best) - top - 0.6, len(best) - 0.4)
    axes.set_xticks([])
    axes.set_yticks(range(len(best)), [shorten(printable(name), _NAME_WIDTH) for name, _ in best], fontsize=8)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "bottom"]].set_visible(False)


class PreviewRow(NamedTuple):
    """One image of a preview.

    Args:
        label: Its class.
        original: The whole image, `(H, W, 3)`, uint8.
        box: The part that is used: left, top, right and bottom as shares of its width and height.
        lost: Share of its detail that is cropped, 0 to 1.
        prepared: The input of the network, `(h, w, 3)`, uint8.
        augmented: The same in the first epochs, `(n, h, w, 3)`, uint8.
    """

    label: str
    original: NDArray[np.uint8]
    box: tuple[float, float, float, float]
    lost: float
    prepared: NDArray[np.uint8]
    augmented: NDArray[np.uint8]


def draw_preview(rows: Sequence[PreviewRow], title: str, warning: str = "") -> bytes:
    """What the network takes of some images, as the content of a PNG file, with a row for each.

    Args:
        rows: The images, each with the same number of augmented ones.
        title: The line above them.
        warning: A second line.
    """
    epochs = len(rows[0].augmented)
    figure = new_figure(_LABEL + _TILE * (2 + epochs), _TILE * len(rows) + 1)
    axes = figure.subplots(len(rows), 3 + epochs, squeeze=False, width_ratios=[_LABEL, *[_TILE] * (2 + epochs)])
    for plot in axes.flat:
        plot.set_axis_off()
    headings = ["original", "network input", *(f"epoch {number}" for number in range(1, epochs + 1))]
    for line, row in zip(axes, rows, strict=True):
        _label(line[0], row)
        _draw_original(line[1], row)
        for plot, pixels in zip(line[2:], (row.prepared, *row.augmented), strict=True):
            show_pixels(plot, pixels)
    for plot, heading in zip(axes[0, 1:], headings, strict=True):
        plot.set_title(heading, fontsize=9)
    figure.align_titles()
    figure.suptitle(title + (f"\n{warning}" if warning else ""), fontsize=10, color=ORANGE if warning else "black")
    return to_png(figure)


def faded(row: PreviewRow) -> NDArray[np.uint8]:
    """The whole image, with the cropped part in light grey, `(H, W, 3)`."""
    height, width = row.original.shape[:2]
    down, across = (np.arange(size) + 0.5 for size in (height, width))
    left, top, right, bottom = row.box
    inside = (
        ((down > top * height) & (down < bottom * height))[:, None] & (across > left * width) & (across < right * width)
    )
    grey = row.original.mean(axis=2, keepdims=True) * (1 - _FADED) + 255 * _FADED
    return np.where(inside[..., None], row.original, grey).astype(np.uint8)


def _label(axes: "Axes", row: PreviewRow) -> None:
    """The class, and below it how much is cropped."""
    axes.text(1, 0.5, shorten(row.label, _LABEL_WIDTH), ha="right", va="center", fontsize=9, transform=axes.transAxes)
    if row.lost >= NOTABLE_LOSS:
        text = f"{row.lost:.0%} cropped"
        axes.text(1, 0.32, text, ha="right", va="center", fontsize=8, color=ORANGE, transform=axes.transAxes)


def _draw_original(axes: "Axes", row: PreviewRow) -> None:
    from matplotlib.patches import Rectangle

    height, width = row.original.shape[:2]
    show_pixels(axes, faded(row))
    if row.box != (0, 0, 1, 1):
        left, top, right, bottom = row.box
        corner = (left * width - 0.5, top * height - 0.5)
        axes.add_patch(
            Rectangle(corner, (right - left) * width, (bottom - top) * height, fill=False, color=BLUE, clip_on=False)
        )
