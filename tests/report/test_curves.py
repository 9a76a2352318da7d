from collections.abc import Callable

import matplotlib.colors
import numpy as np
import pytest

from eyebright.report import curves
from eyebright.report.figures import BLUE, ORANGE
from eyebright.training.history import History

HISTORY = History(
    loss=(1.5, 1.0, 0.5),
    accuracy=(0.4, 0.6, 0.9),
    validation_loss=(1.4, 1.1, 1.2),
    validation_accuracy=(0.5, 0.7, 0.6),
    best_epoch=2,
)


def test_the_curves_show_the_history_with_training_and_validation_told_apart(as_figure: Callable) -> None:
    accuracy, loss = as_figure(curves, "draw_curves", HISTORY).axes
    for axes, train, validation in (
        (accuracy, HISTORY.accuracy, HISTORY.validation_accuracy),
        (loss, HISTORY.loss, HISTORY.validation_loss),
    ):
        lines = {line.get_color(): line for line in axes.lines}
        assert lines[ORANGE].get_xydata().tolist() == [[1, train[0]], [2, train[1]], [3, train[2]]]
        assert lines[BLUE].get_xydata().tolist() == [[1, validation[0]], [2, validation[1]], [3, validation[2]]]
    assert [axes.get_title() for axes in (accuracy, loss)] == ["Accuracy", "Loss"]


def test_the_legend_says_which_is_which_and_which_epoch_was_kept(as_figure: Callable) -> None:
    (legend,) = as_figure(curves, "draw_curves", HISTORY).legends
    named = dict(zip([text.get_text() for text in legend.get_texts()], legend.get_lines(), strict=True))
    assert named["validation"].get_color() == BLUE
    assert [line.get_color() for name, line in named.items() if name.startswith("training")] == [ORANGE]
    assert "kept: epoch 2" in named


def test_the_kept_epoch_is_marked_in_both_plots(as_figure: Callable) -> None:
    for axes in as_figure(curves, "draw_curves", HISTORY).axes:
        assert [2, 2] in [list(line.get_xdata()) for line in axes.lines]


@pytest.mark.parametrize("epochs", [1, 2, 3, 15, 100])
def test_epochs_are_whole_numbers_and_no_value_is_cut_off(as_figure: Callable, epochs: int) -> None:
    falling = tuple(np.linspace(1.0, 0.2, epochs))
    history = History(loss=falling, accuracy=falling, validation_loss=falling, validation_accuracy=falling)
    for axes in as_figure(curves, "draw_curves", history).axes:
        first, last = axes.get_xlim()
        assert all(tick == round(tick) for tick in axes.get_xticks() if first <= tick <= last)
        assert first <= 1 <= epochs <= last
        assert axes.get_ylim()[0] == 0
        assert axes.get_ylim()[1] >= 1


@pytest.mark.parametrize(
    "history",
    [
        HISTORY,
        History(),
        History(loss=(9.0,), accuracy=(0.1,), validation_loss=(9.0,), validation_accuracy=(0.1,), best_epoch=1),
        History(loss=(np.nan, 1), accuracy=(0.1, 0.1), validation_loss=(np.inf, 2), validation_accuracy=(0.1, 0.2)),
    ],
    ids=["whole", "empty", "one epoch", "diverged"],
)
def test_the_curves_are_a_png_in_both_colours_where_there_is_something_to_draw(
    decode: Callable[[bytes], np.ndarray], history: History
) -> None:
    pixels = decode(curves.draw_curves(history))
    assert pixels.shape == (480, 1200, 3)
    for color in (ORANGE, BLUE):
        rgb = np.round(255 * np.array(matplotlib.colors.to_rgb(color)))
        assert (pixels == rgb).all(axis=2).any()
