"""A network as a table for the terminal: a line for each layer, under the name of the block that it belongs to."""

import io
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.cells import cell_len

from eyebright.network.layers.windows import as_pair
from eyebright.network.summary import LayerSummary, Summary, summarize
from eyebright.system.text import fit

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

    from eyebright.network import Layer, Network

COLUMNS = 80
_UNITS = ((1_000_000_000_000, "T"), (1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k"))
_HEADERS = ("layer", "type", "kernel", "stride", "pad", "output", "params", "mult-\nadds", "sees", "reads")
_RIGHT = ("output", "params", "mult-\nadds", "sees")
_LEAST_TYPE, _LEAST_NAME = 9, 8


def network_text(network: "Network", *, width: int = COLUMNS) -> str:
    """The table and its totals as plain text of so many columns."""
    from rich.console import Console

    file = io.StringIO()
    Console(file=file, width=width, color_system=None).print(network_table(network, width=width))
    lines = [line.rstrip() for line in file.getvalue().splitlines()]
    return "\n".join([*lines, "", totals(network)])


def network_table(network: "Network", *, width: int = COLUMNS) -> "Group":
    """The table in so many columns; where there is room for it, with all digits and with what each layer reads."""
    from rich.console import Group
    from rich.text import Text

    layers = [place.layer for place in network.places.values()]
    summary = summarize(network)
    lines = _lines(summary, layers, exact=True)
    gap = 2
    if sum(_widths(lines)) + gap * len(_HEADERS) > width:
        lines, gap = _lines(summary, layers, exact=False), 1
    widths = _narrowed(_widths(lines), width - gap * (len(lines[0].cells) - 1))
    parts: list[Any] = []
    for index, line in enumerate(lines):
        if not index or line.block != lines[index - 1].block:
            table = _table(widths, gap, header=not index)
            parts += [Text(line.block, style="bold"), table] if line.block else [table]
        table.add_row(*(Text(fit(cell, room)) for cell, room in zip(line.cells, widths, strict=True)))
    return Group(*parts)


def totals(network: "Network") -> str:
    """Sums over all layers, and how to read the table."""
    layers = [place.layer for place in network.places.values()]
    groups = "\ng: groups of channels that do not see each other."
    return (
        f"{len(layers)} layers, {network.parameter_count:,} parameters "
        f"({short(4 * network.parameter_count) or 0}B as float32),\n"
        f"{network.multiply_adds:,} multiply-adds for one sample.\n"
        "sees: how many pixels of the input one value depends on, across and down."
        + (groups if any(getattr(layer, "groups", 1) > 1 for layer in layers) else "")
    )


def short(number: int) -> str:
    """A large number in three digits: 9.41k, 118M; nothing for 0."""
    for unit, letter in _UNITS:
        if number >= 0.9995 * unit:
            value = number / unit
            return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f}{letter}"
    return str(number) if number else ""


class _Line(NamedTuple):
    block: str
    cells: list[str]


def _lines(summary: Summary, layers: "list[Layer]", *, exact: bool) -> list[_Line]:
    """A line for each layer; `exact` ones have all digits, and names of sources other than the layer above."""
    lines, above = [], ""
    for row, layer in zip(summary.layers, layers, strict=True):
        block, _, name = row.name.rpartition(".")
        cells = [f" {name}" if block else name, *_cells(row, layer, exact=exact)]
        if exact:
            cells.append("" if row.inputs in ((), (above,)) else ", ".join(row.inputs))
        lines.append(_Line(block, cells))
        above = row.name
    return lines


def _cells(row: LayerSummary, layer: "Layer", *, exact: bool) -> list[str]:
    kernel, stride, groups = (getattr(layer, name, None) for name in ("kernel_size", "stride", "groups"))
    if stride is None and hasattr(layer, "stride"):
        stride = kernel  # of pools
    counts = [f"{count:,}" if exact and count else short(count) for count in (row.parameters, row.multiply_adds)]
    return [
        f"{row.type} g={groups}" if groups and groups > 1 else row.type,
        *(_size(value) for value in (kernel, stride, getattr(layer, "padding", None))),
        "x".join(map(str, row.shape)),
        *counts,
        "all" if row.receptive_field is None else _size(row.receptive_field),
    ]


def _size(value: Any) -> str:
    """3 for 3 and (3, 3), 1x3 for (1, 3)."""
    if value is None or isinstance(value, str):
        return value or ""
    high, wide = as_pair(value)
    return str(high) if high == wide else f"{high}x{wide}"


def _widths(lines: list[_Line]) -> list[int]:
    """What each column needs, its header included."""
    headers = [max(map(len, header.split("\n"))) for header in _HEADERS]
    return [
        max(header, *map(cell_len, column))
        for header, column in zip(headers, zip(*(line.cells for line in lines), strict=True), strict=False)
    ]


def _narrowed(widths: list[int], room: int) -> list[int]:
    """Fit the columns into the room: types give way first, which names often tell, then names."""
    name, kind, *others = widths
    kind = max(min(kind, room - name - sum(others)), min(kind, _LEAST_TYPE))
    name = max(min(name, room - kind - sum(others)), min(name, _LEAST_NAME))
    return [name, kind, *others]


def _table(widths: list[int], gap: int, *, header: bool) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), show_header=header, header_style="bold")
    for name, width in zip(_HEADERS, widths, strict=False):
        side = "right" if name in _RIGHT else "left"
        table.add_column(name, width=width, no_wrap=True, justify=side, vertical="bottom")  # type: ignore[arg-type]
    return table
