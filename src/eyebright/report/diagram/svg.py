"""The pieces of a diagram as SVG: boxes, frames, edges, and the page around them."""

from collections.abc import Iterable, Sequence
from html import escape
from itertools import pairwise
from math import ceil

from rich.cells import cell_len

from eyebright.report.diagram.axes import Extent
from eyebright.report.diagram.kinds import COLOURS
from eyebright.report.diagram.labels import Strip
from eyebright.report.diagram.layout import BAND, Rectangle
from eyebright.report.diagram.rows import Point
from eyebright.system.text import fit, printable

_COLUMN = 6.6  # pixels of one letter, in the widest common font
_LINE, _ABOVE, _SIDE = 14, 5, 9  # pixels from line to line; above the first line; beside the text
_NARROW, _WIDE, _LEFT = 23, 46, 12  # columns of text in a box: least, most; for what stands at the left
_STUB = 10  # an arrow's last pixels are straight
_MARGIN, _PAGE = 24, 600  # around the drawing; least width of the page
_INK, _SKIP = "#4a5568", "#c2410c"
_STYLE = f"""
text {{ font: 11px Helvetica, Arial, "Liberation Sans", "DejaVu Sans", sans-serif; fill: #1a202c }}
text.name {{ font-weight: bold }}
text.title {{ font-size: 17px; font-weight: bold }}
.frame {{ fill: #f7fafc; stroke: #a0aec0 }}
.band {{ fill: #e2e8f0; stroke: #a0aec0 }}
.edge {{ fill: none; stroke: {_INK}; stroke-width: 1.5 }}
.skip {{ stroke: {_SKIP} }}
"""


def width_of(boxes: Iterable[list[Strip]]) -> int:
    """Width of all boxes, in pixels: so that the longest line fits, within limits."""
    lines = [line for strips in boxes for strip in strips for line in strip.lines]
    columns = max(cell_len(printable(left)) + cell_len(right) + 2 * bool(right) for left, right in lines)
    return 2 * ceil(min(max(columns, _NARROW), _WIDE) * _COLUMN / 2) + 2 * _SIDE


def height_of(strips: list[Strip]) -> int:
    """Height of a box, in pixels."""
    return sum(map(_strip_height, strips))


def frame(rectangle: Rectangle) -> str:
    """The frame of an unfolded block."""
    return _rectangle(rectangle, 'class="frame" rx="6"')


def band(rectangle: Rectangle, title: tuple[str, str], name: str) -> str:
    """The band at the top of a frame, with a text at its left and one at its right."""
    inner = rectangle._replace(height=BAND)
    texts = _line(inner, inner.y + 14, *title, name=True)
    shape = _rectangle(inner, 'class="band" rx="6"')
    return f'<g data-block="{_escaped(name)}">{shape}{texts}</g>'


def edge(ends: tuple[str, str], way: Sequence[Point], *, skip: bool) -> str:
    """An arrow along these points: straight down, or in a curve to the next row."""
    path = [f"M{way[0][0]:g} {way[0][1]:g}"]
    for (x, y), (next_x, next_y) in pairwise(_corners(way)):
        middle = (y + next_y) / 2
        path.append(f"V{next_y:g}" if x == next_x else f"C{x:g} {middle:g} {next_x:g} {middle:g} {next_x:g} {next_y:g}")
    source, target = map(_escaped, ends)
    kind, head = ("edge skip", "skip-head") if skip else ("edge", "head")
    return (
        f'<path class="{kind}" d="{"".join(path)}" marker-end="url(#{head})" data-from="{source}" data-to="{target}">'
        f"<title>{source} → {target}</title></path>"
    )


def box(rectangle: Rectangle, strips: list[Strip], name: str, layers: Sequence[str]) -> str:
    """A box: a coloured strip for each layer, with a tooltip that names them all."""
    ink = COLOURS[strips[0].kind][1]
    pieces = [f"<title>{_escaped(name)}: {_escaped(', '.join(layers))}</title>"]
    if strips[0].kind == "block":
        behind = rectangle.moved(4, 4)
        pieces.append(_rectangle(behind, f'rx="4" fill="{COLOURS["block"][0]}" stroke="{ink}" opacity="0.6"'))
    y = rectangle.y
    for strip in strips:
        paper, edge_ink = COLOURS[strip.kind]
        part = rectangle._replace(y=y, height=_strip_height(strip))
        first = _ABOVE + 10 if len(strip.lines) > 1 else 13
        pieces.append(_rectangle(part, f'fill="{paper}"'))
        pieces.append(_rectangle(part._replace(width=4), f'fill="{edge_ink}"'))
        for number, (left, right) in enumerate(strip.lines):
            pieces.append(_line(part, y + first + _LINE * number, left, right, name=not number))
        y += part.height
    outline = _rectangle(rectangle, f'class="box" fill="none" stroke="{ink}" rx="2"')
    return f'<g data-box="{_escaped(layers[0])}">{"".join(pieces)}{outline}</g>'


