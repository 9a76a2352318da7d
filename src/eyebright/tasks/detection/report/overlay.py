"""Boxes drawn on pictures: readable on any background, each with a label that hides nothing of importance.

A box is a coloured line between two dark ones, or two white ones where the colour is dark itself: one of them stands
out from whatever is below.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyebright.report.figures import fonts_for, new_figure, to_png, without_noise
from eyebright.report.sheets import MAX_SHOWN
from eyebright.system.text import counted, printable, shorten
from eyebright.tasks.detection.report.layout import place_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#56b4e9", "#e69f00", "#009e73", "#f0e442", "#d55e00", "#cc79a7", "#0072b2")
"""Of classes; colour-blind people can distinguish them (Okabe and Ito, Color Universal Design, 2002)."""
Style: TypeAlias = Literal["-"] | tuple[float, tuple[float, float]]
STYLES: tuple[Style, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1.5)))
"""Of lines: with each the colours begin again."""
DARK, LIGHT = "#111111", "#ffffff"
"""Of what stands beside or on a colour: the one that contrasts more."""
_DPI = 120  # of `to_png`
_ALONE, _ROW, _COLUMNS = 1280, 1440, 3  # pixels of a picture that is alone, of a row; pictures in a row
_GAP, _LINE, _NARROWEST = 16, 26, 420  # pixels: between pictures, of a line of text, of the figure
_MOST_ENLARGED = 8.0
_PAD, _BESIDE = 3.0, 1.2  # pixels: around the text of a label; of the line on either side of the coloured one
_NAME_WIDTH, _LETTER_PX = 20, 8  # columns of a class name; pixels of a letter of a title
_LEGEND_POINTS, _KEY = 9.0, 76  # of names in the legend; pixels of the line beside a name, and of what is around it
_CROWDED = 0.25  # of the picture: where whole labels take more, only their short forms are tried


class Frame(NamedTuple):
    """A box to draw.

    Args:
        corners: x1 y1 x2 y2, in pixels of its picture.
        labels: What stands at it: the whole text, and shorter forms for where that has no room; empty without a label.
        colour: Of its line.
        style: 0 for a solid line, 1 for dashes, 2 for dots.
    """

    corners: tuple[float, float, float, float]
    labels: tuple[str, ...] = ()
    colour: str = COLOURS[0]
    style: int = 0


class Framed(NamedTuple):
    """A picture with boxes, the most important first.

    Args:
        pixels: `(H, W, 3)` or grey `(H, W, 1)`, uint8.
        frames: The boxes.
        title: The line above it.
    """

    pixels: NDArray[np.uint8]
    frames: Sequence[Frame]
    title: str = ""


def of_class(label: int, corners: Sequence[float], labels: tuple[str, ...] = ()) -> Frame:
    """A box in the colour of its class."""
    style, colour = divmod(label, len(COLOURS))
    x1, y1, x2, y2 = corners
    return Frame((x1, y1, x2, y2), labels, COLOURS[colour], style % len(STYLES))


def class_frame(label: int, name: str, corners: Sequence[float], score: float | None = None) -> Frame:
    """A box in the colour of its class, with its name and, where it was found, the confidence (0 to 1)."""
    name = shorten(printable(name), _NAME_WIDTH)
    return of_class(label, corners, (name,) if score is None else (f"{name} {score:.0%}", f"{score:.0%}"))


def class_legend(classes: Sequence[str], labels: Iterable[int]) -> dict[str, Frame]:
    """What the colours of these classes mean."""
    return {
        shorten(printable(classes[label]), _NAME_WIDTH): of_class(label, (0, 0, 1, 1)) for label in sorted(set(labels))
    }


def draw_boxes(
    pictures: Sequence[Framed],
    legend: Mapping[str, Frame] = MappingProxyType({}),
    title: str = "",
    columns: int = _COLUMNS,
) -> bytes:
    """The first 60 pictures with their boxes, as the content of a PNG file; one alone is drawn large.

    Args:
        pictures: At least one.
        legend: What colours and styles mean, by a frame that has them.
        title: The line above all.
        columns: Pictures in a row.
    """
    name_px = max((_Pen.with_fonts_for(legend, _LEGEND_POINTS).size(name)[0] for name in legend), default=0)
    plan = _Plan.of(pictures[:MAX_SHOWN], len(legend), name_px, columns, lines=1 if title else 0)
    figure = new_figure(plan.width / _DPI, plan.height / _DPI)
    figure.set_dpi(_DPI)
    figure.set_layout_engine("none")
    points = 10.0 if len(plan.tiles) == 1 else 8.0
    pen = _Pen.with_fonts_for([text for one in pictures for frame in one.frames for text in frame.labels], points)
    for picture, (left, top, width, height) in zip(pictures, plan.tiles, strict=False):
        place = (left / plan.width, 1 - (top + height) / plan.height, width / plan.width, height / plan.height)
        _draw(figure.add_axes(place), picture, (width, height), pen)
    if legend:
        _draw_legend(figure, legend, plan)
    if title:
        figure.suptitle(title, fontsize=10, y=1 - 8 / plan.height, va="top")
    return to_png(figure)


class _Plan(NamedTuple):
    """Where everything is in a figure, in pixels from the left and the top.

    Args:
        width: Of the figure.
        height: Of the figure.
        tiles: Left, top, width and height of each picture.
        columns: Of the legend.
    """

    width: int
    height: int
    tiles: list[tuple[float, float, float, float]]
    columns: int

    @classmethod
    def of(cls, pictures: Sequence[Framed], legend: int, name_px: float, columns: int, lines: int) -> "_Plan":
        side, columns = (_ALONE, 1) if len(pictures) == 1 else (_ROW // columns, min(columns, len(pictures)))
        sizes = [_size(picture.pixels, side) for picture in pictures]
        column = max(round(max(width for width, _ in sizes)), _NARROWEST // columns)
        top, tiles = _GAP / 2 + _LINE * lines, list[tuple[float, float, float, float]]()
        for first in range(0, len(sizes), columns):
            row = sizes[first : first + columns]
            top += _LINE
            for place, (width, height) in enumerate(row):
                tiles.append((_GAP + place * (column + _GAP) + (column - width) / 2, top, width, height))
            top += max(height for _, height in row) + _GAP / 2
        full = _GAP + columns * (column + _GAP)
        across = max(min(legend, int(full / (_KEY + name_px))), 1)
        return cls(full, round(top + _GAP / 2 + _LINE * -(-legend // across)), tiles, across)


def _size(pixels: NDArray[np.uint8], side: float) -> tuple[float, float]:
    """Width and height at which a picture is drawn: its longer side is that of a tile, or 8 times its own."""
    height, width = pixels.shape[:2]
    scale = min(side / max(width, height), _MOST_ENLARGED)
    return width * scale, height * scale


class _Pen:
    """Writes labels of one size, and knows how large they are.

    Args:
        families: The names of fonts.
        points: The size of the letters.
    """

    def __init__(self, families: Sequence[str], points: float) -> None:
        from matplotlib.backends.backend_agg import RendererAgg
        from matplotlib.font_manager import FontProperties

        self.points, self._sizes = points, dict[str, tuple[float, float]]()
        self._font = FontProperties(family=families, size=points)
        self._renderer: Any = RendererAgg(1, 1, _DPI)  # type: ignore[no-untyped-call]
        self._high = self._renderer.get_text_width_height_descent("Ág%", self._font, ismath=False)[1]  # type: ignore[no-untyped-call]

    @classmethod
    def with_fonts_for(cls, texts: Iterable[str], points: float) -> "_Pen":
        """One that writes with installed fonts which have the letters of these texts."""
        with without_noise():
            return cls(fonts_for({letter for text in texts for letter in text if letter.isprintable()})[0], points)

    def size(self, text: str) -> tuple[float, float]:
        """Width and height of a label, in pixels."""
        if text not in self._sizes:
            with without_noise():
                wide = self._renderer.get_text_width_height_descent(text, self._font, ismath=False)[0]
            self._sizes[text] = wide + 2 * _PAD, self._high + 2 * _PAD
        return self._sizes[text]

    def write(self, axes: "Axes", frame: Frame, text: str, left: float, top: float) -> None:
        """Write a label in the colour of its box."""
        from matplotlib.patches import Rectangle

        wide, high = self.size(text)
        beside = contrasting(frame.colour)
        axes.add_patch(Rectangle((left, top), wide, high, facecolor=frame.colour, edgecolor=beside, linewidth=0.5))
        middle = left + wide / 2, top + high / 2
        axes.text(*middle, text, ha="center", va="center_baseline", fontsize=self.points, color=beside)


def _draw(axes: "Axes", picture: Framed, size: tuple[float, float], pen: _Pen) -> None:
    """Draw a picture with its boxes in axes that count the pixels of the figure."""
    pixels = picture.pixels if picture.pixels.shape[-1] == 3 else np.repeat(picture.pixels, 3, axis=2)
    (wide, high), scale = size, size[0] / pixels.shape[1]
    axes.imshow(
        pixels, extent=(0, wide, high, 0), interpolation="nearest" if scale > 2 else "antialiased", aspect="auto"
    )
    axes.set_xlim(0, wide)
    axes.set_ylim(high, 0)
    axes.set_axis_off()
    inner = np.array([frame.corners for frame in picture.frames], np.float64).reshape(-1, 4) * scale
    lines = np.clip((inner[:, 2:] - inner[:, :2]).min(axis=1) / 16, 1.2, pen.points / 4)  # thin around what is small
    outer = inner + (lines + 2 * _BESIDE)[:, None] * (-1, -1, 1, 1)
    for number in np.argsort(-(outer[:, 2:] - outer[:, :2]).prod(axis=1), kind="stable"):
        _draw_line(axes, picture.frames[number], outer[number], float(lines[number]), size)
    labels = _labels(picture, size, pen)
    places = place_labels(outer, [[pen.size(text) for text in forms] for forms in labels], wide, high)
    for frame, forms, place in zip(picture.frames, labels, places, strict=True):
        if place is not None:
            pen.write(axes, frame, forms[place[0]], *place[1:])
    left_out = sum(place is None for forms, place in zip(labels, places, strict=True) if forms)
    more = f"  ({counted(left_out, 'label')} left out)" if left_out else ""
    text = shorten(printable(picture.title), max(round(wide / _LETTER_PX) - len(more), 12)) + more
    axes.text(wide / 2, -5, text, ha="center", va="bottom", fontsize=8, color="#333333")


def _labels(picture: Framed, size: tuple[float, float], pen: _Pen) -> list[tuple[str, ...]]:
    """The forms of each label; without the whole texts where these would hide much of the picture."""
    whole = [pen.size(frame.labels[0]) for frame in picture.frames if frame.labels]
    crowded = sum(wide * high for wide, high in whole) > _CROWDED * size[0] * size[1]
    return [frame.labels[1:] or frame.labels if crowded else frame.labels for frame in picture.frames]


def _draw_line(axes: "Axes", frame: Frame, outer: NDArray[np.float64], line: float, size: tuple[float, float]) -> None:
    """Draw the line of a box around what is in it; at the edge of the picture, within this."""
    from matplotlib.patches import Rectangle

    whole = line + 2 * _BESIDE
    low = np.maximum(outer[:2], 0) + whole / 2
    high = np.minimum(outer[2:], size) - whole / 2
    beneath = contrasting(frame.colour), whole, STYLES[0]
    left, top = low.tolist()
    for colour, width, style in (beneath, (frame.colour, line, STYLES[frame.style])):
        points = width * 72 / _DPI
        axes.add_patch(
            Rectangle((left, top), *(high - low), fill=False, edgecolor=colour, linewidth=points, linestyle=style)
        )


def contrasting(colour: str) -> str:
    """Dark or white: what contrasts more with a colour; with either the same at a luminance of 0.18."""
    return DARK if luminance(colour) > 0.18 else LIGHT


def luminance(colour: str) -> float:
    """The relative luminance of a colour such as "#56b4e9", 0 to 1 (WCAG 2.2)."""
    levels = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def _draw_legend(figure: "Figure", legend: Mapping[str, Frame], plan: _Plan) -> None:
    from matplotlib.lines import Line2D

    lines = [
        Line2D([], [], color=frame.colour, linestyle=STYLES[frame.style], linewidth=2.5, label=name)
        for name, frame in legend.items()
    ]
    figure.legend(
        handles=lines,
        loc="lower center",
        ncols=plan.columns,
        frameon=False,
        fontsize=_LEGEND_POINTS,
        borderpad=0.2,
        labelspacing=0.4,
    )
