"""Diagrams are read back from their XML: where boxes stand, what they say, which way the arrows take."""

import re
from graphlib import TopologicalSorter
from itertools import combinations, pairwise
from typing import NamedTuple
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyebright.network import Add, Conv2d, Input, Layer, Linear, Network, Normalize, ReLU, zoo
from eyebright.report.diagram import draw_diagram
from eyebright.system.errors import SettingsError

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = [
    "<b>&amp;\"'", "]]><script>alert(1)</script>", "a\nb\tc", "\x00\x1b[2J\x0b", "雏菊🌻" * 40, "..", "a..b", "a. ",
    "w" * 3000,
]  # fmt: skip
ZOO = ["mlp", "lenet5", "flowers_cnn", "alexnet", "nin", "vgg16_bn", "googlenet", "resnet18", "resnet50", "densenet121"]


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


class Drawn:
    """A diagram, read back."""

    def __init__(self, text: str) -> None:
        self.root = ElementTree.fromstring(text)
        self.page = Rect(*map(float, self.root.get("viewBox").split()))
        (layer,) = (group for group in self.root.iter(f"{SVG}g") if group.get("transform"))
        self.shift = tuple(map(float, re.findall(r"-?[\d.]+", layer.get("transform"))))
        self.boxes, self.layers, self.texts = {}, {}, {}
        for group in self.root.iter(f"{SVG}g"):
            key = group.get("data-box")
            if key is not None:
                assert key not in self.boxes
                (outline,) = (rect for rect in group.iter(f"{SVG}rect") if rect.get("class") == "box")
                self.boxes[key] = self.rect(outline)
                self.layers[key] = group.find(f"{SVG}title").text.partition(": ")[2].split(", ")
                self.texts[key] = [text.text for text in group.iter(f"{SVG}text")]
        self.frames = [self.rect(rect) for rect in self.root.iter(f"{SVG}rect") if rect.get("class") == "frame"]
        paths = [path for path in self.root.iter(f"{SVG}path") if path.get("data-from") is not None]
        self.edges = {(path.get("data-from"), path.get("data-to")): path.get("d") for path in paths}
        self.skips = {(path.get("data-from"), path.get("data-to")) for path in paths if "skip" in path.get("class")}
        assert len(self.edges) == len(paths)

    def rect(self, element: ElementTree.Element) -> Rect:
        x, y, width, height = (float(element.get(name)) for name in ("x", "y", "width", "height"))
        return Rect(x + self.shift[0], y + self.shift[1], width, height)

    def points(self, edge: tuple[str, str]) -> list[tuple[float, float]]:
        """Points close together along an edge."""
        points = []
        for command, numbers in re.findall(r"([MVC])([^MVC]*)", self.edges[edge]):
            values = list(map(float, numbers.split()))
            if command == "M":
                points.append((values[0], values[1]))
                continue
            x, y = points[-1]
            ends = [x, y, x, y, x, values[0], x, values[0]] if command == "V" else [x, y, *values]
            for step in range(1, 21):
                t = step / 20
                weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
                points.append(tuple(sum(w * ends[2 * k + axis] for k, w in enumerate(weights)) for axis in (0, 1)))
        return [(x + self.shift[0], y + self.shift[1]) for x, y in points]

    def named(self, pattern: str) -> list[str]:
        """Boxes whose first line begins with a name that matches."""
        return [key for key, texts in self.texts.items() if re.fullmatch(pattern, texts[0])]


def drawn(name: str, depth: int) -> tuple[Network, Drawn]:
    network = zoo.named_network(name).as_published()
    return network, Drawn(draw_diagram(network, title=name, depth=depth))


def check(network: Network, diagram: Drawn) -> None:
    """What holds for every diagram of any network with names that XML can say."""
    owner = {layer: key for key, layers in diagram.layers.items() for layer in layers}
    assert sorted(owner) == sorted(network.places)
    assert sum(map(len, diagram.layers.values())) == len(network.places)
    wired = {(owner[source], owner[name]) for name, place in network.places.items() for source in place.inputs}
    assert set(diagram.edges) == {(source, target) for source, target in wired if source != target}
    sources = {key: {source for source, target in diagram.edges if target == key} for key in diagram.boxes}
    assert len(list(TopologicalSorter(sources).static_order())) == len(diagram.boxes)  # no cycles
    boxes = list(diagram.boxes.values())
    assert all(diagram.page.contains(rect) for rect in [*boxes, *diagram.frames])
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    for frame in diagram.frames:
        inner = Rect(frame.x + 8, frame.y + 24, frame.width - 16, frame.height - 32)  # below the name, off the border
        assert all(inner.contains(other) or not frame.overlaps(other) for other in boxes)
        assert all(
            frame.contains(other) or other.contains(frame) or not frame.overlaps(other) for other in diagram.frames
        )
    for edge in diagram.edges:
        check_way(diagram, edge)


