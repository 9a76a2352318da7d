import logging
from collections.abc import Callable

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import font_manager

from eyebright.report import figures
from eyebright.report.figures import fonts_for, new_figure, to_png


def test_grey_pixels_are_drawn_in_grey() -> None:
    axes = new_figure(1, 1).subplots()
    figures.show_pixels(axes, np.array([[[0], [127], [255]]], np.uint8))
    (image,) = axes.images
    shown = image.to_rgba(image.get_array(), bytes=True)[..., :3].reshape(-1, 3)
    assert np.abs(shown.astype(int) - [[0] * 3, [127] * 3, [255] * 3]).max() <= 1


def test_a_figure_becomes_a_png_of_its_size(decode: Callable[[bytes], np.ndarray]) -> None:
    figure = new_figure(2, 1)
    assert (decode(to_png(figure)) == 255).all()
    figure.text(0.5, 0.5, "seen", color="#c53030")
    pixels = decode(to_png(figure))
    assert pixels.shape == (120, 240, 3)
    assert (pixels == (0xC5, 0x30, 0x30)).all(axis=2).any()


@pytest.mark.parametrize("name", ["زهرة", "é", "tab\tbell\x07"])
def test_names_for_which_there_is_a_font_are_drawn_without_a_warning(only_latin_fonts: None, name: str) -> None:
    figure = new_figure(2, 1)
    figure.text(0.5, 0.5, name)
    assert to_png(figure)


@pytest.mark.parametrize(("name", "missing"), [("雏菊 a", "菊, 雏"), ("ひまわり", "ひ, ま, り, わ"), ("🌻", "🌻")])
def test_names_for_which_there_is_no_font_are_drawn_with_boxes_and_the_characters_are_named(
    only_latin_fonts: None, name: str, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    figure = new_figure(2, 1)
    figure.text(0.5, 0.5, name)
    monkeypatch.setattr(figures, "_WARNED", set())
    with pytest.warns(UserWarning, match=f"no installed font has {missing}, .* install one, such as Noto Sans"):
        assert to_png(figure)
    assert to_png(figure)  # without a second warning


@pytest.mark.filterwarnings("ignore:no installed font has")
def test_matplotlib_says_nothing_of_its_own_about_fonts(caplog: pytest.LogCaptureFixture) -> None:
    font_manager.fontManager._findfont_cached.cache_clear()
    figure = new_figure(2, 1)
    figure.text(0.5, 0.5, "\u0939\ue000")  # a letter of Hindi and one that no font has: all fonts are searched
    assert to_png(figure) and not caplog.records
    assert logging.getLogger("matplotlib.font_manager").isEnabledFor(logging.WARNING)


def test_drawing_leaves_the_users_matplotlib_as_it_was() -> None:
    with mpl.rc_context({"font.family": ["serif"]}):
        to_png(new_figure(2, 1))
        assert mpl.rcParams["font.family"] == ["serif"]


def test_characters_are_drawn_in_a_font_that_has_them() -> None:
    """U+1D8A is in one of the fonts for formulas that come with matplotlib."""
    assert fonts_for({"a", "é"}) == (["DejaVu Sans"], set())
    families, missing = fonts_for({"a", "\u1d8a"})
    assert families[0] == "DejaVu Sans" and len(families) == 2 and not missing
    assert fonts_for({"\u0378"}) == (["DejaVu Sans"], {"\u0378"})  # in Unicode there is no such character
