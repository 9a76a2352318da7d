from collections.abc import Callable

import matplotlib.colors
import numpy as np
import pytest

from eyebright.report import plots
from eyebright.report.figures import BLUE, ORANGE
from eyebright.report.history import History
from eyebright.training.events.fitting import HeadFitted
from eyebright.training.range_test import RangeTest
from eyebright.trust.metrics import evaluate

HISTORY = History(
    loss=(1.5, 1.0, 0.5),
    accuracy=(0.4, 0.6, 0.9),
    validation_loss=(1.4, 1.1, 1.2),
    validation_accuracy=(0.5, 0.7, 0.6),
    best_epoch=2,
)


def test_the_curves_show_the_history_with_training_and_validation_distinguished(as_figure: Callable) -> None:
    accuracy, loss = as_figure(plots, "draw_curves", HISTORY).axes
    for axes, train, validation in (
        (accuracy, HISTORY.accuracy, HISTORY.validation_accuracy),
        (loss, HISTORY.loss, HISTORY.validation_loss),
    ):
        lines = {line.get_color(): line for line in axes.lines}
        assert lines[ORANGE].get_xydata().tolist() == [[1, train[0]], [2, train[1]], [3, train[2]]]
        assert lines[BLUE].get_xydata().tolist() == [[1, validation[0]], [2, validation[1]], [3, validation[2]]]
    assert [axes.get_title() for axes in (accuracy, loss)] == ["Accuracy", "Loss"]


def test_the_legend_says_which_is_which_and_which_epoch_was_kept(as_figure: Callable) -> None:
    (legend,) = as_figure(plots, "draw_curves", HISTORY).legends
    named = dict(zip([text.get_text() for text in legend.get_texts()], legend.get_lines(), strict=True))
    assert named["validation"].get_color() == BLUE
    assert [line.get_color() for name, line in named.items() if name.startswith("training")] == [ORANGE]
    assert "kept: epoch 2" in named


def test_the_kept_epoch_is_marked_in_both_plots(as_figure: Callable) -> None:
    for axes in as_figure(plots, "draw_curves", HISTORY).axes:
        assert [2, 2] in [list(line.get_xdata()) for line in axes.lines]


@pytest.mark.parametrize("epochs", [1, 2, 3, 15, 100])
def test_epochs_are_whole_numbers_and_no_value_is_cut_off(as_figure: Callable, epochs: int) -> None:
    falling = tuple(np.linspace(1.0, 0.2, epochs))
    history = History(loss=falling, accuracy=falling, validation_loss=falling, validation_accuracy=falling)
    for axes in as_figure(plots, "draw_curves", history).axes:
        first, last = axes.get_xlim()
        assert all(tick == round(tick) for tick in axes.get_xticks() if first <= tick <= last)
        assert first <= 1 <= epochs <= last
        assert axes.get_ylim()[0] == 0
        assert axes.get_ylim()[1] >= 1


@pytest.mark.parametrize(("epochs", "marker"), [(40, "."), (41, "None")])
def test_values_are_marked_with_dots_up_to_40_epochs(as_figure: Callable, epochs: int, marker: str) -> None:
    falling = tuple(np.linspace(1.0, 0.2, epochs))
    history = History(loss=falling, accuracy=falling, validation_loss=falling, validation_accuracy=falling)
    lines = [line for axes in as_figure(plots, "draw_curves", history).axes for line in axes.lines]
    assert [line.get_marker() or "None" for line in lines] == [marker] * 4


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
    pixels = decode(plots.draw_curves(history))
    assert pixels.shape == (480, 1200, 3)
    for color in (ORANGE, BLUE):
        rgb = np.round(255 * np.array(matplotlib.colors.to_rgb(color)))
        assert (pixels == rgb).all(axis=2).any()


TRIED = tuple(np.geomspace(1e-6, 1e-1, 6).tolist())
TEST = RangeTest(TRIED, (2.0, 2.1, 1.5, 1.0, 1.2, 40.0), (2.0, 2.05, 1.8, 1.5, 1.4, 9.0), 1e-3)


def test_the_figure_shows_the_smoothed_loss_against_the_rate_and_the_suggestion(as_figure: Callable) -> None:
    (axes,) = as_figure(plots, "draw_rates", TEST).axes
    lines = {line.get_color(): line for line in axes.lines}
    assert lines[BLUE].get_xydata().tolist() == [list(pair) for pair in zip(TRIED, TEST.smoothed, strict=True)]
    assert set(lines[ORANGE].get_xdata()) == {1e-3}
    assert axes.get_xscale() == "log"
    low, high = axes.get_ylim()
    assert low < 1.4 and 2.05 < high < 9  # what bursts is cut off


def test_rates_below_the_axis_are_numbers_without_formulas(as_figure: Callable) -> None:
    figure = as_figure(plots, "draw_rates", TEST)
    figure.draw_without_rendering()
    words = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert {"1e-06", "0.0001", "0.1"} <= set(words)
    assert not any("$" in word for word in words)


def test_the_legend_has_the_suggested_rate(as_figure: Callable) -> None:
    (legend,) = as_figure(plots, "draw_rates", TEST).legends
    assert "suggested: 0.001" in [text.get_text() for text in legend.get_texts()]


@pytest.mark.parametrize("test", [TEST, TEST._replace(losses=(np.inf,) * 6)])
def test_a_range_test_is_a_png_also_where_losses_are_infinite(
    decode: Callable[[bytes], np.ndarray], test: RangeTest
) -> None:
    assert decode(plots.draw_rates(test)).shape == (480, 840, 3)


def test_a_head_alone_shows_error_and_loss_by_strength_with_the_chosen_one(as_figure: Callable) -> None:
    path = HeadFitted(strengths=(1.0, 0.3, 0.1), losses=(0.9, 0.6, 0.7), accuracies=(0.7, 0.8, 0.75), strength=0.3)
    error, loss = as_figure(plots, "draw_path", path).axes
    assert error.lines[0].get_xydata() == pytest.approx(np.array([[1.0, 0.3], [0.3, 0.2], [0.1, 0.25]]))
    assert loss.lines[0].get_xydata().tolist() == [[1.0, 0.9], [0.3, 0.6], [0.1, 0.7]]
    for axes in (error, loss):
        assert [0.3, 0.3] in [list(line.get_xdata()) for line in axes.lines]
        assert axes.get_ylim()[1] > max(axes.lines[0].get_ydata())


def test_a_confusion_matrix_is_headed_by_the_names_of_the_classes(as_figure: Callable) -> None:
    labels, predicted = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1, 0])
    evaluation = evaluate(np.log(np.eye(3)[predicted] * 0.7 + 0.1), labels, ("1", "0", "a class with a long name"))
    axes = as_figure(plots, "draw_confusion", evaluation, "6 images").axes[0]
    names = ["1", "0", "a class wi…long name"]
    assert [text.get_text() for text in axes.get_xticklabels()] == names
    assert [text.get_text() for text in axes.get_yticklabels()] == names
    written = {text.get_position()[::-1]: text.get_text() for text in axes.texts}
    assert written == {(0, 0): "2", (0, 1): "1", (1, 1): "2", (2, 0): "1"}  # true class, predicted class
    assert axes.images[0].get_array().data == pytest.approx(np.array([[2 / 3, 1 / 3, 0], [0, 1, 0], [1, 0, 0]]))
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")