def check_way(diagram: Drawn, edge: tuple[str, str]) -> None:
    """It leads from the bottom of a box to the top of another one, downwards, and through no third."""
    points = diagram.points(edge)
    source, target = (diagram.boxes[key] for key in edge)
    assert points[0] == (source.x + source.width / 2, source.y + source.height)
    assert points[-1] == (target.x + target.width / 2, target.y)
    steps = [(abs(end[0] - begin[0]), end[1] - begin[1]) for begin, end in pairwise(points)]
    assert all(down > -1e-6 and aside < 400 * down + 1e-6 for aside, down in steps)
    low, high = source.y + source.height, target.y
    near = [box for box in diagram.boxes.values() if box.y < high and box.y + box.height > low]
    assert not any(box.x < x < box.x + box.width and box.y < y < box.y + box.height for box in near for x, y in points)
    assert all(diagram.page.x <= x <= diagram.page.width for x, _ in points)


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("name", ZOO)
def test_every_layer_and_every_wire_is_drawn_and_nothing_covers_anything(name: str, depth: int) -> None:
    check(*drawn(name, depth))


@pytest.mark.parametrize("name", ["googlenet", "resnet50", "densenet201", "efficientnet_lite0", "vgg19"])
def test_unfolded_far_enough_every_layer_has_a_line_of_its_own(name: str) -> None:
    network, diagram = drawn(name, 9)
    said = {}
    for group in diagram.root.iter(f"{SVG}g"):
        if group.get("data-box") is not None:
            names = [text.text for text in group.iter(f"{SVG}text") if text.get("class") == "name"]
            said |= dict(zip(diagram.layers[group.get("data-box")], names, strict=True))
    assert said.keys() == network.places.keys()
    assert all(layer.endswith(name) for layer, name in said.items())


def test_resnet_18_is_four_stages_of_two_blocks_of_which_five_add_their_input_itself() -> None:
    stages = drawn("resnet18", 1)[1]
    assert stages.named(r"layer\d") == ["layer1.0.conv1", "layer2.0.conv1", "layer3.0.conv1", "layer4.0.conv1"]
    assert len(stages.boxes) == 9  # input, first convolution, pool, four stages, pool, dense
    assert not stages.frames
    assert not stages.skips
    blocks = drawn("resnet18", 2)[1]
    assert len(blocks.named(r"layer\d\.\d")) == 8
    assert len(blocks.frames) == 4
    layers = drawn("resnet18", 3)[1]
    assert len(layers.named("add")) == 8
    assert len(layers.frames) == 12
    assert len(layers.skips) == 5
    assert len(drawn("resnet50", 3)[1].skips) == 12  # 16 blocks, of which 4 change the shape


def test_a_skip_runs_beside_the_chain_that_it_skips() -> None:
    diagram = drawn("resnet18", 3)[1]
    skip = ("maxpool", "layer1.0.add")
    assert skip in diagram.skips
    points = diagram.points(skip)
    for key in ("layer1.0.conv1", "layer1.0.conv2"):
        box = diagram.boxes[key]
        beside = [x for x, y in points if box.y <= y <= box.y + box.height]
        assert beside
        assert all(x > box.x + box.width for x in beside)


def test_googlenet_has_nine_modules_of_four_branches_side_by_side() -> None:
    assert len(drawn("googlenet", 1)[1].named("inception.*")) == 9
    diagram = drawn("googlenet", 2)[1]
    assert len(diagram.frames) == 9
    for module in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"):
        concat = f"inception{module}.concat"
        branches = [source for source, target in diagram.edges if target == concat]
        rects = [diagram.boxes[key] for key in branches]
        assert [diagram.texts[key][0] for key in branches] == ["branch1", "branch2", "branch3", "branch4"]
        assert len({rect.y for rect in rects}) == 1
        assert [rect.x for rect in rects] == sorted(rect.x for rect in rects)
        frame = next(frame for frame in diagram.frames if frame.contains(diagram.boxes[concat]))
        assert all(frame.contains(rect) for rect in rects)
    assert "1x1, 96 → 3x3, 128" in diagram.texts["inception3a.branch2.0.conv"]  # table 1 of the paper
    assert not diagram.skips


