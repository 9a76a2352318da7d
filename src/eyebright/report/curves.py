"""Accuracy and loss by epoch, training and validation side by side, the kept epoch marked."""

from eyebright.report.figures import BLUE, GREY, ORANGE, new_figure, to_png
from eyebright.training.history import History

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
