"""Small pictures side by side on a large one.

Pictures beside the bars of their classes: blue where the answer is known to be right, red where it is wrong.

What the network will see of pictures: what cropping cuts away of them, how they are prepared, how training changes
them.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.model.predictor import Prediction
from eyebright.report.figures import BLUE, GREY, ORANGE, RED, new_figure, to_png
from eyebright.system.text import fit
from eyebright.training.events import FitChosen

_ENLARGED_PX = 48  # least side of a tile


class Tiles(NamedTuple):
    """Small pictures on one large one.

    Args:
        picture: All of them, `(H, W, ...)` float32.
        corners: Left and top of each.
        side: Their height and width.
    """

    picture: NDArray[Any]
    corners: list[tuple[int, int]]
    side: tuple[int, int]


def side_by_side(tiles: NDArray[Any], columns: int, *, gap: float, fill: float) -> Tiles:
    """Tiles `(n, h, w, ...)` in rows of so many, enlarged where they are small; the gap is a share of their width."""
    enlarged = max(-(-_ENLARGED_PX // max(tiles.shape[1:3])), 1)
    tiles = tiles.repeat(enlarged, axis=1).repeat(enlarged, axis=2)
    height, width = tiles.shape[1:3]
    space = max(round(gap * width), 1)
    rows = -(-len(tiles) // columns)
    area = (rows * (height + space) + space, columns * (width + space) + space)
    picture = np.full((*area, *tiles.shape[3:]), fill, np.float32)
    corners = []
    for index, tile in enumerate(tiles):
        row, column = divmod(index, columns)
        left, top = space + column * (width + space), space + row * (height + space)
        picture[top : top + height, left : left + width] = tile
        corners.append((left, top))
    return Tiles(picture, corners, (height, width))


def columns_of(count: int, *, most: int) -> int:
    """As many as make a square, or a row where there are few."""
    return count if count <= 3 else min(int(np.ceil(np.sqrt(count))), most)


MOST = 60
_COLUMNS, _BARS, _NAME_PX = 3, 5, 16


class Shown(NamedTuple):
    """A picture as the model saw it, the answer, and the true class where it is known."""

    picture: NDArray[np.uint8]
    prediction: Prediction
    truth: str | None


def draw_sheet(shown: Sequence[Shown]) -> bytes:
    """The sheet as the content of a PNG file; at most 60 pictures."""
    shown = shown[:MOST]
    columns = min(_COLUMNS, len(shown))
    lines = -(-len(shown) // columns)
    figure = new_figure(4.6 * columns, 2.1 * lines)
    axes = figure.subplots(lines, 2 * columns, squeeze=False, width_ratios=[1, 1.1] * columns)
    for plot in axes.flat:
        plot.set_axis_off()
    for number, item in enumerate(shown):
        line, column = divmod(number, columns)
        _draw_picture(axes[line, 2 * column], item)
        _draw_bars(axes[line, 2 * column + 1], item)
    return to_png(figure)


def color_of(item: Shown) -> str:
    """Blue for right, red for wrong, grey where nobody knows."""
    if item.truth is None:
        return GREY
    return BLUE if item.truth == item.prediction.label else RED


def _draw_picture(axes, item: Shown) -> None:  # type: ignore[no-untyped-def]
    axes.imshow(item.picture, interpolation="nearest" if item.picture.shape[0] < 64 else "antialiased")
    text = f"{fit(item.prediction.label, _NAME_PX)}  {item.prediction.confidence:.0%}"
    if item.truth is not None and item.truth != item.prediction.label:
        text += f"\n(really {fit(item.truth, _NAME_PX)})"
    axes.set_title(text, fontsize=9, color=color_of(item))


def _draw_bars(axes, item: Shown) -> None:  # type: ignore[no-untyped-def]
    best = list(item.prediction.probabilities.items())[:_BARS][::-1]
    axes.set_axis_on()
    winner = color_of(item)
    axes.barh(
        range(len(best)), [share for _, share in best], color=[*["#cbd5e0"] * (len(best) - 1), winner], height=0.7
    )
    for place, (_, share) in enumerate(best):
        axes.text(share + 0.03, place, f"{share:.1%}", va="center", fontsize=8)
    axes.set_xlim(0, 1.3)
    axes.set_ylim(len(best) - _BARS - 0.6, len(best) - 0.4)
    axes.set_xticks([])
    axes.set_yticks(range(len(best)), [fit(name, _NAME_PX) for name, _ in best], fontsize=8)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "bottom"]].set_visible(False)


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
