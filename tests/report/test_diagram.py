"""Diagrams are read back from their XML: where boxes stand, what they say, and where each arrow leads."""

import re
from itertools import combinations, pairwise
from typing import NamedTuple
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from eyebright.network import Add, Concat, Conv2d, Input, Layer, Linear, Network, Normalize, ReLU, zoo
from eyebright.report.diagram import draw_diagram
from eyebright.system.errors import SettingsError

SVG = "{http://www.w3.org/2000/svg}"
LETTER = 11 * 1233 / 2048  # px: DejaVu Sans Mono, the widest font in the style, at 11 px
HOSTILE = [
    "<b>&amp;\"'", "]]><script>alert(1)</script>", "a\nb\tc", "\x00\x1b[2J\x0b", "雏菊🌻" * 40, "..", "a..b", "a. ",
    "w" * 3000,
]  # fmt: skip


class Rect(NamedTuple):
    x: float
    y: float
    width: float
    height: float

    def overlaps(self, other: "Rect") -> bool:
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )

    def contains(self, other: "Rect") -> bool:
        return (
            self.x <= other.x
            and self.y <= other.y
            and other.x + other.width <= self.x + self.width
            and other.y + other.height <= self.y + self.height
        )


class Arrow(NamedTuple):
    points: list[tuple[float, float]]  # close together
    skip: bool
    head: bool
    title: str


class Drawn:
    """A diagram, read back: all positions are relative to the page."""

    def __init__(self, text: str) -> None:
        self.root = ElementTree.fromstring(text)
        self.page = Rect(*map(float, self.root.get("viewBox").split()))
        self.boxes, self.layers, self.texts, self.frames = {}, {}, {}, []
        self.arrows: list[Arrow] = []
        self.read(self.root, 0, 0)

    def read(self, parent: ElementTree.Element, x: float, y: float) -> None:
        for element in parent:
            if element.tag == f"{SVG}g":
                moved = list(map(float, re.findall(r"-?[\d.]+", element.get("transform", "0 0"))))
                self.read_group(element, x + moved[0], y + moved[1])
            elif element.tag == f"{SVG}path" and "edge" in element.get("class", ""):
                points = [(px + x, py + y) for px, py in points_of(element.get("d"))]
                head, title = element.get("marker-end") is not None, element.find(f"{SVG}title").text
                self.arrows.append(Arrow(points, "skip" in element.get("class"), head, title))

    def read_group(self, group: ElementTree.Element, x: float, y: float) -> None:
        for rect in group.findall(f"{SVG}rect"):
            place = Rect(*(float(rect.get(name)) for name in ("x", "y", "width", "height")))
            moved = place._replace(x=place.x + x, y=place.y + y)
            key = group.get("data-box")
            if rect.get("class") == "frame":
                self.frames.append(moved)
                check_texts(group, place)
            elif rect.get("class") == "box":
                assert key not in self.boxes
                self.boxes[key] = moved
                self.layers[key] = group.find(f"{SVG}title").text.partition(": ")[2].split(", ")
                self.texts[key] = [text.text for text in group.findall(f"{SVG}text")]
                check_texts(group, place)
        self.read(group, x, y)

    def edges(self) -> set[tuple[str, str]]:
        """The boxes that arrows connect, found by following them through the borders of frames."""
        begins: dict[tuple[float, float], list[Arrow]] = {}
        for arrow in self.arrows:
            begins.setdefault(arrow.points[0], []).append(arrow)
        tops = {(box.x + box.width / 2, box.y): key for key, box in self.boxes.items()}
        borders = {frame.y for frame in self.frames}
        found = set()
        for source, box in self.boxes.items():
            waiting = [(box.x + box.width / 2, box.y + box.height)]
            while waiting:
                x, y = waiting.pop()
                for arrow in begins.get((x, y), []) + (begins.get((x, y + 20), []) if y in borders else []):
                    end = arrow.points[-1]
                    assert arrow.head == (end in tops)
                    if end in tops:
                        found.add((source, tops[end]))
                    else:
                        waiting.append(end)
        return found

    def skips(self) -> list[str]:
        return [arrow.title for arrow in self.arrows if arrow.skip]

    def named(self, pattern: str) -> list[str]:
        """Boxes whose first line begins with a name that matches."""
        return [key for key, texts in self.texts.items() if re.fullmatch(pattern, texts[0])]


