"""A diagram of a network as an SVG file that needs no other file: boxes from top to bottom, arrows between them.

Dotted layer names such as `layer1.0.conv1` are blocks within blocks. `_fold` turns them into a tree of boxes and
frames. `_Rows` places the members of each frame in rows, by the longest path; an arrow that passes a row runs in a lane
beside it, so that it crosses no box. `_Drawing` writes the pieces as SVG, each in the coordinates of its frame.
"""

import re
from collections import Counter
from collections.abc import Iterable
from itertools import groupby, pairwise
from math import ceil
from statistics import fmean
from typing import NamedTuple, TypeAlias

from eyebright import network as nn
from eyebright.network import Network, Place
from eyebright.network.layers.windows import as_pair
from eyebright.system.errors import SettingsError
from eyebright.system.text import abbreviated, columns, counted, markup, printable, shorten

_KINDS = {  # fill colour, line colour, pattern of layer types
    "input": ("#edf2f7", "#4a5568", "Input"),
    "convolution": ("#dbeafe", "#1d4ed8", "Conv2d"),
    "pooling": ("#d1fae5", "#047857", ".*Pool2d"),
    "normalisation": ("#fef9c3", "#a16207", ".*Norm|Normalize"),
    "activation": ("#ffedd5", "#c2410c", ".*LU6?|Hard.*|Sigmoid|Soft.*|Tanh"),
    "dense": ("#ede9fe", "#6d28d9", "Linear"),
    "merge": ("#fee2e2", "#b91c1c", "Add|Concat|Multiply"),
    "dropout": ("#f3f4f6", "#6b7280", "Dropout"),
    "reshape": ("#e5e7eb", "#374151", "Flatten|Unflatten|Upsample|ZeroPad2d"),
    "other": ("#ffffff", "#111827", ".*"),
    "block": ("#e0f2f1", "#115e59", ""),
    "skip": ("", "#c2410c", ""),
    "edge": ("", "#4a5568", ""),
}
_FOLLOWERS = {"normalisation", "activation", "dropout"}  # share a box with the layer before them
_MINOR = _FOLLOWERS | {"input", "reshape"}  # not listed in a folded block
_LETTER, _NARROW, _WIDE, _STEPS = 6.63, 23, 46, 30  # px of a letter; letters in a box (least, most), in a block's steps
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
    shapes = f"{_dimensions(network.input_shape)} → {_dimensions(network.output_shape)}"
    params, products = _params(network.places.values()) or "no params", abbreviated(network.multiply_adds) or "no"
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
        f"<title>{markup(title)}</title><style>{_STYLE}</style>",
        *(_ARROWHEAD.format(kind, _KINDS[kind][1]) for kind in ("edge", "skip")),
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        _text(_MARGIN, 34, shorten(printable(title), int((width - 2 * _MARGIN) / (1.6 * _LETTER))), "title"),
        _text(_MARGIN, 54, f"{shapes}, {len(network.places)} layers, {params}, {products} multiply-adds"),
        *drawing.legend(),
        f'<g transform="translate({(width + piece.left - piece.right) // 2} {_TOP})">', *piece.svg, "</g>",
        "</svg>",
        "",
    ])  # fmt: skip


class _Item(NamedTuple):
    """A box of layers, a folded block as a box, or a frame around `items`.

    `name` is that of the block or of the first layer, `within` that of the frame around it.
    """

    name: str
    within: str
    layers: tuple[str, ...]
    items: tuple["_Item", ...] = ()

    @property
    def boxes(self) -> list["_Item"]:
        """All boxes in it, in the order in which they are computed."""
        return [box for item in self.items for box in item.boxes] if self.items else [self]


