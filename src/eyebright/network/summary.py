"""A network in numbers, for people and programs: receptive fields, a row for each layer, totals, and a text table.

Along a path, the field grows by (kernel - 1) times the distance between neighbouring values in pixels of the input, and
each stride multiplies that distance. Where paths join, the larger field counts.

Source: Araujo et al. 2019, "Computing Receptive Fields of Convolutional Neural Networks", equations 1 and 2.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from eyebright.network.graph import Network, Place
from eyebright.network.layer import Layer, Shape, Step
from eyebright.network.layers.windows import as_pair
from eyebright.system.records import Record
from eyebright.system.table import Table
from eyebright.system.text import abbreviated, columns, pad, shorten

_HEADERS = ("layer", "type", "kernel", "stride", "pad", "output", "params", "mult-\nadds", "sees", "reads")
_RIGHT = ("output", "params", "mult-\nadds", "sees")  # aligned to the right
_MIN_TYPE, _MIN_NAME = 9, 8  # columns that types and names of layers keep


def receptive_fields(network: Network) -> dict[str, tuple[int, int] | None]:
    """Of each layer, (height, width) in pixels of the input, without borders; None: all of the input."""
    views: dict[str, _View | None] = {}
    for name, place in network.places.items():
        views[name] = _view(place, [views[source] for source in place.inputs])
    return {
        name: None if view is None else (math.ceil(view.field[0]), math.ceil(view.field[1]))
        for name, view in views.items()
    }


class _View(NamedTuple):
    field: Step
    step: Step  # distance of neighbouring values in pixels of the input


def _view(place: Place, sources: list[_View | None]) -> _View | None:
    if not sources:
        return _View((1, 1), (1, 1)) if len(place.shape) == 3 else None
    reach = place.layer.reach(*place.input_shapes)
    seen = [source for source in sources if source is not None]
    if reach is None or len(seen) < len(sources):
        return None
    kernel, stride = reach
    field = (max(view.field[0] for view in seen), max(view.field[1] for view in seen))
    step = (max(view.step[0] for view in seen), max(view.step[1] for view in seen))
    return _View(
        (field[0] + (kernel[0] - 1) * step[0], field[1] + (kernel[1] - 1) * step[1]),
        (step[0] * stride[0], step[1] * stride[1]),
    )


class LayerSummary(Record, frozen=True, kw_only=True):
    """One layer of a network in numbers.

    Args:
        name: Its name.
        type: Its type, as "Conv2d".
        settings: Its settings that differ from their defaults, by name.
        inputs: Names of its input layers.
        shape: Shape of its output for one sample.
        parameters: Number of values that it learns.
        multiply_adds: Multiply-adds of convolutions and matrix products for one sample.
        receptive_field: (height, width) in pixels of the input that one value depends on; None: all of the input.
    """

    name: str
    type: str
    settings: dict[str, Any]
    inputs: tuple[str, ...]
    shape: Shape
    parameters: int
    multiply_adds: int
    receptive_field: tuple[int, int] | None


class Summary(Record, frozen=True, kw_only=True):
    """All layers of a network in the order in which they are computed, and the totals."""

    layers: tuple[LayerSummary, ...]
    parameters: int
    multiply_adds: int


def summarize(network: Network) -> Summary:
    """The summary of a network."""
    fields = receptive_fields(network)
    rows = tuple(
        LayerSummary(
            name=name,
            type=type(place.layer).__name__,
            settings=settings_of(place.layer),
            inputs=place.inputs,
            shape=place.shape,
            parameters=sum(parameter.size for parameter in place.parameters.values()),
            multiply_adds=place.multiply_adds,
            receptive_field=fields[name],
        )
        for name, place in network.places.items()
    )
    return Summary(layers=rows, parameters=network.parameter_count, multiply_adds=network.multiply_adds)


def settings_of(layer: Layer) -> dict[str, Any]:
    """A layer's settings that differ from their defaults, by name; without its name and shape."""
    defaults = {field.name: field.default for field in msgspec.structs.fields(layer)}
    values = {name: getattr(layer, name) for name in defaults if name not in ("name", "shape")}
    return {name: value for name, value in values.items() if value != defaults[name]}


class SummaryLine(NamedTuple):
    """One line of a network's table; headings are column names and names of blocks."""

    text: str
    heading: bool = False


class NetworkText(str):
    """The text of a network, which a notebook shows as an HTML table and a session as it is.

    Args:
        network: The network.
    """

    network: Network

    def __new__(cls, network: Network) -> "NetworkText":
        text = super().__new__(cls, network_text(network))
        text.network = network
        return text

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return as_table(self.network).html()


