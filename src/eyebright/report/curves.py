"""Accuracy and loss by epoch, training and validation side by side, the kept epoch marked."""

from eyebright.report.figures import BLUE, GREY, ORANGE, new_figure, to_png
from eyebright.training.history import History


def draw_curves(history: History) -> bytes:
    """The curves as the content of a PNG file."""
    figure = new_figure(10, 4)
    epochs = range(1, len(history.loss) + 1)
    pairs = (
        ("accuracy", history.accuracy, history.validation_accuracy),
        ("loss", history.loss, history.validation_loss),
    )
    for axes, (name, train, validation) in zip(figure.subplots(1, 2), pairs, strict=True):
        axes.plot(epochs, train, color=ORANGE, marker=".", label="training (augmented, with dropout)")
        axes.plot(epochs, validation, color=BLUE, marker=".", label="validation")
        if history.best_epoch:
            axes.axvline(history.best_epoch, color=GREY, linestyle=":", label=f"kept: epoch {history.best_epoch}")
        axes.set_title(name.capitalize())
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_ylim(bottom=0, top=1 if name == "accuracy" else None)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].legend(loc="lower right", fontsize=8, frameon=False)
    return to_png(figure)