def _fold(network: Network, layers: Iterable[str], prefix: str, within: str, depth: int) -> list[_Item]:
    """Boxes and frames for consecutive layers whose names all begin with `prefix`.

    A block is a run of consecutive layers, so that no path leaves it and comes back. A block with other layers in
    between becomes several. One that holds most of the network and consists of blocks does not count as a level.
    """
    items: list[_Item] = []
    for (head, _), run in groupby(layers, lambda name: name[len(prefix) :].partition(".")[:2]):
        names, block = tuple(run), prefix + head
        if len(names) == 1:
            if items and items[-1].name == items[-1].layers[0] and _follows(network, items[-1].layers[-1], names[0]):
                names = items.pop().layers + names
            items.append(_Item(names[0], within, names))
            continue
        parts = _parts(block, names)
        if len(parts) == 1 or (2 * len(names) > len(network.places) and max(parts) > 1):
            items += _fold(network, names, f"{block}.", within, depth)
        elif depth == 1:
            items.append(_Item(block, within, names))
        elif len(inner := _fold(network, names, f"{block}.", block, depth - 1)) > 1 and _framed(network, set(names)):
            items.append(_Item(block, within, names, tuple(inner)))
        else:
            items += [item._replace(within=within) for item in inner]
    return items


def _follows(network: Network, source: str, name: str) -> bool:
    """Whether a layer only changes the values of another one, which no other layer reads."""
    readers = [other for other, place in network.places.items() if source in place.inputs]
    return readers == [name] and _kind(network.places[name]) in _FOLLOWERS


def _framed(network: Network, names: set[str]) -> bool:
    """Whether at most one value enters a block and one leaves it: others would be mixed up at the border of a frame."""
    entering = {source for name in names for source in network.places[name].inputs} - names
    leaving = {source for name in network.places.keys() - names for source in network.places[name].inputs} & names
    return len(entering) <= 1 and len(leaving) <= 1


def _parts(block: str, names: Iterable[str]) -> list[int]:
    """How many layers each block and layer within a block has."""
    return list(Counter(name[len(block) + 1 :].partition(".")[0] for name in names).values())


def _lines(network: Network, box: _Item) -> list[tuple[str, str, str]]:
    """What a box says, from top to bottom: kind of layer, text at the left, text at the right."""
    places = [network.places[name] for name in box.layers]
    read = {source for place in places for source in place.inputs}
    shapes = dict.fromkeys(_dimensions(network.places[name].shape) for name in box.layers if name not in read)
    result = (" and ".join(shapes), _params(places))
    if box.name == box.layers[0]:
        layers = zip(box.layers, places, strict=True)
        return [(_kind(place), _relative(name, box.within), _detail(place)) for name, place in layers] + [("", *result)]
    blocks = sum(count > 1 for count in _parts(box.name, box.layers))
    size = f"{counted(blocks, 'block')}, " * bool(blocks) + f"{len(places)} layers"
    return [("block", _relative(box.name, box.within), size), ("", _steps(places), ""), ("", *result)]


def _relative(name: str, frame: str) -> str:
    """A name without that of the frame around it; a number keeps the part before it: layer1.0."""
    inner = name.removeprefix(f"{frame}.") if frame else name
    return f"{frame.rpartition('.')[2]}.{inner}" if inner != name and inner[:1].isdigit() else inner


def _steps(places: list[Place]) -> str:
    """The main layers of a block: each with its settings if they are few and in a row, counted otherwise."""
    main = [place for place in places if _kind(place) not in _MINOR] or places
    if all(after.inputs == (before.layer.name,) for before, after in pairwise(places)):
        steps = " → ".join(_detail(place).removeprefix("Conv2d " if len(main) > 1 else "") for place in main)
        if len(steps) <= _STEPS:
            return steps
    counts = Counter(type(place.layer).__name__ for place in main)
    return ", ".join(f"{count} {name}" if count > 1 else name for name, count in counts.items())