def points_of(path: str) -> list[tuple[float, float]]:
    points = []
    for command, numbers in re.findall(r"([MVC])([^MVC]*)", path):
        values = list(map(float, numbers.split()))
        if command == "M":
            points.append((values[0], values[1]))
            continue
        x, y = points[-1]
        ends = [x, y, x, y, x, values[0], x, values[0]] if command == "V" else [x, y, *values]
        for step in range(1, 13):
            t = step / 12
            weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
            points.append(tuple(sum(w * ends[2 * k + axis] for k, w in enumerate(weights)) for axis in (0, 1)))
        points[-1] = (ends[6], ends[7])
    return points


def check_texts(group: ElementTree.Element, place: Rect) -> None:
    """Each text is inside, and texts on one line leave a space between them."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for text in group.findall(f"{SVG}text"):
        x, width = float(text.get("x")), cell_len(text.text) * LETTER
        begin = x - width if text.get("class") == "right" else x
        assert place.x + 4 < begin
        assert begin + width < place.x + place.width
        assert place.y + 8 < float(text.get("y")) < place.y + place.height - 2
        lines.setdefault(text.get("y"), []).append((begin, begin + width))
    assert all(left[1] + 6 < right[0] for line in lines.values() for left, right in pairwise(sorted(line)))


def drawn(name: str, depth: int) -> tuple[Network, Drawn]:
    network = zoo.named_network(name).as_published()
    return network, Drawn(draw_diagram(network, title=name, depth=depth))


def check(network: Network, diagram: Drawn) -> None:
    """What holds for every diagram of any network."""
    owner = {layer: key for key, layers in diagram.layers.items() for layer in layers}
    assert sorted(layer for layers in diagram.layers.values() for layer in layers) == sorted(network.places)
    wired = {(owner[source], owner[name]) for name, place in network.places.items() for source in place.inputs}
    assert diagram.edges() == {(source, target) for source, target in wired if source != target}
    boxes = sorted(diagram.boxes.values(), key=lambda box: box.y)
    assert all(diagram.page.contains(rect) for rect in [*boxes, *diagram.frames])
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    for frame in diagram.frames:
        inner = Rect(frame.x + 8, frame.y + 24, frame.width - 16, frame.height - 32)  # below the name, off the border
        assert all(inner.contains(box) or not frame.overlaps(box) for box in boxes)
    for a, b in combinations(diagram.frames, 2):
        assert a.contains(b) or b.contains(a) or not a.overlaps(b)
    for arrow in diagram.arrows:
        (low, high), across = (arrow.points[0][1], arrow.points[-1][1]), [x for x, _ in arrow.points]
        assert all(begin[1] < end[1] + 1e-6 for begin, end in pairwise(arrow.points))  # downwards
        assert diagram.page.x < min(across) <= max(across) < diagram.page.width
        near = [box for box in boxes if box.y < high and box.y + box.height > low]
        assert not any(b.x < x < b.x + b.width and b.y < y < b.y + b.height for b in near for x, y in arrow.points)


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("name", list(zoo.NETWORKS))
def test_every_layer_and_every_edge_is_drawn_and_nothing_covers_anything(name: str, depth: int) -> None:
    check(*drawn(name, depth))


@pytest.mark.parametrize("name", ["googlenet", "resnet50", "densenet121", "efficientnet_lite0", "vgg19"])
def test_unfolded_far_enough_every_layer_has_a_line_of_its_own(name: str) -> None:
    network, diagram = drawn(name, 9)
    said = {}
    for group in diagram.root.iter(f"{SVG}g"):
        if group.get("data-box") is not None:
            names = [text.text for text in group.iter(f"{SVG}text") if text.get("class") == "name"]
            said |= dict(zip(diagram.layers[group.get("data-box")], names, strict=True))
    assert said.keys() == network.places.keys()
    assert all(layer.endswith(name) for layer, name in said.items())


def test_resnet_18_has_four_stages_of_two_blocks() -> None:
    stages = drawn("resnet18", 1)[1]
    assert stages.named(r"layer\d") == ["layer1.0.conv1", "layer2.0.conv1", "layer3.0.conv1", "layer4.0.conv1"]
    assert len(stages.boxes) == 9  # input, first convolution, pool, four stages, pool, dense
    assert not stages.frames
    assert not stages.skips()
    blocks = drawn("resnet18", 2)[1]
    assert len(blocks.named(r"layer\d\.\d")) == 8
    assert len(blocks.frames) == 4
    layers = drawn("resnet18", 3)[1]
    assert len(layers.named("add")) == 8
    assert len(layers.frames) == 12
    assert len(layers.skips()) == 5  # the other three blocks change the shape
    assert len(drawn("resnet50", 3)[1].skips()) == 12  # 16 blocks, 4 of them change the shape


def test_a_skip_runs_beside_the_layers_that_it_skips() -> None:
    diagram = drawn("resnet18", 3)[1]
    (skip,) = (arrow for arrow in diagram.arrows if arrow.title == "maxpool → layer1.0.add")
    assert skip.skip
    for key in ("layer1.0.conv1", "layer1.0.conv2"):
        box = diagram.boxes[key]
        beside = [x for x, y in skip.points if box.y <= y <= box.y + box.height]
        assert beside
        assert min(beside) > box.x + box.width


def test_a_long_skip_runs_outside_a_short_one() -> None:
    """The skip from `a` passes b to e; that from `b`, which starts later, passes c and d only."""
    x = Input((4, 8, 8), name="input")()
    a = ReLU(name="a")(Conv2d(4, 3, padding=1, name="conv_a")(x))
    b = Conv2d(4, 3, padding=1, name="b")(a)
    c = Conv2d(4, 3, padding=1, name="d")(Conv2d(4, 3, padding=1, name="c")(b))
    inner = Add(name="inner")(b, c)
    network = Network(x, Add(name="outer")(a, Conv2d(4, 3, padding=1, name="e")(inner)))
    diagram = Drawn(draw_diagram(network, title="nested skips"))
    reach = {arrow.title: max(px for px, _ in arrow.points) for arrow in diagram.arrows if arrow.skip}
    assert len(reach) == 2
    (outer,) = (value for title, value in reach.items() if title.endswith("outer"))
    (short,) = (value for title, value in reach.items() if title.endswith("inner"))
    assert outer > short + 10


def test_googlenet_has_nine_modules_of_four_branches_side_by_side() -> None:
    assert len(drawn("googlenet", 1)[1].named("inception.*")) == 9
    diagram = drawn("googlenet", 2)[1]
    assert len(diagram.frames) == 9
    edges = diagram.edges()
    for module in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"):
        concat = f"inception{module}.concat"
        branches = [source for source, target in edges if target == concat]
        branches.sort(key=lambda key: diagram.boxes[key].x)
        assert [diagram.texts[key][0] for key in branches] == ["branch1", "branch2", "branch3", "branch4"]
        assert len({diagram.boxes[key].y for key in branches}) == 1
        frame = next(frame for frame in diagram.frames if frame.contains(diagram.boxes[concat]))
        assert all(frame.contains(diagram.boxes[key]) for key in branches)
    assert "1x1, 96 → 3x3, 128" in diagram.texts["inception3a.branch2.0.conv"]  # table 1 of the paper
    assert not diagram.skips()


def test_densenet_121_has_blocks_of_6_12_24_and_16_layers_that_pass_on_their_input() -> None:
    blocks = drawn("densenet121", 1)[1]
    held = [blocks.texts[key][1] for key in blocks.named(r"features\.denseblock\d")]
    assert held == ["6 blocks, 42 layers", "12 blocks, 84 layers", "24 blocks, 168 layers", "16 blocks, 112 layers"]
    assert len(blocks.named(r"features\.transition\d")) == 3
    assert len(drawn("densenet121", 2)[1].named(r"denselayer\d+")) == 58
    layers = drawn("densenet121", 3)[1]
    assert len(layers.skips()) == 58
    assert all(title.endswith(".concat") for title in layers.skips())


def test_vgg_16_is_two_blocks_and_then_its_layers() -> None:
    assert [texts[0] for texts in drawn("vgg16", 1)[1].texts.values()] == [
        "input", "features", "avgpool", "flatten", "classifier"
    ]  # fmt: skip
    said = [text for texts in drawn("vgg16", 2)[1].texts.values() for text in texts]
    assert sum(text.startswith("Conv2d 3x3") for text in said) == 13
    assert sum(text.startswith("Linear") for text in said) == 3


def test_a_box_says_name_type_settings_shape_and_parameters() -> None:
    texts = drawn("resnet18", 1)[1].texts
    assert texts["conv1"] == [
        "conv1", "Conv2d 7x7 /2, 64", "bn1", "BatchNorm", "relu", "ReLU",
        "64x112x112", "9.54k params",  # 7 * 7 * 3 * 64 of the convolution + 2 * 64 of the normalisation = 9,536
    ]  # fmt: skip
    assert texts["maxpool"] == ["maxpool", "MaxPool2d 3x3 /2", "64x56x56"]
    assert texts["fc"] == ["fc", "Linear 1000", "1000", "513k params"]  # 512 * 1000 + 1000
    assert texts["layer1.0.conv1"] == [
        "layer1", "2 blocks, 14 layers", "4 Conv2d, 2 Add",
        "64x56x56", "148k params",  # 4 convolutions of 3 * 3 * 64 * 64, and 4 normalisations of 2 * 64
    ]  # fmt: skip
    alexnet = drawn("alexnet", 1)[1].texts
    assert alexnet["conv2"][1] == "Conv2d 5x5, 256, 2 groups"
    assert "Dropout 0.5" in alexnet["fc6"]
    lite = drawn("efficientnet_lite0", 2)[1].texts.values()
    assert any("Conv2d 3x3 /2, 96, depthwise" in texts for texts in lite)


def test_a_value_that_others_read_is_not_hidden_in_a_box() -> None:
    pictures = Input((3, 8, 8), name="input")()
    x = Conv2d(4, 3, padding=1, name="conv")(pictures)
    diagram = Drawn(draw_diagram(Network(pictures, Add(name="add")(x, ReLU(name="relu")(x))), title="skip"))
    assert diagram.edges() == {("input", "conv"), ("conv", "relu"), ("conv", "add"), ("relu", "add")}
    assert diagram.skips() == ["conv → add"]


def test_branches_without_blocks_stand_side_by_side_too() -> None:
    x = Input((3, 8, 8), name="input")()
    ends = []
    for index, length in enumerate((1, 2, 2)):
        y = x
        for step in range(length):
            y = Conv2d(4, 3, padding=1, name=f"{'abc'[index]}{step}")(y)
        ends.append(y)
    network = Network(x, Concat(name="concat")(*ends))
    diagram = Drawn(draw_diagram(network, title="branches"))
    check(network, diagram)
    boxes = diagram.boxes
    assert boxes["a0"].x < boxes["b0"].x < boxes["c0"].x
    assert boxes["a0"].y == boxes["b0"].y == boxes["c0"].y
    assert (boxes["b0"].x, boxes["c0"].x) == (boxes["b1"].x, boxes["c1"].x)
    (short,) = (arrow for arrow in diagram.arrows if arrow.title == "a0 → concat")
    assert all(x < boxes["b1"].x for x, y in short.points if boxes["b1"].y < y < boxes["b1"].y + boxes["b1"].height)
    assert not diagram.skips()


@pytest.mark.parametrize(
    ("order", "titles"),
    [
        (["block.1", "between", "block.2"], ["input", "block.1", "between", "block.2"]),
        (["outer.1", "inner.0", "inner.1", "outer.2"], ["input", "outer.1", "inner", "outer.2"]),
        (["block.1", "block.2", "between", "block.3", "block.4"], ["input", "block", "between", "block"]),
    ],
)
def test_a_block_with_other_layers_in_between_becomes_several(order: list[str], titles: list[str]) -> None:
    network = Network.sequential(Input((4,), name="input"), *(Linear(4, name=name) for name in order))
    diagram = Drawn(draw_diagram(network, title="between"))
    check(network, diagram)
    assert [texts[0] for texts in diagram.texts.values()] == titles


def test_a_block_that_reads_two_values_has_no_frame_but_all_its_layers() -> None:
    x = Input((4,), name="input")()
    y = Linear(4, name="before")(x)
    y = Add(name="block.add")(Linear(4, name="block.x")(x), Linear(4, name="block.y")(y))
    for index in range(9):
        y = Linear(4, name=f"after{index}")(y)
    network = Network(x, y)
    folded, unfolded = (Drawn(draw_diagram(network, title="two", depth=depth)) for depth in (1, 2))
    check(network, unfolded)
    assert folded.named("block.*") == ["block.x", "block.y"]  # the first layer, and a block of the other two
    assert not unfolded.frames
    assert unfolded.named("block.*") == ["block.x", "block.y", "block.add"]


@pytest.mark.parametrize("depth", [0, -1])
def test_a_depth_below_one_is_refused(depth: int) -> None:
    with pytest.raises(SettingsError, match=rf"depth must be 1 .* or more, got {depth}"):
        draw_diagram(zoo.lenet5(), title="lenet5", depth=depth)


def test_the_same_network_gives_the_same_file() -> None:
    texts = {draw_diagram(zoo.googlenet(10), title="googlenet", depth=depth) for depth in (3, 3)}
    assert len(texts) == 1


def test_a_user_s_own_layers_are_drawn_by_their_type() -> None:
    class Twice(Layer, frozen=True):
        stem = "twice"

    try:
        diagram = Drawn(draw_diagram(Network.sequential(Input((4,)), Twice(name="mine")), title="own"))
    finally:
        del Layer.types["Twice"]
    assert diagram.texts["mine"] == ["mine", "Twice", "4"]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_breaks_the_file_or_runs_out_of_its_box(name: str) -> None:
    title, name = name, name if name.isprintable() else "plain"  # a layer's name is printable
    network = Network.sequential(
        Input((4,), name=f"{name}.input"),
        Normalize(name=name),
        Linear(4, name=f"{name}.x"),
        Linear(4, name=f"{name}.y"),
    )
    for depth in (1, 2, 9):
        diagram = Drawn(draw_diagram(network, title=title, depth=depth))
        assert len(diagram.edges()) == len(diagram.boxes) - 1
        assert diagram.page.width < 700
        assert not list(diagram.root.iter(f"{SVG}script"))


def test_the_file_needs_nothing_else_and_is_white_behind() -> None:
    text = draw_diagram(zoo.googlenet(), title="googlenet", depth=2)
    assert text.count("http") == 1  # the name of the format
    assert not re.search(r"<script|<image|<use|href|@import|@font-face|url\((?!#)", text)
    diagram = Drawn(text)
    ground = next(element for element in diagram.root if element.tag == f"{SVG}rect")
    assert ground.get("fill") == "#ffffff"
    assert (float(ground.get("width")), float(ground.get("height"))) == diagram.page[2:]


def test_the_legend_explains_the_colours_in_the_picture() -> None:
    def legend(name: str, depth: int) -> list[str]:
        return [span.tail.strip() for span in drawn(name, depth)[1].root.iter(f"{SVG}tspan")]

    assert legend("mlp", 1) == ["input", "normalisation", "activation", "dense", "reshape"]
    assert legend("resnet18", 2)[-1] == "block"
    assert legend("densenet121", 3)[-1] == "skip"


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Vectors that are passed on and added in any way, with names of up to three parts in any order."""
    count = draw(st.integers(1, 14))
    nodes = [Input((2,), name="input")()]
    for index in range(count):
        prefix = "".join(draw(st.lists(st.sampled_from(["a.", "b.", "c."]), max_size=2)))
        sources = draw(st.lists(st.sampled_from(nodes), min_size=1, max_size=3, unique=True))
        layer = draw(st.sampled_from([ReLU, lambda name: Linear(2, name=name)])) if len(sources) == 1 else Add
        nodes.append(layer(name=f"{prefix}{index}")(*sources))
    return Network(nodes[0], Add(name="end")(*nodes[1:], nodes[0]))


@settings(max_examples=50, deadline=None)
@given(networks(), st.integers(1, 4))
def test_any_network_is_drawn_whole(network: Network, depth: int) -> None:
    check(network, Drawn(draw_diagram(network, title="any", depth=depth)))
