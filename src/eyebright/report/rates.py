"""The course of a learning-rate range test: loss against rate, the suggested rate marked."""

from eyebright.report.figures import BLUE, GREY, ORANGE, new_figure, to_png
from eyebright.training.rates import RangeTest


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