def as_table(network: Network) -> Table:
    """A network as a table with a row for each layer."""
    rows = zip(network.places, _cells(network, summarize(network), exact=True), strict=True)
    return Table(
        f"Network: {_shape(network.input_shape)} to {_shape(network.output_shape)}",
        tuple(header.replace("-\n", "-") for header in _HEADERS),
        [(name, *cells[1:]) for name, cells in rows],
        notes=tuple(totals_text(network).split("\n")),
        names=2,
    )


def _shape(shape: Shape) -> str:
    return "x".join(map(str, shape))


def network_text(network: Network, width: int = 80) -> str:
    """A network as plain text for people: a line for each layer below the name of its block, and the totals.

    Args:
        network: The network.
        width: Columns of the text. In a wide one, numbers have all digits and the last column names the inputs of each
            layer.
    """
    return "\n".join([*(line.text for line in network_table(network, width)), "", totals_text(network)])


def network_table(network: Network, width: int = 80) -> list[SummaryLine]:
    """The lines of `network_text` without the totals."""
    summary = summarize(network)
    rows, gap = _cells(network, summary, exact=True), 2
    if sum(_widths(rows)) + gap * len(_HEADERS) > width:
        rows, gap = _cells(network, summary, exact=False), 1
    widths = _narrowed(_widths(rows), width - gap * (len(rows[0]) - 1))
    headers = [(header if "\n" in header else f"\n{header}").split("\n") for header in _HEADERS]
    lines = [SummaryLine(_line(header, widths, gap), heading=True) for header in zip(*headers, strict=True)]
    above = ""
    for layer, cells in zip(summary.layers, rows, strict=True):
        block = layer.name.rpartition(".")[0]
        lines += [SummaryLine(block, heading=True)] if block and block != above else []
        lines.append(SummaryLine(_line(cells, widths, gap)))
        above = block
    return lines


def totals_text(network: Network) -> str:
    """The totals over all layers, and how to read the table."""
    layers = [place.layer for place in network.places.values()]
    grouped = any(getattr(layer, "groups", 1) > 1 for layer in layers)
    return (
        f"{len(layers)} layers, {network.parameter_count:,} parameters "
        f"({abbreviated(4 * network.parameter_count) or 0}B as float32),\n"
        f"{network.multiply_adds:,} multiply-adds for one sample.\n"
        "sees: the receptive field, in pixels of the input (height x width)."
        + ("\ng: groups of channels; a filter reads the channels of its own group." if grouped else "")
    )


def _cells(network: Network, summary: Summary, *, exact: bool) -> list[list[str]]:
    """The cells of each layer; `exact` ones have all digits, and the names of inputs other than the layer above."""
    rows, above = [], ""
    for row in summary.layers:
        layer = network.places[row.name].layer
        block, _, name = row.name.rpartition(".")
        kernel, stride, groups = (getattr(layer, setting, None) for setting in ("kernel_size", "stride", "groups"))
        if stride is None and hasattr(layer, "stride"):
            stride = kernel  # the default of pooling
        counts = [f"{n:,}" if exact and n else abbreviated(n) for n in (row.parameters, row.multiply_adds)]
        rows.append([
            f" {name}" if block else name,
            f"{row.type} g={groups}" if groups and groups > 1 else row.type,
            *(_size(value) for value in (kernel, stride, getattr(layer, "padding", None))),
            _shape(row.shape),
            *counts,
            "all" if row.receptive_field is None else _size(row.receptive_field),
            *([] if not exact else [""] if row.inputs in ((), (above,)) else [", ".join(row.inputs)]),
        ])  # fmt: skip
        above = row.name
    return rows


def _size(value: Any) -> str:
    """3 for 3 and (3, 3), 1x3 for (1, 3); the four sides of a padding one by one."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, tuple) and len(value) == 4:
        return ",".join(map(str, value))
    height, width = as_pair(value)
    return str(height) if height == width else f"{height}x{width}"


def _widths(rows: list[list[str]]) -> list[int]:
    """What each column needs, its header included."""
    headers = [max(map(len, header.split("\n"))) for header in _HEADERS]
    return [max(header, *map(columns, cells)) for header, cells in zip(headers, zip(*rows, strict=True), strict=False)]


def _narrowed(widths: list[int], room: int) -> list[int]:
    """Fit the columns into the room: layer types are shortened first, since names often repeat them, then names."""
    name, kind, *others = widths
    kind = max(min(kind, room - name - sum(others)), min(kind, _MIN_TYPE))
    name = max(min(name, room - kind - sum(others)), min(name, _MIN_NAME))
    return [name, kind, *others]


def _line(cells: Sequence[str], widths: list[int], gap: int) -> str:
    parts = []
    for header, cell, width in zip(_HEADERS, cells, widths, strict=False):
        text = shorten(cell, width)
        parts.append(" " * (width - columns(text)) + text if header in _RIGHT else pad(text, width))
    return (" " * gap).join(parts).rstrip()
