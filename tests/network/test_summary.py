import math
import re

import numpy as np
import pytest
import torch
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from eyebright.network import (
    AdaptiveAvgPool2d,
    Add,
    AvgPool2d,
    BatchNorm,
    Concat,
    Conv2d,
    Flatten,
    GlobalAvgPool2d,
    Input,
    Layer,
    LayerNorm,
    Linear,
    LocalContrastNorm,
    LocalResponseNorm,
    MaxPool2d,
    Multiply,
    Network,
    Node,
    ReLU,
    Sigmoid,
    Softmax,
    Upsample,
    zoo,
)
from eyebright.network.summary import (
    LayerSummary,
    NetworkText,
    network_table,
    network_text,
    receptive_fields,
    settings_of,
    summarize,
)
from eyebright.network.torch import TorchNetwork
from eyebright.system.errors import NetworkError


def bottleneck(x: Node, stride: int) -> Node:
    """He et al. 2015, figure 5: 1x1, 3x3, 1x1, with the stride at the first."""
    y = Conv2d(2, 1)(Conv2d(2, 3, padding=1)(Conv2d(2, 1, stride)(x)))
    return Add()(y, Conv2d(2, 1, stride)(x))


def resnet(depths: tuple[int, ...]) -> Network:
    """The convolutions of a residual network as published: only widths, which no field depends on, are smaller."""
    pictures = Input((3, 224, 224))()
    x = MaxPool2d(3, 2, 1)(Conv2d(2, 7, 2, 3)(pictures))
    for stage, depth in enumerate(depths):
        for block in range(depth):
            x = bottleneck(x, 2 if stage and not block else 1)
    return Network(pictures, x)


@pytest.mark.parametrize(
    ("depths", "field"), [((3, 4, 6, 3), 483), ((3, 4, 23, 3), 1027), ((3, 8, 36, 3), 1507)], ids=[50, 101, 152]
)
def test_receptive_fields_of_resnets_are_those_published(depths, field):
    """Araujo et al. 2019, table 1: ResNet-50, 101 and 152."""
    network = resnet(depths)
    assert receptive_fields(network)[network.output] == (field, field)


@pytest.mark.parametrize(("name", "layer", "field"), [("alexnet", "pool5", 195), ("vgg16", "features.30", 212)])
def test_receptive_fields_of_the_zoo_are_those_published(name, layer, field):
    """Araujo et al. 2019, table 1: AlexNet and VGG-16, after their last pool."""
    assert receptive_fields(getattr(zoo, name)())[layer] == (field, field)


def by_recursion(windows: list[tuple[int, int]]) -> int:
    """Araujo et al. 2019, equation 1, from the last layer to the first: r <- s r + (k - s)."""
    field = 1
    for kernel, stride in reversed(windows):
        field = stride * field + (kernel - stride)
    return field


CONV, POOL = (3, 1), (2, 2)
VGG16 = [*[CONV] * 2, POOL, *[CONV] * 2, POOL, *[*[CONV] * 3, POOL] * 3]
RESNET50 = [  # with the stride at the 3x3, as torchvision has it
    *[(7, 2), (3, 2)],
    *[CONV] * 3,
    *[(3, 2), *[CONV] * 3],
    *[(3, 2), *[CONV] * 5],
    *[(3, 2), *[CONV] * 2],
]


@pytest.mark.parametrize(
    ("name", "layer", "windows"),
    [
        ("vgg16", "features.28", VGG16[:-1]),
        ("vgg16", "features.0", VGG16[:1]),
        ("vgg16", "features.4", VGG16[:3]),
        ("resnet50", "layer4.2.relu", RESNET50),
        ("resnet50", "layer1.2.relu", RESNET50[:5]),
        ("alexnet", "conv1", [(11, 4)]),
        ("alexnet", "conv2", [(11, 4), (3, 2), (5, 1)]),
    ],
)
def test_fields_follow_the_recursion_of_the_paper(name, layer, windows):
    assert receptive_fields(getattr(zoo, name)())[layer] == (by_recursion(windows),) * 2


