from collections.abc import Callable

import numpy as np
import pytest

from eyebright.report import preview
from eyebright.report.preview import Row, draw_preview, faded, fit_text
from eyebright.training.events import FitChosen

RANDOM = np.random.default_rng(0)


def row(name: str = "rose", lost: float = 0.5, draws: int = 2) -> Row:
    whole = RANDOM.integers(0, 256, (20, 40, 3), np.uint8)
    pixels = RANDOM.integers(0, 256, (1 + draws, 16, 16, 3), np.uint8)
    return Row(name, whole, (0.25, 0, 0.75, 1), lost, pixels[0], pixels[1:])


def test_what_is_cut_away_is_light_grey_and_the_rest_as_it_is() -> None:
    one = row()
    found = faded(one)
    assert np.array_equal(found[:, 10:30], one.whole[:, 10:30])
    beside = np.concatenate([found[:, :10], found[:, 30:]], axis=1)
    assert beside.min() >= 190 and (beside == beside[..., :1]).all()


def test_a_row_holds_the_whole_what_is_seen_and_each_draw_under_its_heading(as_figure: Callable) -> None:
    rows = [row("rose"), row("tulip", lost=0.01)]
    figure = as_figure(preview, "draw_preview", rows, "title", "warning")
    shown = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in shown[:4]] == ["whole", "as seen", "in epoch 1", "in epoch 2"]
    for line, one in zip((shown[:4], shown[4:]), rows, strict=True):
        for axes, pixels in zip(line, (faded(one), one.seen, *one.draws), strict=True):
            assert np.array_equal(axes.images[0].get_array(), pixels)
    written = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert written == ["rose", "loses 50%", "tulip"]
    assert figure.get_suptitle() == "title\nwarning"
    frame = shown[0].patches[0]
    assert (frame.get_x(), frame.get_y(), frame.get_width(), frame.get_height()) == (9.5, -0.5, 20, 20)


def test_a_picture_that_is_kept_whole_has_no_frame_and_no_draws_no_columns(as_figure: Callable) -> None:
    figure = as_figure(preview, "draw_preview", [row(draws=0)._replace(box=(0, 0, 1, 1))], "title")
    assert not any(axes.patches for axes in figure.axes) and len(figure.axes) == 3


@pytest.mark.parametrize("name", ["雏菊", "x" * 300, "a$b$c", "很长的名字" * 30])
def test_any_name_can_be_drawn(decode: Callable, only_latin_fonts: None, name: str) -> None:
    assert len(np.unique(decode(draw_preview([row(name)], "title")).reshape(-1, 3), axis=0)) > 100


def test_a_long_name_stays_left_of_the_pictures(as_figure: Callable) -> None:
    figure = as_figure(preview, "draw_preview", [row("Speed limit (80 km/h), end of, with plate")], "title")
    preview.to_png(figure)
    box = figure.axes[0].texts[0].get_window_extent()
    assert 0 <= box.x0 < box.x1 <= figure.axes[1].get_window_extent().x0


@pytest.mark.parametrize(
    ("fit", "lost", "words"),
    [
        ("crop", 0.04, ""), ("stretch", 0.9, ""), ("crop", 0.2, "Cropping leaves out 20%"),
        ("pad", 0.4, "shown whole, on grey: cropping would leave out 40%"),
    ],
)  # fmt: skip
def test_it_is_said_where_cropping_would_lose_something(fit: str, lost: float, words: str) -> None:
    said = fit_text(FitChosen(fit=fit, lost=lost))
    assert words in said and bool(said) == bool(words)
