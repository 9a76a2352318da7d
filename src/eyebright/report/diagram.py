"""A diagram of a network as an SVG file that needs no other file: boxes from top to bottom, arrows between them.

Dotted layer names such as `layer1.0.conv1` are blocks within blocks. `diagram_boxes` turns them into a tree of boxes
and frames. `_Rows` places the members of each frame in rows, by the longest path; an arrow that passes a row runs in a
lane beside it, so that it crosses no box. `_Drawing` writes the pieces as SVG, each in the coordinates of its frame.
"""

from collections.abc import Iterable
from math import ceil
from statistics import fmean
from typing import NamedTuple, TypeAlias

from eyebright.network import Network
from eyebright.report.diagram_boxes import KINDS, Item, dimensions_text, fold, lines_of, params_text, relative_name
from eyebright.system.errors import SettingsError
from eyebright.system.text import abbreviated, columns, markup, printable, shorten

_LETTER, _NARROW, _WIDE = 6.63, 23, 46  # px of a letter; letters in a box (least, most)
_LINE, _SIDE, _BAND, _PADDING = 17, 9, 20, 14  # px: line of a box, beside a text, title of a frame, inside of a frame
_BESIDE, _BELOW, _SLOPE = 18, 24, 0.12  # px: between members, between rows, more for each px that an arrow moves aside
_MARGIN, _TOP, _PAGE = 24, 114, 600  # px: around the drawing, above it, its least width
_ARROWHEAD = (
    '<marker id="{0}" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="8" markerHeight="8" orient="auto" '
    'markerUnits="userSpaceOnUse"><path d="M0 0.5L8 4L0 7.5z" fill="{1}"/></marker>'
)
_STYLE = """
text { font: 11px "DejaVu Sans Mono", Menlo, Consolas, "Liberation Mono", monospace; fill: #1a202c; white-space: pre }
.name { font-weight: bold }
.right { text-anchor: end }
.title { font-size: 17px; font-weight: bold }
.frame { fill: #f7fafc; stroke: #a0aec0 }
.band { fill: #e2e8f0; stroke: #a0aec0 }
.edge { fill: none; stroke: #4a5568; stroke-width: 1.5 }
.skip { stroke: #c2410c }
"""

_Edge: TypeAlias = tuple[str, str]  # from box to box, by the names of their first layers
_Wire: TypeAlias = tuple[int, int]  # an arrow from member to member of a frame, by their indexes


def draw_diagram(network: Network, *, title: str, depth: int = 1) -> str:
    """Draw a network as an SVG file; the same network always gives the same file.

    Args:
        network: The network to draw.
        title: The line above the diagram.
        depth: How many levels of blocks to show. At 1, each outer block (the first part of dotted names) is a box. At
            2, it is a frame around its own blocks, and so on. Beyond the last level, every layer is shown.

    Returns:
        The text of the SVG file.

    Raises:
        SettingsError: When `depth` is below 1.
    """
    if depth < 1:
        raise SettingsError(f"depth must be 1 (every outer block is one box) or more, got {depth}")
    drawing = _Drawing(network, depth)
    piece = drawing.frame(drawing.root)
    width, height = max(piece.left + piece.right, _PAGE) + 2 * _MARGIN, _TOP + piece.height + _MARGIN
    shapes = f"{dimensions_text(network.input_shape)} → {dimensions_text(network.output_shape)}"
    params, products = params_text(network.places.values()) or "no params", abbreviated(network.multiply_adds) or "no"
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
        f"<title>{markup(title)}</title><style>{_STYLE}</style>",
        *(_ARROWHEAD.format(kind, KINDS[kind][1]) for kind in ("edge", "skip")),
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        _text(_MARGIN, 34, shorten(printable(title), int((width - 2 * _MARGIN) / (1.6 * _LETTER))), "title"),
        _text(_MARGIN, 54, f"{shapes}, {len(network.places)} layers, {params}, {products} multiply-adds"),
        *drawing.legend(),
        f'<g transform="translate({(width + piece.left - piece.right) // 2} {_TOP})">', *piece.svg, "</g>",
        "</svg>",
        "",
    ])  # fmt: skip


class _Piece(NamedTuple):
    """A box or frame as SVG: arrows enter it at x = 0, y = 0 and leave it at x = 0, y = height."""

    svg: list[str]
    left: int
    right: int
    height: int


