"""What the network will see of pictures: what cropping cuts away of them, how they are prepared, how training changes
them.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.report.figures import BLUE, ORANGE, new_figure, to_png
from eyebright.report.tables import fit
from eyebright.training.events import FitChosen

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WORTH_SAYING = 0.05  # of a picture's detail
_NAME_WIDTH = 13
_TILE, _NAMES = 1.45, 1.25  # inches
_FADED = 0.75  # share of white in what is cut away


class Row(NamedTuple):
    """One picture.

    Args:
        name: Its class.
        whole: All of it, `(H, W, 3)`, uint8.
        box: What is kept of it: left, top, right, bottom as shares of its width and height.
        lost: Share of its detail that is cut away.
        seen: The same prepared, `(h, w, 3)`, uint8.
        draws: The same as epochs show it, `(n, h, w, 3)`, uint8.
    """

    name: str
    whole: NDArray[np.uint8]
    box: tuple[float, float, float, float]
    lost: float
    seen: NDArray[np.uint8]
    draws: NDArray[np.uint8]


def fit_text(chosen: FitChosen) -> str:
    """What is to be said of how pictures are brought to size; nothing where hardly anything is lost."""
    much = f"{chosen.lost:.0%} of the detail of a typical picture"
    if chosen.fit == "pad":
        return f"Pictures are shown whole, on grey: cropping would leave out {much}. --fit crop crops them."
    if chosen.fit == "crop" and chosen.lost >= WORTH_SAYING:
        return f"Cropping leaves out {much}; --fit pad would keep all of it."
    return ""


def draw_preview(rows: Sequence[Row], title: str, warning: str = "") -> bytes:
    """The sheet as the content of a PNG file: a row for each picture, of all as many draws.

    Args:
        rows: The pictures.
        title: What is said above them.
        warning: What is said below the title.
    """
    draws = len(rows[0].draws)
    figure = new_figure(_NAMES + _TILE * (2 + draws), _TILE * len(rows) + 1)
    axes = figure.subplots(len(rows), 3 + draws, squeeze=False, width_ratios=[_NAMES, *[_TILE] * (2 + draws)])
    for plot in axes.flat:
        plot.set_axis_off()
    for line, row in zip(axes, rows, strict=True):
        _name(line[0], row)
        _draw_whole(line[1], row)
        for plot, pixels in zip(line[2:], (row.seen, *row.draws), strict=True):
            plot.imshow(pixels, interpolation=_interpolation(pixels))
    for plot, heading in zip(axes[0, 1:], ("whole", "as seen", *_epochs(draws)), strict=True):
        plot.set_title(heading, fontsize=9)
    figure.align_titles()
    figure.suptitle(title + (f"\n{warning}" if warning else ""), fontsize=10, color=ORANGE if warning else "black")
    return to_png(figure)


def faded(row: Row) -> NDArray[np.uint8]:
    """The whole picture, what is cut away in light grey, `(H, W, 3)`."""
    height, width = row.whole.shape[:2]
    down, across = (np.arange(size) + 0.5 for size in (height, width))
    left, top, right, bottom = row.box
    inside = (
        ((down > top * height) & (down < bottom * height))[:, None] & (across > left * width) & (across < right * width)
    )
    grey = row.whole.mean(axis=2, keepdims=True) * (1 - _FADED) + 255 * _FADED
    return np.where(inside[..., None], row.whole, grey).astype(np.uint8)


def _epochs(draws: int) -> list[str]:
    return [f"in epoch {number}" for number in range(1, draws + 1)]


def _name(axes: "Axes", row: Row) -> None:
    """The class, and below it what the picture loses."""
    axes.text(1, 0.5, fit(row.name, _NAME_WIDTH), ha="right", va="center", fontsize=9, transform=axes.transAxes)
    if row.lost >= WORTH_SAYING:
        text = f"loses {row.lost:.0%}"
        axes.text(1, 0.32, text, ha="right", va="center", fontsize=8, color=ORANGE, transform=axes.transAxes)


def _draw_whole(axes: "Axes", row: Row) -> None:
    from matplotlib.patches import Rectangle

    height, width = row.whole.shape[:2]
    axes.imshow(faded(row), interpolation=_interpolation(row.whole))
    if row.box != (0, 0, 1, 1):
        left, top, right, bottom = row.box
        corner = (left * width - 0.5, top * height - 0.5)
        axes.add_patch(
            Rectangle(corner, (right - left) * width, (bottom - top) * height, fill=False, color=BLUE, clip_on=False)
        )


def _interpolation(pixels: NDArray[np.uint8]) -> str:
    return "nearest" if pixels.shape[0] < 64 else "antialiased"
