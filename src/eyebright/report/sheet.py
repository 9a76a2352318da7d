"""Pictures beside the bars of their classes: blue where the answer is known to be right, red where it is wrong."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.inference import Prediction
from eyebright.report.figures import BLUE, GREY, RED, new_figure, to_png
from eyebright.report.tables import fit

MOST = 60
_COLUMNS, _BARS, _NAME_WIDTH = 3, 5, 16


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
    text = f"{fit(item.prediction.label, _NAME_WIDTH)}  {item.prediction.confidence:.0%}"
    if item.truth is not None and item.truth != item.prediction.label:
        text += f"\n(really {fit(item.truth, _NAME_WIDTH)})"
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
    axes.set_yticks(range(len(best)), [fit(name, _NAME_WIDTH) for name, _ in best], fontsize=8)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