def _detail(place: Place) -> str:
    """A layer's type and its main settings: Conv2d 7x7 /2, 64."""
    layer = place.layer
    text = type(layer).__name__
    if isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
        down, across = stride = as_pair(layer.stride or layer.kernel_size)
        step = "" if stride == (1, 1) else f" /{down}" if down == across else f" /{down}x{across}"
        text += f" {_dimensions(as_pair(layer.kernel_size))}{step}"
    if isinstance(layer, nn.Conv2d):
        depthwise = layer.groups == place.input_shapes[0][0]
        groups = "" if layer.groups == 1 else ", depthwise" if depthwise else f", {layer.groups} groups"
        dilation = "" if as_pair(layer.dilation) == (1, 1) else f", dilation {_dimensions(as_pair(layer.dilation))}"
        return f"{text}, {layer.out_channels}{groups}{dilation}"
    if isinstance(layer, nn.Linear):
        return f"{text} {layer.out_features}"
    return f"{text} {layer.p:g}" if isinstance(layer, nn.Dropout) else text


def _params(places: Iterable[Place]) -> str:
    """9.41k params; nothing for layers that learn nothing."""
    count = sum(parameter.size for place in places for parameter in place.parameters.values())
    return f"{abbreviated(count)} params" if count else ""


def _dimensions(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _kind(place: Place) -> str:
    return next(kind for kind, (_, _, types) in _KINDS.items() if re.fullmatch(types, type(place.layer).__name__))


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
        self.root = _Item("", "", tuple(network.places), tuple(_fold(network, network.places, "", "", depth)))
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
        self.lines = {box.layers[0]: _lines(network, box) for box in self.root.boxes}
        texts = [columns(printable(f"{left}  {right}")) for lines in self.lines.values() for _, left, right in lines]
        self.half = ceil(min(max(*texts, _NARROW), _WIDE) * _LETTER / 2) + _SIDE  # half the width of a box

    def frame(self, frame: _Item) -> _Piece:
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
            params = _params(self.network.places[name] for name in frame.layers)
            svg += [
                f'<g data-block="{markup(frame.name)}">',
                _rectangle(-left, 0, left + right, rows.bottom[-1], 'class="frame" rx="6"'),
                _rectangle(-left, 0, left + right, _BAND, 'class="band" rx="6"'),
                *_texts(-left, 14, left + right, _relative(frame.name, frame.within), params, "name"),
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

    def _box(self, box: _Item) -> _Piece:
        """A box: lines in the colours of their layers, and a tooltip that names all layers."""
        lines, x, width = self.lines[box.layers[0]], -self.half, 2 * self.half
        height, (fill, ink, _) = _LINE * len(lines), _KINDS[lines[0][0]]
        svg = [f'<g data-box="{markup(box.layers[0])}">']
        svg.append(f"<title>{markup(box.name)}: {markup(', '.join(box.layers))}</title>")
        if box.name != box.layers[0]:
            svg.append(_rectangle(x + 4, 4, width, height, f'rx="4" fill="{fill}" stroke="{ink}" opacity="0.6"'))
        svg.append(_rectangle(x, 0, width, height, 'fill="#ffffff"'))
        for number, (kind, left, right) in enumerate(lines):
            y = _LINE * number
            if kind:
                svg.append(_rectangle(x, y, width, _LINE, f'fill="{_KINDS[kind][0]}"'))
                svg.append(_rectangle(x, y, 4, _LINE, f'fill="{_KINDS[kind][1]}"'))
            svg += _texts(x, y + 12, width, left, right, "name" if kind else "detail")
        svg += [_rectangle(x, 0, width, height, f'class="box" fill="none" stroke="{ink}" rx="2"'), "</g>"]
        return _Piece(svg, self.half, self.half, height)

    def legend(self) -> list[str]:
        """The colours of the diagram with their names, in two lines."""
        used = {kind for lines in self.lines.values() for kind, _, _ in lines} | ({"skip"} if self.skips else set())
        signs = {kind: "━" if kind == "skip" else "■" for kind in _KINDS if kind in used}
        words = [f'<tspan fill="{_KINDS[kind][1]}">{sign}</tspan> {kind}' for kind, sign in signs.items()]
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