def page(drawn: Iterable[str], extent: Extent, *, title: str, subtitle: str, kinds: Iterable[str], skips: bool) -> str:
    """The whole file.

    Args:
        drawn: The drawing, its axis at x = 0 and its top at y = 0.
        extent: The room that it takes.
        title: The line at the top.
        subtitle: The line below it.
        kinds: The colours that the legend explains.
        skips: Whether it explains skips.
    """
    width = round(max(extent.left + extent.right, _PAGE)) + 2 * _MARGIN
    legend, top = _legend(kinds, width, skips=skips)
    height = round(top + extent.height) + _MARGIN
    axis = round((width - extent.left - extent.right) / 2 + extent.left)
    columns = int((width - 2 * _MARGIN) / (1.6 * _COLUMN))
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
        f"<title>{_escaped(title)}</title>",
        f"<style>{_STYLE}</style>",
        f"<defs>{_head('head', _INK)}{_head('skip-head', _SKIP)}</defs>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        _text(_MARGIN, 34, fit(printable(title), columns), "title"),
        _text(_MARGIN, 54, subtitle),
        *legend,
        f'<g transform="translate({axis} {top})">',
        *drawn,
        "</g>",
        "</svg>",
        "",
    ])  # fmt: skip


def _legend(kinds: Iterable[str], width: int, *, skips: bool) -> tuple[list[str], int]:
    """A square and a word for each colour, and where the drawing may begin below them."""
    wanted = set(kinds)
    x, y, pieces = _MARGIN, 78, []
    words = [kind for kind in COLOURS if kind in wanted] + ["skip"] * skips
    for word in words:
        room = round(18 + 6 * len(word) + 14)
        if x + room > width - _MARGIN:
            x, y = _MARGIN, y + 20
        if word == "skip":
            pieces.append(f'<path class="edge skip" d="M{x} {y - 4}h14"/>')
        else:
            paper, ink = COLOURS[word]
            pieces.append(f'<rect x="{x}" y="{y - 10}" width="12" height="12" fill="{paper}" stroke="{ink}"/>')
        pieces.append(_text(x + 18, y, word))
        x += room
    return pieces, y + 28


def _corners(way: Sequence[Point]) -> list[Point]:
    """The points at which the way leaves the vertical or comes back to it, and its ends."""
    corners = [point for before, point, after in zip(way, way[1:], way[2:], strict=False)
               if not before[0] == point[0] == after[0]]  # fmt: skip
    x, y = way[-1]
    if corners and corners[-1][0] == x:
        y = min(corners.pop()[1], y - _STUB)
        corners.append((x, y))
    return [way[0], *corners, way[-1]]


def _line(rectangle: Rectangle, y: float, left: str, right: str, *, name: bool) -> str:
    """A text at the left, shortened to the room that the text at the right leaves."""
    columns = int((rectangle.width - 2 * _SIDE) / _COLUMN)
    left = printable(left)
    right = fit(right, columns - min(cell_len(left), _LEFT))
    shown = fit(left, columns - cell_len(right) - 2 * bool(right))
    texts = _text(rectangle.x + _SIDE, y, shown, "name" if name else "")
    return texts + (_text(rectangle.x + rectangle.width - _SIDE + 2, y, right, end=True) if right else "")


def _text(x: float, y: float, text: str, kind: str = "", *, end: bool = False) -> str:
    style = (f' class="{kind}"' if kind else "") + (' text-anchor="end"' if end else "")
    return f'<text x="{x:g}" y="{y:g}"{style}>{_escaped(text)}</text>'


def _rectangle(rectangle: Rectangle, style: str) -> str:
    x, y, width, height = rectangle
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" {style}/>'


def _head(name: str, colour: str) -> str:
    """The head of an arrow."""
    return (
        f'<marker id="{name}" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="8" markerHeight="8" '
        f'markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0.5L8 4L0 7.5z" fill="{colour}"/></marker>'
    )


def _strip_height(strip: Strip) -> int:
    return _LINE * len(strip.lines) + (2 * _ABOVE - 2 if len(strip.lines) > 1 else 4)


def _escaped(text: str) -> str:
    """Text as it may stand in XML, within or between tags: control characters have no place there."""
    return escape(printable(text))
