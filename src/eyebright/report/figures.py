"""How all figures look: matplotlib without a window, and fonts for the names of classes in any script.

Accuracy and loss by epoch, training and validation side by side, the kept epoch marked.

The course of a learning-rate range test: loss against rate, the suggested rate marked.

Small matrices written as text: numbers or letters, rows parted by ";", channels by "|", filters by "/".
"""

import io
import warnings
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyebright.system.errors import SettingsError
from eyebright.training.history import History
from eyebright.training.range_test import RangeTest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, RED, GREY, ORANGE = "#2b6cb0", "#c53030", "#718096", "#dd6b20"
_FONTS = [
    "DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "PingFang SC", "Hiragino Sans GB",
    "Microsoft YaHei", "SimHei", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Arial Unicode MS",
]  # fmt: skip


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure of so many inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def to_png(figure: "Figure") -> bytes:
    """The figure as the content of a PNG file; letters for which no font is installed become boxes."""
    from matplotlib import font_manager
    from matplotlib.text import Text

    installed = {font.name for font in font_manager.fontManager.ttflist}
    for text in figure.findobj(Text):
        text.set_fontfamily([name for name in _FONTS if name in installed])
        text.set_parse_math(False)
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        figure.savefig(file, format="png", dpi=120)
    return file.getvalue()


_MOST_MARKED = 40


def draw_curves(history: History) -> bytes:
    """The curves as the content of a PNG file."""
    figure = new_figure(10, 4)
    epochs = range(1, len(history.loss) + 1)
    marker = "." if len(epochs) <= _MOST_MARKED else ""
    pairs = (
        ("accuracy", history.accuracy, history.validation_accuracy),
        ("loss", history.loss, history.validation_loss),
    )
    for axes, (name, train, validation) in zip(figure.subplots(1, 2), pairs, strict=True):
        axes.plot(epochs, train, color=ORANGE, marker=marker, label="training (as it was learned)")
        axes.plot(epochs, validation, color=BLUE, marker=marker, label="validation")
        if history.best_epoch:
            axes.axvline(history.best_epoch, color=GREY, linestyle=":", label=f"kept: epoch {history.best_epoch}")
        axes.set_title(name.capitalize())
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        axes.set_xlim(0.5, max(len(epochs), 1) + 0.5)
        axes.set_ylim(bottom=0, top=1.02 if name == "accuracy" else None)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return to_png(figure)


def draw_rates(test: RangeTest) -> bytes:
    """The course as the content of a PNG file."""
    figure = new_figure(7, 4)
    axes = figure.subplots()
    axes.plot(test.rates, test.losses, color=GREY, alpha=0.35, linewidth=0.8, label="loss of each step")
    axes.plot(test.rates, test.smoothed, color=BLUE, linewidth=2, label="smoothed")
    axes.axvline(test.suggestion, color=ORANGE, linestyle="--", label=f"suggested: {test.suggestion:.2g}")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda rate, _: f"{rate:g}")  # matplotlib's own are formulas, which figures have not
    axes.xaxis.set_minor_formatter(lambda *_: "")
    low, first = min(test.smoothed), test.smoothed[0]
    axes.set_ylim(low - 0.3 * (first - low), first + 1.2 * (first - low))  # how it bursts says nothing
    axes.set_title("Learning-rate range test")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return to_png(figure)


Tokens: TypeAlias = NDArray[np.str_]


def matrix(text: str, *, what: str) -> Tokens:
    """A matrix from text, `(channels, rows, columns)`.

    Args:
        text: As in "1 2 3; 4 5 6", with channels parted by |.
        what: What it is, for the message: "--values".

    Raises:
        SettingsError: When it is empty, or its rows or channels are not of one size; the message says which.
    """
    channels = [
        [row.replace(",", " ").split() for row in channel.strip().strip(";").split(";")] for channel in text.split("|")
    ]
    for number, channel in enumerate(channels, start=1):
        place = f" of channel {number}" if len(channels) > 1 else ""
        for index, row in enumerate(channel, start=1):
            if not row:
                raise SettingsError(f"{what} is empty in row {index}{place}: give rows such as '1 2 3; 4 5 6'")
            if len(row) != len(channel[0]):
                raise SettingsError(
                    f"{what} has {len(row)} values in row {index}{place}, but {len(channel[0])} in its first row"
                )
    sizes = [f"{len(channel)} x {len(channel[0])}" for channel in channels]
    if len(set(sizes)) > 1:
        raise SettingsError(f"{what} has channels of different sizes: {', '.join(sizes)}")
    return np.array(channels)


def filters(text: str, *, what: str = "--weights") -> Tokens:
    """Filters from text, `(filters, channels, rows, columns)`; errors as in `matrix`."""
    found = [matrix(part, what=what) for part in text.split("/")]
    sizes = [" x ".join(map(str, (*one.shape[1:], one.shape[0]))) for one in found]
    if len(set(sizes)) > 1:
        raise SettingsError(f"{what} has filters of different sizes: {', '.join(sizes)}")
    return np.stack(found)
