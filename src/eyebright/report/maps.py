"""Kernels and activations as pictures: what a convolution looks for, and what a layer makes of a photograph."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eyebright.report.figures import BLUE, new_figure, to_png
from eyebright.report.sheets import Tiles, columns_of, side_by_side
from eyebright.system.text import counted, fit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST, _MOST_ROWS, _MOST_MAPS, _MOST_BARS = 16, 256, 64, 64
_AROUND_ZERO, _STRONGER = "RdBu_r", "magma"
_MOST_LETTERS = 70  # of names side by side


def draw_kernels(kernels: NDArray[np.float32], *, title: str) -> bytes:
    """The kernels of a convolution as the content of a PNG file, all on one scale.

    Kernels on three channels are drawn in colour, grey being 0; kernels on one channel side by side; others as a table
    with a row for each filter and a column for each channel; kernels of 1 x 1 as one matrix.

    Args:
        kernels: `(out_channels, in_channels, height, width)`.
        title: Name of the layer.
    """
    filters, channels, height, width = kernels.shape
    values = np.nan_to_num(kernels, posinf=0, neginf=0)
    scale = float(np.abs(values).max()) or 1.0
    size = f"{counted(filters, 'filter')} of {height} x {width} x {channels}"
    if height == width == 1:
        shown = values[:_MOST_ROWS, :_MOST_ROWS, 0, 0]
        figure = _matrix(shown, scale)
        notes = _first(len(shown), filters, "filters") + _first(shown.shape[1], channels, "channels")
    elif channels in (1, 3):
        shown = values[: _MOST**2].transpose(0, 2, 3, 1)
        figure = _gallery(0.5 + shown / (2 * scale) if channels == 3 else shown[..., 0], scale)
        notes = _first(len(shown), filters, "filters") + ["grey is 0"] * (channels == 3)
    else:
        shown = values[:_MOST, :_MOST]
        figure = _table(shown, scale)
        notes = _first(len(shown), filters, "filters") + _first(shown.shape[1], channels, "channels")
    figure.suptitle("\n".join([title, "; ".join([size, *notes])]), fontsize=11)
    return to_png(figure)


def draw_maps(pixels: NDArray[np.uint8], maps: NDArray[np.float32], *, title: str, names: Sequence[str] = ()) -> bytes:
    """A picture and what a layer makes of it as the content of a PNG file; brighter is stronger, on one scale.

    Args:
        pixels: The picture as the network sees it, `(H, W, 3)`.
        maps: The layer's result for it, `(C, H, W)` or `(features,)`.
        title: Name of the layer.
        names: What the features stand for, where they stand for something.
    """
    values = np.nan_to_num(maps, posinf=0, neginf=0)
    if values.ndim == 1 or values.shape[1:] == (1, 1):
        return _beside(pixels, values.ravel(), title, names)
    count, height, width = values.shape
    shown = values[:_MOST_MAPS]
    columns = columns_of(len(shown), most=8)
    tiles = side_by_side(shown, columns, gap=0.2, fill=np.nan)
    across, down = 1.1 * columns, 1.1 * columns * tiles.picture.shape[0] / tiles.picture.shape[1]
    figure, axes = _with_picture(pixels, across, down)
    image = axes.imshow(tiles.picture, cmap=_STRONGER, vmin=min(float(shown.min()), 0), vmax=_top(shown))
    _number(axes, tiles)
    figure.colorbar(image, ax=axes, pad=0.01, aspect=40, extend="max" if shown.max() > _top(shown) else "neither")
    heading = f"{title}: {counted(count, 'map')} of {height} x {width}"
    figure.suptitle("; ".join([heading, *_first(len(shown), count, "maps")]), fontsize=11)
    return to_png(figure)


def _gallery(tiles: NDArray[np.float32], scale: float) -> "Figure":
    """Kernels that are pictures in themselves: in colour `(n, h, w, 3)`, or on one channel `(n, h, w)`."""
    columns = columns_of(len(tiles), most=_MOST)
    color = tiles.ndim == 4
    found = side_by_side(tiles, columns, gap=0.25, fill=1.0 if color else np.nan)
    figure = new_figure(*_fitted(found.picture, 0.7 * columns))
    axes = figure.subplots()
    image = axes.imshow(found.picture, cmap=_AROUND_ZERO, vmin=-scale, vmax=scale)
    _number(axes, found)
    if not color:
        figure.colorbar(image, ax=axes, pad=0.02, aspect=30)
    return figure


def _table(kernels: NDArray[np.float32], scale: float) -> "Figure":
    """A row for each filter, a column for each channel."""
    rows, columns, height, width = kernels.shape
    tiles = side_by_side(kernels.reshape(-1, height, width), columns, gap=0.12, fill=np.nan)
    figure = new_figure(*_fitted(tiles.picture, 0.5 * columns))
    axes = figure.subplots()
    image = axes.imshow(tiles.picture, cmap=_AROUND_ZERO, vmin=-scale, vmax=scale)
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
        values, cmap=_AROUND_ZERO, vmin=-scale, vmax=scale, aspect="auto", extent=area, interpolation="nearest"
    )
    axes.locator_params(integer=True)
    _label(axes)
    figure.colorbar(image, ax=axes, pad=0.02, aspect=30)
    return figure


def _beside(pixels: NDArray[np.uint8], values: NDArray[np.float32], title: str, names: Sequence[str]) -> bytes:
    """The picture, and a vector as bars; as a filled line where they are too many to tell apart."""
    figure, axes = _with_picture(pixels, 7.0, 2.4)
    places = np.arange(1, len(values) + 1)
    if len(values) <= _MOST_BARS:
        axes.bar(places, values, color=BLUE)
    else:
        axes.fill_between(places, values, step="mid", color=BLUE, linewidth=0.5)
    axes.axhline(0, color="black", linewidth=0.5)
    axes.set_xlim(0.4, len(values) + 0.6)
    axes.locator_params(axis="x", integer=True)
    if 0 < len(names) <= _MOST_BARS:
        shown = [fit(name, 24) for name in names]
        axes.set_xticks(places, shown, rotation=90 if len(names) * max(map(len, shown)) > _MOST_LETTERS else 0)
    axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"{title}: {counted(len(values), 'value')}", fontsize=11)
    return to_png(figure)


def _with_picture(pixels: NDArray[np.uint8], across: float, down: float) -> "tuple[Figure, Axes]":
    """A figure with the picture on the left, and room of so many inches on its right."""
    side = 2.4
    figure = new_figure(side + across + 1, max(down, side * pixels.shape[0] / pixels.shape[1]) + 0.5)
    picture, axes = figure.subplots(1, 2, width_ratios=[side, across + 0.6])
    picture.imshow(pixels, interpolation="nearest" if pixels.shape[0] < 64 else "antialiased")
    picture.set_axis_off()
    picture.set_anchor("N")
    return figure, axes


def _number(axes: "Axes", tiles: Tiles) -> None:
    """A number above each tile, and nothing else around them."""
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
    """Inches of a figure for a picture of so many across; wide enough for its title."""
    tall = picture.shape[0] / picture.shape[1]
    across = max(across, min(2.5, 5.0 / tall))
    return max(across + 1, 5.0), across * tall + 0.8


def _top(values: NDArray[np.float32]) -> float:
    """What is drawn brightest: a few stray values must not leave the rest in the dark."""
    high = float(np.quantile(values, 0.99))
    return high if high > 0 else max(float(values.max()), 1e-6)


def _first(shown: int, of: int, noun: str) -> list[str]:
    return [f"the first {shown} of {of:,} {noun}"] if shown < of else []