def test_densenet_121_has_blocks_of_6_12_24_and_16_layers_each_of_which_hands_on_its_input() -> None:
    blocks = drawn("densenet121", 1)[1]
    assert len(blocks.named(r"features\.denseblock\d")) == 4
    assert len(blocks.named(r"features\.transition\d")) == 3
    held = [blocks.texts[key][1] for key in blocks.named(r"features\.denseblock\d")]
    assert held == ["6 blocks, 42 layers", "12 blocks, 84 layers", "24 blocks, 168 layers", "16 blocks, 112 layers"]
    assert len(drawn("densenet121", 2)[1].named(r"denselayer\d+")) == 58
    layers = drawn("densenet121", 3)[1]
    assert len(layers.skips) == 58
    assert all(target.endswith(".concat") for _, target in layers.skips)


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
        "conv1", "Conv2d 7x7 /2, 64", "64x112x112", "9.41k params",  # 7 * 7 * 3 * 64 = 9,408
        "bn1", "BatchNorm, 128 params", "relu", "ReLU",
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
    assert "Conv2d 3x3 /2, 96, depthwise" in [
        text for texts in drawn("efficientnet_lite0", 2)[1].texts.values() for text in texts
    ]


def test_what_others_read_is_not_hidden_in_the_box_of_a_chain() -> None:
    pictures = Input((3, 8, 8), name="input")()
    x = Conv2d(4, 3, padding=1, name="conv")(pictures)
    diagram = Drawn(draw_diagram(Network(pictures, Add(name="add")(x, ReLU(name="relu")(x))), title="skip"))
    assert set(diagram.edges) == {("input", "conv"), ("conv", "relu"), ("conv", "add"), ("relu", "add")}
    assert diagram.skips == {("conv", "add")}


def test_a_block_that_others_run_through_is_not_folded() -> None:
    x = Input((4,), name="input")()
    first = Linear(4, name="block.first")(x)
    between = Linear(4, name="between")(first)
    network = Network(x, Linear(4, name="block.last")(between))
    diagram = Drawn(draw_diagram(network, title="returns"))
    assert [texts[0] for texts in diagram.texts.values()] == ["input", "block.first", "between", "block.last"]


def test_a_block_within_one_that_cannot_be_folded_still_is() -> None:
    x = Input((4,), name="input")()
    y = Linear(4, name="outer.1")(x)
    for index in range(3):
        y = Linear(4, name=f"inner.{index}")(y)
    diagram = Drawn(draw_diagram(Network(x, Linear(4, name="outer.2")(y)), title="within"))
    assert [texts[0] for texts in diagram.texts.values()] == ["input", "outer.1", "inner", "outer.2"]


def test_of_two_blocks_that_read_from_each_other_one_is_unfolded() -> None:
    x = Input((4,), name="input")()
    to_right = Linear(4, name="right.2")(Linear(4, name="left.1")(x))
    to_left = Linear(4, name="left.2")(Linear(4, name="right.1")(x))
    network = Network(x, Add(name="add")(to_right, to_left))
    diagram = Drawn(draw_diagram(network, title="mutual"))
    check(network, diagram)
    assert len(diagram.boxes) == 5  # input, one block, the other one's two layers, add


@pytest.mark.parametrize("depth", [0, -1])
def test_a_depth_below_one_is_refused(depth: int) -> None:
    with pytest.raises(SettingsError, match=rf"depth must be 1 .* or more, got {depth}"):
        draw_diagram(zoo.lenet5(), title="lenet5", depth=depth)


def test_the_same_network_gives_the_same_file() -> None:
    texts = {draw_diagram(zoo.googlenet(10), title="googlenet", depth=depth) for depth in (3, 3)}
    assert len(texts) == 1


def test_layers_of_the_user_s_own_are_drawn_by_their_type() -> None:
    class Twice(Layer, frozen=True):
        stem = "twice"

    try:
        diagram = Drawn(draw_diagram(Network.sequential(Input((4,)), Twice(name="mine")), title="own"))
    finally:
        del Layer.types["Twice"]
    assert diagram.texts["mine"] == ["mine", "Twice", "4"]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_breaks_the_file_or_runs_out_of_its_box(name: str) -> None:
    title, name = name, name if name.isprintable() else "plain"  # no layer is called otherwise
    network = Network.sequential(
        Input((4,), name=f"{name}.input"),
        Normalize(name=name),
        Linear(4, name=f"{name}.x"),
        Linear(4, name=f"{name}.y"),
    )
    for depth in (1, 2, 9):
        diagram = Drawn(draw_diagram(network, title=title, depth=depth))
        assert max(rect.width for rect in diagram.boxes.values()) < 400
        assert diagram.page.width < 700
        assert all(len(text) < 80 for texts in diagram.texts.values() for text in texts)
        assert not list(diagram.root.iter(f"{SVG}script"))


def test_the_file_needs_nothing_else_and_is_white_behind() -> None:
    text = draw_diagram(zoo.googlenet(), title="googlenet", depth=2)
    assert text.count("http") == 1  # the name of the format
    assert not re.search(r"<script|<image|<use|href|@import|@font-face|url\((?!#)", text)
    diagram = Drawn(text)
    ground = next(element for element in diagram.root if element.tag == f"{SVG}rect")
    assert ground.get("fill") == "#ffffff"
    assert (float(ground.get("width")), float(ground.get("height"))) == diagram.page[2:]


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