def seen_by_the_middle(network: Network, samples: int = 1) -> np.ndarray:
    """Which pixels of the input the gradient of the middle value of the result reaches; (C, H, W), of any sample."""
    random = np.random.default_rng(0)
    weights = {name: random.uniform(0.1, 0.4, tensor.shape).astype(np.float32)  # above 0, so that nothing cancels out
               for name, tensor in network.tensors.items()}  # fmt: skip
    module = TorchNetwork(network, weights).eval()
    pictures = torch.tensor(random.random((samples, *network.input_shape), np.float32)).requires_grad_()
    result = module(pictures)
    middle = tuple(length // 2 for length in result.shape[2:])
    result[(slice(None), 0, *middle)].sum().backward()
    return (pictures.grad != 0).any(dim=0).numpy()


def extent(seen: np.ndarray) -> tuple[int, int]:
    """Height and width of the smallest box around them."""
    rows, columns = (np.flatnonzero(seen.any(axis=axes)) for axes in ((0, 2), (0, 1)))
    return int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1


PAIR = st.tuples(st.integers(1, 3), st.integers(1, 3))

STRIDES = st.tuples(st.integers(1, 2), st.integers(1, 2))


@st.composite
def windows_in_a_row(draw: st.DrawFn) -> list[Layer]:
    layers: list[Layer] = []
    for _ in range(draw(st.integers(1, 4))):
        kernel, stride, padding = draw(PAIR), draw(STRIDES), draw(st.sampled_from([0, "same"]))
        if draw(st.booleans()):
            layers.append(Conv2d(2, kernel, stride, padding, draw(PAIR)))
        else:
            layers.append(AvgPool2d(kernel, stride, padding))
        layers += draw(st.sampled_from([[], [ReLU()], [BatchNorm()], [LocalResponseNorm(3)]]))
    return layers


@settings(max_examples=50, deadline=None)
@given(layers=windows_in_a_row())
def test_the_gradient_of_a_value_reaches_exactly_its_field(layers):
    try:
        network = Network.sequential(Input((2, 70, 60)), *layers)
    except NetworkError:  # the image is too small
        reject()
    field = receptive_fields(network)[network.output]
    assume(field[0] <= 30 and field[1] <= 25 and min(network.output_shape) > 1)
    assert extent(seen_by_the_middle(network)) == field


def test_within_the_field_every_pixel_counts():
    network = Network.sequential(
        Input((1, 40, 40)), Conv2d(2, 3), AvgPool2d(2), Conv2d(2, 3, padding=1), AvgPool2d(3, 2)
    )
    assert receptive_fields(network)[network.output] == (12, 12)
    assert seen_by_the_middle(network).sum() == 12 * 12


def test_a_max_pool_depends_on_its_whole_window():
    network = Network.sequential(Input((1, 24, 24)), Conv2d(1, 2), MaxPool2d(3, 2), MaxPool2d(2))
    assert receptive_fields(network)[network.output] == (6, 6)
    assert extent(seen_by_the_middle(network, samples=500)) == (6, 6)


def test_an_adaptive_pool_sees_one_bin():
    network = Network.sequential(Input((1, 24, 20)), Conv2d(1, 3, padding=1), AdaptiveAvgPool2d((4, 5)))
    assert receptive_fields(network)[network.output] == extent(seen_by_the_middle(network)) == (8, 6)


@pytest.mark.parametrize("merge", [Add(), Concat()])
def test_where_paths_join_the_larger_field_counts(merge):
    pictures = Input((2, 30, 30))()
    wide = Conv2d(2, 5, padding=2)(Conv2d(2, 3, padding=1)(pictures))
    high = Conv2d(2, (9, 1), padding=(4, 0))(pictures)
    network = Network(pictures, Conv2d(2, 1)(merge(wide, high, pictures)))
    assert receptive_fields(network)[network.output] == extent(seen_by_the_middle(network)) == (9, 7)


def test_through_a_skip_connection_the_longest_path_counts():
    pictures = Input((2, 40, 40))()
    x = pictures
    for stride in (1, 2, 1):
        y = Conv2d(2, 3, padding=1)(ReLU()(Conv2d(2, 3, stride, 1)(x)))
        x = Add()(y, Conv2d(2, 1, stride)(x))
    network = Network(pictures, x)
    assert receptive_fields(network)[network.output] == extent(seen_by_the_middle(network))


@pytest.mark.parametrize(
    "ending",
    [
        LayerNorm(),
        LocalContrastNorm(3),
        GlobalAvgPool2d(),
        AdaptiveAvgPool2d(1),
        lambda x: Linear(3)(Flatten()(x)),
        lambda x: Softmax()(Flatten()(x)),
        lambda x: Multiply()(x, Sigmoid()(AdaptiveAvgPool2d(1)(x))),
        lambda x: Conv2d(2, 1)(LayerNorm()(x)),
    ],
)
def test_layers_that_see_the_whole_image_have_no_field(ending):
    pictures = Input((2, 9, 8))()
    network = Network(pictures, ending(Conv2d(2, 3, padding=1)(pictures)))
    assert receptive_fields(network)[network.output] is None
    assert seen_by_the_middle(network).all()


def test_the_field_grows_by_less_where_maps_are_enlarged():
    pictures = Input((2, 64, 64))()
    fine = Conv2d(2, 3, 2, padding=1)(pictures)
    merged = Add()(fine, Upsample(2)(Conv2d(2, 3, 2, padding=1)(fine)))
    network = Network(pictures, Conv2d(2, 5, padding=2)(merged))
    assert receptive_fields(network)[network.output] == extent(seen_by_the_middle(network)) == (15, 15)


def test_flatten_keeps_the_field():
    network = Network.sequential(Input((2, 9, 8)), Conv2d(2, 3), Flatten())
    assert receptive_fields(network)[network.output] == (3, 3)
    assert math.prod(extent(seen_by_the_middle(network))) == 9


def test_on_vectors_there_are_no_pixels():
    network = Network.sequential(Input((5,)), ReLU(), Linear(3))
    assert set(receptive_fields(network).values()) == {None}


@pytest.fixture
def skipping() -> Network:
    """A convolution whose result is added to its input."""
    pictures = Input((3, 9, 9), name="pictures")()
    convolved = Conv2d(3, 3, padding="same", name="conv")(pictures)
    return Network(pictures, Add(name="add")(convolved, pictures))


def test_the_summary_of_a_layer() -> None:
    network = Network.sequential(Input((3, 9, 9), name="pictures"), Conv2d(4, 3, stride=2, name="stem"))
    assert summarize(network).layers[1] == LayerSummary(
        name="stem",
        type="Conv2d",
        settings={"out_channels": 4, "kernel_size": 3, "stride": 2},
        inputs=("pictures",),
        shape=(4, 4, 4),
        parameters=4 * 3 * 9 + 4,
        multiply_adds=4 * 4 * 4 * 3 * 9,
        receptive_field=(3, 3),
    )


def test_layers_are_in_order_of_computation_and_name_their_inputs(skipping: Network) -> None:
    rows = summarize(skipping).layers
    assert [(row.name, row.inputs) for row in rows] == [
        ("pictures", ()), ("conv", ("pictures",)), ("add", ("conv", "pictures")),
    ]  # fmt: skip


def test_the_totals_are_those_of_the_flower_network_of_keras() -> None:
    """Keras's tutorial network at 180x180, five classes, has 3,989,285 parameters."""
    summary = summarize(zoo.flowers_cnn())
    convolutions = 180 * 180 * 16 * 27 + 90 * 90 * 32 * 144 + 45 * 45 * 64 * 288
    dense = 22 * 22 * 64 * 128 + 128 * 5
    assert (summary.parameters, summary.multiply_adds) == (3_989_285, convolutions + dense)
    assert sum(row.parameters for row in summary.layers) == summary.parameters
    assert sum(row.multiply_adds for row in summary.layers) == summary.multiply_adds


def test_running_statistics_are_not_counted_as_parameters() -> None:
    network = Network.sequential(Input((5, 4, 4)), BatchNorm())
    assert [row.parameters for row in summarize(network).layers] == [0, 2 * 5]


def test_receptive_fields_grow_as_in_vgg_and_dense_layers_see_everything() -> None:
    """Two 3x3 convolutions see 5 pixels; a pool of 2 sees 6; the next convolution 6 + 2 * 2."""
    network = Network.sequential(
        Input((3, 16, 16)), Conv2d(4, 3), Conv2d(4, 3), MaxPool2d(2), Conv2d(4, 3), ReLU(), Flatten(), Linear(2)
    )
    fields = [row.receptive_field for row in summarize(network).layers]
    assert fields[1:6] == [(3, 3), (5, 5), (6, 6), (10, 10), (10, 10)]
    assert fields[-1] is None


@pytest.mark.parametrize(
    ("layer", "settings"),
    [
        (ReLU(name="named"), {}),
        (Conv2d(4, 3), {"out_channels": 4, "kernel_size": 3}),
        (Conv2d(4, (1, 3), padding="same", bias=False),
         {"out_channels": 4, "kernel_size": (1, 3), "padding": "same", "bias": False}),
        (MaxPool2d(2, ceil_mode=True), {"kernel_size": 2, "ceil_mode": True}),
        (Input((3, 8, 8)), {}),
    ],
)  # fmt: skip
def test_only_settings_that_differ_from_their_defaults_are_listed(layer, settings) -> None:
    assert settings_of(layer) == settings


TABLE_LAYERS = [Conv2d(6, 5, name="c1"), MaxPool2d((2, 3), name="s2"), Conv2d(16, 3, 2, "same", name="c3")]


@pytest.fixture
def small_network() -> Network:
    return Network.sequential(
        Input((1, 32, 32), name="input"), *TABLE_LAYERS, Flatten(name="flat"), Linear(10, name="out")
    )


def row_of(text: str, name: str) -> list[str]:
    return next(line.split() for line in text.splitlines() if line.split()[:1] == [name])


@pytest.mark.parametrize("name", zoo.NETWORKS)
def test_every_network_of_the_zoo_fits_80_columns_and_nothing_is_cut(name: str) -> None:
    network = zoo.named_network(name).as_published()
    lines = network_text(network).splitlines()
    assert max(map(cell_len, lines)) <= 80
    assert not any("…" in line for line in lines)
    found, block = [], ""
    for line in lines[2 : lines.index("")]:
        if len(line.split()) == 1:
            block = f"{line}."
        else:
            found.append((block if line.startswith(" ") else "") + line.split()[0])
    assert found == list(network.places)


def test_a_table_row_has_kernel_stride_padding_shape_parameters_multiply_adds_and_receptive_field(
    small_network: Network,
) -> None:
    """c1: 6 * 25 + 6 parameters at 28 * 28 places; s2 sees 5 + 1 by 5 + 2; c3 is 16 * 6 * 9 + 16 at 7 * 5 places."""
    text = network_text(small_network)
    assert row_of(text, "c1") == ["c1", "Conv2d", "5", "1", "0", "6x28x28", "156", "117,600", "5"]
    assert row_of(text, "s2") == ["s2", "MaxPool2d", "2x3", "2x3", "0", "6x14x9", "6x7"]
    assert row_of(text, "c3") == ["c3", "Conv2d", "3", "2", "same", "16x7x5", "880", "30,240", "10x13"]
    assert row_of(text, "out") == ["out", "Linear", "10", "5,610", "5,600", "all"]


def test_the_totals_are_published_figures() -> None:
    text = network_text(zoo.vgg16())
    assert "138,357,544 parameters (553MB as float32)" in text
    assert f"{15_470_264_320:,} multiply-adds" in text


def test_a_wide_terminal_shows_all_digits_and_what_each_layer_reads() -> None:
    text = network_text(zoo.resnet18(), width=150)
    assert re.search(r"conv1 +Conv2d +7 +2 +3 +64x112x112 +9,408 +118,013,952 +7$", text, re.MULTILINE)
    assert re.search(r"add +Add .*layer1\.0\.bn2, maxpool$", text, re.MULTILINE)
    assert len(re.findall(r"^layer1\.0$", text, re.MULTILINE)) == 1


def test_groups_are_shown_and_explained() -> None:
    text = network_text(zoo.alexnet())
    assert row_of(text, "conv2")[1:3] == ["Conv2d", "g=2"]
    assert "g: groups of channels" in text
    assert "g: groups of channels" not in network_text(zoo.lenet5())


def test_long_names_of_layers_keep_their_ends_and_the_figures_stay_whole() -> None:
    layers = [AdaptiveAvgPool2d((4, 8)), GlobalAvgPool2d(), Linear(3, name="a_very_long_name_for_a_layer_" * 3 + "end")]
    text = network_text(Network.sequential(Input((3, 64, 64)), LocalContrastNorm(), *layers))
    assert max(map(cell_len, text.splitlines())) <= 80
    assert "8x8" not in text
    assert re.search(r"3x4x8 .*all", text)
    assert re.search(r"a_ver.*end ", text)


def test_columns_are_aligned_with_names_in_any_script_and_brackets_are_text() -> None:
    network = Network.sequential(Input((3, 9, 9)), Conv2d(2, 3, name="卷积"), Conv2d(2, 3, name="[bold]"))
    rows = [line for line in network_text(network).splitlines() if "Conv2d" in line]
    assert rows[1].startswith("[bold]")
    assert len({cell_len(line[: line.index("Conv2d")]) for line in rows}) == 1


def test_column_names_and_names_of_blocks_are_headings() -> None:
    lines = network_table(zoo.resnet18())
    headings = [line.text for line in lines if line.heading]
    assert headings[0].split() == ["mult-"] and headings[1].split()[:2] == ["layer", "type"]
    assert headings[2:5] == ["layer1.0", "layer1.1", "layer2.0"]
    assert len(lines) - len(headings) == len(zoo.resnet18().places)


def test_a_notebook_shows_the_whole_table_and_a_session_the_text() -> None:
    network = zoo.resnet18(10, input_size=32)
    text = NetworkText(network)
    assert text == repr(text) == network_text(network)
    assert text._repr_html_().count("<tr>") == len(network.places) + 1
    assert network._repr_html_().count("<tr>") == 21
    assert "11,181,642 parameters" in text._repr_html_()  # 11,689,512 of the paper, less 990 x 513 of the head
