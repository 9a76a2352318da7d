"""Figures as PNG files: their colours and fonts, and how pixels are drawn in them."""

import io
import logging
import warnings
from collections.abc import Iterator, Set
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from eyebright.system.text import listed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, RED, GREY, ORANGE = "#2b6cb0", "#c53030", "#718096", "#dd6b20"
_FONTS = [  # the first one always comes with matplotlib; of the others those that have missing characters are used
    "DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "PingFang SC", "Hiragino Sans GB",
    "Microsoft YaHei", "SimHei", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Arial Unicode MS",
]  # fmt: skip
_WARNED: set[str] = set()  # characters without a font, after the warning about them


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure; width and height in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def show_pixels(axes: "Axes", pixels: NDArray[np.uint8]) -> None:
    """Draw an image, `(H, W, 3)` or grey `(H, W, 1)`, uint8; a small one with visible pixels."""
    interpolation = "nearest" if pixels.shape[0] < 64 else "antialiased"
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation=interpolation)


def to_png(figure: "Figure") -> bytes:
    """The figure as the content of a PNG file; a warning names characters that no installed font has, once."""
    from matplotlib.text import Text

    texts = list(figure.findobj(Text))
    letters = {letter for text in texts for letter in text.get_text() if letter.isprintable()}
    file = io.BytesIO()
    with without_noise():
        families, missing = fonts_for(letters)
        for text in texts:
            text.set_fontfamily(families)
            text.set_parse_math(False)
        figure.savefig(file, format="png", dpi=120)
    if missing - _WARNED:
        _WARNED.update(missing)
        warnings.warn(
            f"no installed font has {listed(sorted(missing))}, so figures show boxes instead: install one, such as "
            "Noto Sans (on Debian and Ubuntu: apt install fonts-noto fonts-noto-cjk), and draw them again",
            stacklevel=2,
        )
    return file.getvalue()


@contextmanager
def without_noise() -> Iterator[None]:
    """Without matplotlib's own lines about fonts: of each that lacks a weight, and of each missing character."""
    logger = logging.getLogger("matplotlib.font_manager")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
            yield
    finally:
        logger.setLevel(level)


def fonts_for(letters: Set[str]) -> tuple[list[str], set[str]]:
    """Installed fonts that have these characters together, the usual one first, and the characters that none has."""
    from matplotlib import font_manager

    installed = {font.name for font in font_manager.fontManager.ttflist}
    others = sorted(name for name in installed - set(_FONTS) if not name.startswith("Last Resort"))  # it has only boxes
    used, missing = list[str](), set(letters)
    for name in [name for name in (*_FONTS, *others) if name in installed]:
        known = font_manager.get_font(font_manager.findfont(name)).get_charmap()  # of the style that is drawn
        has = {letter for letter in missing if ord(letter) in known}
        if has or not used:
            used.append(name)
            missing -= has
        if not missing:
            break
    return used, missing
