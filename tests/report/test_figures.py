from collections.abc import Callable

import matplotlib as mpl
import numpy as np
import pytest

from eyebright.report.figures import new_figure, to_png


def test_a_figure_becomes_a_png_of_its_size(decode: Callable[[bytes], np.ndarray]) -> None:
    figure = new_figure(2, 1)
    assert (decode(to_png(figure)) == 255).all()
    figure.text(0.5, 0.5, "seen", color="#c53030")
    pixels = decode(to_png(figure))
    assert pixels.shape == (120, 240, 3)
    assert (pixels == (0xC5, 0x30, 0x30)).all(axis=2).any()


@pytest.mark.parametrize("name", ["雏菊", "ひまわり", "🌻", "زهرة", "tab\tbell\x07"])
def test_names_for_which_there_is_no_font_are_drawn_without_complaint(only_latin_fonts: None, name: str) -> None:
    figure = new_figure(2, 1)
    figure.text(0.5, 0.5, name)
    assert to_png(figure)


def test_drawing_leaves_the_users_matplotlib_as_it_was() -> None:
    with mpl.rc_context({"font.family": ["serif"]}):
        to_png(new_figure(2, 1))
        assert mpl.rcParams["font.family"] == ["serif"]
