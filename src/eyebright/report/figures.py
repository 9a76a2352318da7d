"""Figures as PNG files: how all of them look, the curves of a training, and a learning-rate range test."""

import io
import warnings
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from eyebright.report.history import History
from eyebright.training.range_test import RangeTest

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, RED, GREY, ORANGE = "#2b6cb0", "#c53030", "#718096", "#dd6b20"
_FONTS = [
    "DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "PingFang SC", "Hiragino Sans GB",
    "Microsoft YaHei", "SimHei", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Arial Unicode MS",
]  # fmt: skip
_MAX_MARKED = 40  # epochs whose values are marked with a dot


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure; width and height in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def show_pixels(axes: "Axes", pixels: NDArray[np.uint8]) -> None:
    """Draw an image, `(H, W, 3)` or grey `(H, W, 1)`, uint8; a small one with visible pixels."""
    interpolation = "nearest" if pixels.shape[0] < 64 else "antialiased"
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation=interpolation)


def to_png(figure: "Figure") -> bytes:
    """The figure as the content of a PNG file; characters without an installed font become boxes."""
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


def draw_curves(history: History) -> bytes:
    """The curves of a training as the content of a PNG file."""
    return to_png(curves(history))


def curves(history: History) -> "Figure":
    """Accuracy and loss by epoch, for training and validation, as far as they were measured.

    Both are measured in the same way, so that the distance between the curves is what the network fits without
    generalising.
    """
    epochs = range(1, len(history.loss) + 1)
    sample = max(history.sample, default=0)
    known = f"training ({sample:,} images, evaluated as the validation set is)" if sample else "training"
    marker = "." if len(epochs) <= _MAX_MARKED else ""
    values = bool(history.loss) and not history.accuracy  # of a network without classes
    pairs = [] if values else [("accuracy", history.accuracy, history.validation_accuracy)]
    pairs.append(("loss", history.loss, history.validation_loss))
    figure = new_figure(5 * len(pairs), 4)
    for axes, (name, train, validation) in zip(figure.subplots(1, len(pairs), squeeze=False)[0], pairs, strict=True):
        axes.plot(epochs, train, color=ORANGE, marker=marker, label=known)
        if len(validation) == len(train):  # otherwise it was not measured
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
    return figure


def draw_rates(test: RangeTest) -> bytes:
    """Loss by learning rate, with the suggested rate, as the content of a PNG file."""
    figure = new_figure(7, 4)
    axes = figure.subplots()
    axes.plot(test.rates, test.losses, color=GREY, alpha=0.35, linewidth=0.8, label="loss of each step")
    axes.plot(test.rates, test.smoothed, color=BLUE, linewidth=2, label="smoothed")
    axes.axvline(test.suggestion, color=ORANGE, linestyle="--", label=f"suggested: {test.suggestion:.2g}")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(
        lambda rate, _: f"{rate:g}"
    )  # matplotlib's own labels are formulas, and these are off
    axes.xaxis.set_minor_formatter(lambda *_: "")
    low, first = min(test.smoothed), test.smoothed[0]
    axes.set_ylim(
        low - 0.3 * (first - low), first + 1.2 * (first - low)
    )  # the values after the loss explodes say nothing
    axes.set_title("Learning-rate range test")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return to_png(figure)
