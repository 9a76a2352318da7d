"""Figures of the kernels of a convolution, of the activations of a layer, and maps of importance over images."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.report.figures import BLUE, new_figure, show_pixels, to_png
from eyebright.system.text import counted, printable, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MAX_KERNELS, _MAX_ROWS, _MAX_MAPS, _MAX_BARS = 16, 256, 64, 64  # kernels: in each direction
_SIGNED, _POSITIVE = "RdBu_r", "magma"  # colour maps
_MAX_LETTERS = 70  # of class names side by side
_MIN_TILE_PX = 48
_FOR, _AGAINST = (221, 107, 32), (43, 108, 176)  # ORANGE and BLUE
_MOST_COVERED = 0.75  # of the image, below the strongest colour


def draw_kernels(kernels: NDArray[np.float32], *, title: str) -> bytes:
    """The kernels of a convolution as the content of a PNG file, all on one scale.

    Kernels with three channels are drawn in colour, with grey for 0; kernels with one channel side by side; others as a
    table with a row for each filter and a column for each channel; kernels of 1 x 1 as one matrix.

    Args:
        kernels: `(out_channels, in_channels, height, width)`.
        title: Name of the layer.
    """
    filters, channels, height, width = kernels.shape
    values = np.nan_to_num(kernels, posinf=0, neginf=0)
    scale = float(np.abs(values).max()) or 1.0
    size = f"{counted(filters, 'filter')} of {height} x {width} x {channels}"
    if height == width == 1:
        shown = values[:_MAX_ROWS, :_MAX_ROWS, 0, 0]
        figure = _matrix(shown, scale)
        notes = _first(len(shown), filters, "filters") + _first(shown.shape[1], channels, "channels")
    elif channels in (1, 3):
        shown = values[: _MAX_KERNELS**2].transpose(0, 2, 3, 1)
        figure = _gallery(0.5 + shown / (2 * scale) if channels == 3 else shown[..., 0], scale)
        notes = _first(len(shown), filters, "filters") + ["grey is 0"] * (channels == 3)
    else:
        shown = values[:_MAX_KERNELS, :_MAX_KERNELS]
        figure = _table(shown, scale)
        notes = _first(len(shown), filters, "filters") + _first(shown.shape[1], channels, "channels")
    figure.suptitle("\n".join([title, "; ".join([size, *notes])]), fontsize=11)
    return to_png(figure)


def draw_maps(pixels: NDArray[np.uint8], maps: NDArray[np.float32], *, title: str, names: Sequence[str] = ()) -> bytes:
    """An image and the activations of a layer as the content of a PNG file; brighter is stronger, on one scale.

    Args:
        pixels: The image as the network takes it, `(H, W, C)`.
        maps: The output of the layer, `(C, H, W)` or `(features,)`.
        title: Name of the layer.
        names: Names of the features, such as classes; may be empty.
    """
    values = np.nan_to_num(maps, posinf=0, neginf=0)
    if values.ndim == 1 or values.shape[1:] == (1, 1):
        return _beside(pixels, values.ravel(), title, names)
    count, height, width = values.shape
    shown = values[:_MAX_MAPS]
    columns = _columns_of(len(shown), most=8)
    tiles = _side_by_side(shown, columns, gap=0.2, fill=np.nan)
    across, down = 1.1 * columns, 1.1 * columns * tiles.picture.shape[0] / tiles.picture.shape[1]
    figure, axes = _with_picture(pixels, across, down)
    image = axes.imshow(tiles.picture, cmap=_POSITIVE, vmin=min(float(shown.min()), 0), vmax=_top(shown))
    _number(axes, tiles)
    figure.colorbar(image, ax=axes, pad=0.01, aspect=40, extend="max" if shown.max() > _top(shown) else "neither")
    heading = f"{title}: {counted(count, 'map')} of {height} x {width}"
    figure.suptitle("; ".join([heading, *_first(len(shown), count, "maps")]), fontsize=11)
    return to_png(figure)


def overlaid(pixels: NDArray[np.uint8], importance: NDArray[np.float32]) -> NDArray[np.uint8]:
    """An image in grey under colours: orange matters most for a class, blue least, `(H, W, 3)`, uint8.

    Args:
        pixels: The image as the network takes it, `(H, W, 3)` or grey `(H, W, 1)`, uint8.
        importance: A map of `model.explain`, `(H, W)`; its strongest value, of either sign, has the strongest colour.
    """
    values = np.nan_to_num(importance, posinf=0, neginf=0).astype(np.float32)
    strength = np.abs(values) / (float(np.abs(values).max()) or 1.0)
    colour = np.where(values[..., None] > 0, np.array(_FOR, np.float32), np.array(_AGAINST, np.float32))
    grey = pixels.mean(axis=2, keepdims=True, dtype=np.float32)
    covered = _MOST_COVERED * strength[..., None]
    return np.asarray(grey + covered * (colour - grey) + 0.5, np.uint8)


def _gallery(tiles: NDArray[np.float32], scale: float) -> "Figure":
    """Kernels side by side: in colour `(n, h, w, 3)`, or with one channel `(n, h, w)`."""
    columns = _columns_of(len(tiles), most=_MAX_KERNELS)
    color = tiles.ndim == 4
    found = _side_by_side(tiles, columns, gap=0.25, fill=1.0 if color else np.nan)
    figure = new_figure(*_fitted(found.picture, 0.7 * columns))
    axes = figure.subplots()
    image = axes.imshow(found.picture, cmap=_SIGNED, vmin=-scale, vmax=scale)
    _number(axes, found)
    if not color:
        figure.colorbar(image, ax=axes, pad=0.02, aspect=30)
    return figure


def _table(kernels: NDArray[np.float32], scale: float) -> "Figure":
    """A row for each filter, a column for each channel."""
    rows, columns, height, width = kernels.shape
    tiles = _side_by_side(kernels.reshape(-1, height, width), columns, gap=0.12, fill=np.nan)
    figure = new_figure(*_fitted(tiles.picture, 0.5 * columns))
    axes = figure.subplots()
    image = axes.imshow(tiles.picture, cmap=_SIGNED, vmin=-scale, vmax=scale)
    middles = [(left + tiles.side[1] / 2, top + tiles.side[0] / 2) for left, top in tiles.corners]
    axes.set_xticks([x for x, _ in middles[:columns]], [str(number) for number in range(1, columns + 1)])
    axes.set_yticks([y for _, y in middles[::columns]], [str(number) for number in range(1, rows + 1)])
    _label(axes)
    figure.colorbar(image, ax=axes, pad=0.02, aspect=30)
    return figure


def _matrix(values: NDArray[np.float32], scale: float) -> "Figure":
    rows, columns = values.shape
    figure = new_figure(min(max(0.06 * columns, 3.5), 10) + 1.5, min(max(0.06 * rows, 2.5), 10) + 0.8)
    axes = figure.subplots()
    area = (0.5, columns + 0.5, rows + 0.5, 0.5)
    image = axes.imshow(
        values, cmap=_SIGNED, vmin=-scale, vmax=scale, aspect="auto", extent=area, interpolation="nearest"
    )
    axes.locator_params(integer=True)
    _label(axes)
    figure.colorbar(image, ax=axes, pad=0.02, aspect=30)
    return figure


def _beside(pixels: NDArray[np.uint8], values: NDArray[np.float32], title: str, names: Sequence[str]) -> bytes:
    """The image, and a vector as bars, or as a filled line where there are many."""
    figure, axes = _with_picture(pixels, 7.0, 2.4)
    places = np.arange(1, len(values) + 1)
    if len(values) <= _MAX_BARS:
        axes.bar(places, values, color=BLUE)
    else:
        axes.fill_between(places, values, step="mid", color=BLUE, linewidth=0.5)
    axes.axhline(0, color="black", linewidth=0.5)
    axes.set_xlim(0.4, len(values) + 0.6)
    axes.locator_params(axis="x", integer=True)
    if 0 < len(names) <= _MAX_BARS:
        shown = [shorten(printable(name), 24) for name in names]
        axes.set_xticks(places, shown, rotation=90 if len(names) * max(map(len, shown)) > _MAX_LETTERS else 0)
    axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"{title}: {counted(len(values), 'value')}", fontsize=11)
    return to_png(figure)


def _with_picture(pixels: NDArray[np.uint8], across: float, down: float) -> "tuple[Figure, Axes]":
    """A figure with the image at the left, and axes of so many inches at its right."""
    side = 2.4
    figure = new_figure(side + across + 1, max(down, side * pixels.shape[0] / pixels.shape[1]) + 0.5)
    picture, axes = figure.subplots(1, 2, width_ratios=[side, across + 0.6])
    show_pixels(picture, pixels)
    picture.set_axis_off()
    picture.set_anchor("N")
    return figure, axes


class _Tiles(NamedTuple):
    """Small images on one large image.

    Args:
        picture: All of them, `(H, W, ...)` float32.
        corners: Left and top of each.
        side: Their height and width.
    """

    picture: NDArray[Any]
    corners: list[tuple[int, int]]
    side: tuple[int, int]


def _side_by_side(tiles: NDArray[Any], columns: int, *, gap: float, fill: float) -> _Tiles:
    """_Tiles `(n, h, w, ...)` in rows of so many, enlarged where they are small; the gap is a share of their width."""
    enlarged = max(-(-_MIN_TILE_PX // max(tiles.shape[1:3])), 1)
    tiles = tiles.repeat(enlarged, axis=1).repeat(enlarged, axis=2)
    height, width = tiles.shape[1:3]
    space = max(round(gap * width), 1)
    rows = -(-len(tiles) // columns)
    area = (rows * (height + space) + space, columns * (width + space) + space)
    picture = np.full((*area, *tiles.shape[3:]), fill, np.float32)
    corners = []
    for index, tile in enumerate(tiles):
        row, column = divmod(index, columns)
        left, top = space + column * (width + space), space + row * (height + space)
        picture[top : top + height, left : left + width] = tile
        corners.append((left, top))
    return _Tiles(picture, corners, (height, width))


def _columns_of(count: int, *, most: int) -> int:
    """The number of columns that makes a square, or a single row of few tiles."""
    return count if count <= 3 else min(int(np.ceil(np.sqrt(count))), most)


def _number(axes: "Axes", tiles: _Tiles) -> None:
    """Write a number above each tile, and nothing else around them."""
    axes.set_axis_off()
    axes.set_anchor("N")
    for number, (left, top) in enumerate(tiles.corners, start=1):
        axes.text(left, top - 1, str(number), fontsize=7, va="bottom")


def _label(axes: "Axes") -> None:
    axes.set_xlabel("channel")
    axes.set_ylabel("filter")
    axes.tick_params(length=0, labelsize=8)
    axes.spines[:].set_visible(False)


def _fitted(picture: NDArray[Any], across: float) -> tuple[float, float]:
    """Width and height in inches of a figure for an image of a width in inches, with room for its title."""
    tall = picture.shape[0] / picture.shape[1]
    across = max(across, min(2.5, 5.0 / tall))
    return max(across + 1, 5.0), across * tall + 0.8


def _top(values: NDArray[np.float32]) -> float:
    """The value drawn brightest: the 99th percentile, so that a few outliers do not leave the rest dark."""
    high = float(np.quantile(values, 0.99))
    return high if high > 0 else max(float(values.max()), 1e-6)


def _first(shown: int, of: int, noun: str) -> list[str]:
    return [f"the first {shown} of {of:,} {noun}"] if shown < of else []