class _Rows:
    """Where the members of a frame stand: each in a row below what it reads, between the ports in the frame's border.

    `members` are in an order in which they can be computed; the first and the last one are the ports.
    """

    def __init__(self, members: list[_Piece], wires: Iterable[_Wire]) -> None:
        self.members, self.wires = members, sorted(wires)
        self.rank = [0] + [1] * (len(members) - 1)
        for begin, end in self.wires:
            self.rank[end] = max(self.rank[end], self.rank[begin] + 1)
        self.rank[-1] = max(self.rank[:-1]) + 1
        rows = [[node for node, rank in enumerate(self.rank) if rank == row] for row in range(self.rank[-1] + 1)]
        self.x = [0] * len(members)
        for row in rows[1:-1]:
            self._place(row)
        self.reach = {  # how far each row extends to the left (-1) and to the right (1)
            -1: [max(members[node].left - self.x[node] for node in row) for row in rows],
            1: [max(members[node].right + self.x[node] for node in row) for row in rows],
        }
        self.lanes = self._lanes()
        self.top, self.bottom = [0], [members[0].height]
        moves = [move for wire in self.wires for move in self._moves(wire)]
        for above, row in enumerate(rows[1:]):
            aside = max((abs(end - start) for rank, start, end in moves if rank == above), default=0)
            self.top.append(self.bottom[-1] + _BELOW + min(round(_SLOPE * aside), 4 * _BELOW))
            self.bottom.append(self.top[-1] + max(members[node].height for node in row))
        middles = [(self.top[rank] + self.bottom[rank]) // 2 for rank in self.rank]
        self.y = [middle - member.height // 2 for middle, member in zip(middles, members, strict=True)]

    def path(self, wire: _Wire) -> str:
        """The path of an arrow: straight down, and in curves between rows."""
        begin, end = wire
        path = f"M{self.x[begin]} {self.y[begin] + self.members[begin].height}"
        for rank, x, to in self._moves(wire):
            if x != to:
                above, below = self.bottom[rank], self.top[rank + 1] - 10  # an arrow ends with 10 px straight down
                path += f"V{above}C{x} {(above + below) // 2} {to} {(above + below) // 2} {to} {below}"
        return f"{path}V{self.y[end]}"

    def _moves(self, wire: _Wire) -> list[tuple[int, int, int]]:
        """The rows below which an arrow may move to the side, from which x, and to which."""
        first, last = self.rank[wire[0]], self.rank[wire[1]] - 1
        x, to = self.x[wire[0]], self.x[wire[1]]
        return [(first, x, to)] if first == last else [(first, x, self.lanes[wire[0]]), (last, self.lanes[wire[0]], to)]

    def _place(self, row: list[int]) -> None:
        """Put each member of a row below the mean of what it reads, as far as its neighbours allow."""
        sources = {node: [self.x[begin] for begin, end in self.wires if end == node] for node in row}
        wishes = {node: round(fmean(found or [0])) for node, found in sources.items()}
        row.sort(key=wishes.__getitem__)
        free = wishes[row[0]] - self.members[row[0]].left
        for node in row:
            self.x[node] = max(wishes[node], free + self.members[node].left)
            free = self.x[node] + self.members[node].right + _BESIDE
        shift = round(fmean(wishes[node] - self.x[node] for node in row))
        for node in row:
            self.x[node] += shift

    def _lanes(self) -> dict[int, int]:
        """The x at which arrows from a member pass rows: beside all that they pass, short lanes inside long ones."""
        last = {begin: max(self.rank[end] for other, end in self.wires if other == begin) for begin, _ in self.wires}
        lanes = {}
        for begin in sorted(last, key=lambda begin: last[begin] - self.rank[begin]):
            passed = range(self.rank[begin] + 1, last[begin])
            side = -1 if self.x[begin] < 0 else 1
            lane = max([side * self.x[begin], *(self.reach[side][rank] + _BESIDE for rank in passed)])
            lanes[begin] = side * lane
            for rank in passed:
                self.reach[side][rank] = lane
        return lanes


class _Drawing:
    """A network at one depth as SVG."""

    def __init__(self, network: Network, depth: int) -> None:
        self.network = network
        self.root = Item("", "", tuple(network.places), tuple(fold(network, network.places, "", "", depth)))
        owner = {layer: box.layers[0] for box in self.root.boxes for layer in box.layers}
        pairs = ((owner[source], owner[name]) for name, place in network.places.items() for source in place.inputs)
        self.edges = list(dict.fromkeys((source, target) for source, target in pairs if source != target))
        before: dict[str, set[str]] = {}  # all that a box depends on
        self.skips: set[_Edge] = set()  # edges whose source also leads to their target by a longer path
        for box in self.root.boxes:
            sources = [source for source, target in self.edges if target == box.layers[0]]
            further = set().union(*(before[source] for source in sources))
            before[box.layers[0]] = further.union(sources)
            self.skips |= {(source, box.layers[0]) for source in further.intersection(sources)}
        self.lines = {box.layers[0]: lines_of(network, box) for box in self.root.boxes}
        texts = [columns(printable(f"{left}  {right}")) for lines in self.lines.values() for _, left, right in lines]
        self.half = ceil(min(max(*texts, _NARROW), _WIDE) * _LETTER / 2) + _SIDE  # half the width of a box

    def frame(self, frame: Item) -> _Piece:
        """A frame and all that is in it; the whole network is a frame without a name and a border."""
        inside = {box.layers[0]: node for node, item in enumerate(frame.items, 1) for box in item.boxes}
        wires: dict[_Wire, list[_Edge]] = {}  # with the edges that each is a part of
        for source, target in self.edges:
            begin, end = inside.get(source, 0), inside.get(target, len(frame.items) + 1)
            if begin != end and (source in inside or target in inside):
                wires.setdefault((begin, end), []).append((source, target))
        pieces = [self.frame(item) if item.items else self._box(item) for item in frame.items]
        members = [_Piece([], 0, 0, _BAND if frame.name else 0), *pieces, _Piece([], 0, 0, 0)]
        rows = _Rows(members, wires)
        left, right = (max(reach) + _PADDING for reach in rows.reach.values())
        svg = []
        if frame.name:
            params = params_text(self.network.places[name] for name in frame.layers)
            svg += [
                f'<g data-block="{markup(frame.name)}">',
                _rectangle(-left, 0, left + right, rows.bottom[-1], 'class="frame" rx="6"'),
                _rectangle(-left, 0, left + right, _BAND, 'class="band" rx="6"'),
                *_texts(-left, 14, left + right, relative_name(frame.name, frame.within), params, "name"),
                "</g>",
            ]
        boxes = {node for node, item in enumerate(frame.items, 1) if not item.items}
        skips = {wire for wire, edges in wires.items() if self.skips.issuperset(edges)}
        for wire, edges in sorted(wires.items(), key=lambda wire: wire[0] not in skips):  # others cover skips
            kind = "skip" if wire in skips else "edge"
            head = f' marker-end="url(#{kind})"' if wire[1] in boxes else ""
            ends = " → ".join(markup(", ".join(dict.fromkeys(names))) for names in zip(*edges, strict=True))
            svg.append(f'<path class="edge {kind}" d="{rows.path(wire)}"{head}><title>{ends}</title></path>')
        for piece, x, y in zip(pieces, rows.x[1:], rows.y[1:], strict=False):
            svg += [f'<g transform="translate({x} {y})">', *piece.svg, "</g>"]
        return _Piece(svg, left, right, rows.bottom[-1])

    def _box(self, box: Item) -> _Piece:
        """A box: lines in the colours of their layers, and a tooltip that names all layers."""
        lines, x, width = self.lines[box.layers[0]], -self.half, 2 * self.half
        height, (fill, ink, _) = _LINE * len(lines), KINDS[lines[0][0]]
        svg = [f'<g data-box="{markup(box.layers[0])}">']
        svg.append(f"<title>{markup(box.name)}: {markup(', '.join(box.layers))}</title>")
        if box.name != box.layers[0]:
            svg.append(_rectangle(x + 4, 4, width, height, f'rx="4" fill="{fill}" stroke="{ink}" opacity="0.6"'))
        svg.append(_rectangle(x, 0, width, height, 'fill="#ffffff"'))
        for number, (kind, left, right) in enumerate(lines):
            y = _LINE * number
            if kind:
                svg.append(_rectangle(x, y, width, _LINE, f'fill="{KINDS[kind][0]}"'))
                svg.append(_rectangle(x, y, 4, _LINE, f'fill="{KINDS[kind][1]}"'))
            svg += _texts(x, y + 12, width, left, right, "name" if kind else "detail")
        svg += [_rectangle(x, 0, width, height, f'class="box" fill="none" stroke="{ink}" rx="2"'), "</g>"]
        return _Piece(svg, self.half, self.half, height)

    def legend(self) -> list[str]:
        """The colours of the diagram with their names, in two lines."""
        used = {kind for lines in self.lines.values() for kind, _, _ in lines} | ({"skip"} if self.skips else set())
        signs = {kind: "━" if kind == "skip" else "■" for kind in KINDS if kind in used}
        words = [f'<tspan fill="{KINDS[kind][1]}">{sign}</tspan> {kind}' for kind, sign in signs.items()]
        texts = "   ".join(words[:6]), "   ".join(words[6:])
        return [f'<text x="{_MARGIN}" y="{y}">{text}</text>' for y, text in zip((78, 94), texts, strict=True)]


def _texts(x: int, y: int, width: int, left: str, right: str, style: str) -> list[str]:
    """A text at the left and one at the right, shortened where they do not fit into the width."""
    letters, left = int((width - 2 * _SIDE) / _LETTER), printable(left)
    right = shorten(right, letters - min(columns(left), letters // 3))
    left = shorten(left, letters - columns(right) - 2 * bool(right))
    texts = [_text(x + _SIDE, y, left, style)]
    return [*texts, _text(x + width - _SIDE, y, right, "right")] if right else texts


def _text(x: int, y: int, text: str, style: str = "detail") -> str:
    return f'<text x="{x}" y="{y}" class="{style}">{markup(text)}</text>'


def _rectangle(x: int, y: int, width: int, height: int, style: str) -> str:
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" {style}/>'
