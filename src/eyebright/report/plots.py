"""Plots of a training: curves by epoch or by the strength of a penalty, confusion matrix, learning-rate range test."""

from typing import TYPE_CHECKING

import numpy as np

from eyebright.report.figures import BLUE, GREY, ORANGE, new_figure, to_png
from eyebright.report.history import History
from eyebright.system.text import printable, shorten
from eyebright.training.events.fitting import HeadFitted
from eyebright.training.range_test import RangeTest
from eyebright.trust.metrics import Evaluation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MAX_MARKED = 40  # epochs whose values are marked with a dot
_MAX_COUNTS, _MAX_NAMES, _NAME_WIDTH = 20, 60, 20  # classes with counts and with names in a matrix; columns of a name


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
    measure: str = history.measure
    pairs = [] if values else [(measure, history.accuracy, history.validation_accuracy)]
    pairs.append(("loss", history.loss, history.validation_loss))
    figure = new_figure(5 * len(pairs), 4)
    for axes, (name, train, validation) in zip(figure.subplots(1, len(pairs), squeeze=False)[0], pairs, strict=True):
        axes.plot(epochs, train, color=ORANGE, marker=marker, label=known)
        if len(validation) == len(train):  # otherwise it was not measured
            axes.plot(epochs, validation, color=BLUE, marker=marker, label="validation")
        if history.best_epoch:
            axes.axvline(history.best_epoch, color=GREY, linestyle=":", label=f"kept: epoch {history.best_epoch}")
        axes.set_title(name if name == "mAP50" else name.capitalize())
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        axes.set_xlim(0.5, max(len(epochs), 1) + 0.5)
        axes.set_ylim(bottom=0, top=None if name == "loss" else 1.02)
        _finish(axes)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return figure


def draw_path(path: HeadFitted) -> bytes:
    """Error and loss of a head by the strength of its penalty, as the content of a PNG file."""
    figure = new_figure(10, 4)
    errors = [1 - accuracy for accuracy in path.accuracies]
    for axes, (name, values) in zip(figure.subplots(1, 2), (("error", errors), ("loss", path.losses)), strict=True):
        axes.plot(path.strengths, values, color=BLUE, marker="o", label="cross-validated on the training images")
        axes.axvline(path.strength, color=GREY, linestyle=":", label=f"chosen: {path.strength:g}")
        axes.set_xscale("log")
        axes.set_xticks(path.strengths, [f"{strength:g}" for strength in path.strengths])
        axes.minorticks_off()
        axes.set_title(name.capitalize())
        axes.set_xlabel("strength of the penalty on the weights of the head")
        axes.set_ylim(bottom=0, top=1.1 * max(values) or 1)
        _finish(axes)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    return to_png(figure)


def draw_confusion(evaluation: Evaluation, title: str) -> bytes:
    """The confusion matrix with the names of the classes, as the content of a PNG file; colours are shares of a row."""
    counts = np.array(evaluation.confusion)
    number = len(counts)
    names = [shorten(printable(score.name), _NAME_WIDTH) for score in evaluation.classes]
    side = min(max(0.42 * number, 2.4), 11.0)
    figure = new_figure(side + 2.6, side + 2.0)
    axes = figure.subplots()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    drawn = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(drawn, ax=axes, label="share of the images of the true class", shrink=0.8)
    size = 9 if number <= _MAX_COUNTS else max(9 * _MAX_COUNTS / number, 4)
    ticks = range(number) if number <= _MAX_NAMES else range(0, number, -(-number // _MAX_NAMES))
    axes.set_xticks(ticks, [names[tick] for tick in ticks], rotation=90, fontsize=size)
    axes.set_yticks(ticks, [names[tick] for tick in ticks], fontsize=size)
    for true, predicted in np.argwhere(counts) if number <= _MAX_COUNTS else ():
        color = "white" if shares[true, predicted] > 0.5 else "black"
        axes.text(predicted, true, f"{counts[true, predicted]:,}", ha="center", va="center", fontsize=8, color=color)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    figure.suptitle(title, fontsize=10)
    return to_png(figure)


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
    _finish(axes)
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return to_png(figure)


def _finish(axes: "Axes") -> None:
    """The grid and the frame that all plots have."""
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
