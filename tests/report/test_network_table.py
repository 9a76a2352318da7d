import re

import pytest
from rich.cells import cell_len

from eyebright.network import (
    AdaptiveAvgPool2d,
    Conv2d,
    Flatten,
    GlobalAvgPool2d,
    Input,
    Linear,
    LocalContrastNorm,
    MaxPool2d,
    Network,
    zoo,
)
from eyebright.report.network_table import network_text, short

LAYERS = [Conv2d(6, 5, name="c1"), MaxPool2d((2, 3), name="s2"), Conv2d(16, 3, 2, "same", name="c3")]


@pytest.fixture
def small() -> Network:
    return Network.sequential(Input((1, 32, 32), name="input"), *LAYERS, Flatten(name="flat"), Linear(10, name="out"))


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


def test_a_row_tells_kernel_stride_padding_shape_parameters_multiply_adds_and_receptive_field(small: Network) -> None:
    """c1: 6 * 25 + 6 parameters at 28 * 28 places; s2 sees 5 + 1 by 5 + 2; c3 is 16 * 6 * 9 + 16 at 7 * 5 places."""
    text = network_text(small)
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
    assert "g: groups" in text
    assert "g: groups" not in network_text(zoo.lenet5())


def test_long_names_of_layers_keep_their_ends_and_the_figures_stay_whole() -> None:
    layers = [AdaptiveAvgPool2d((4, 8)), GlobalAvgPool2d(), Linear(3, name="a_very_long_name_for_a_layer_" * 3 + "end")]
    text = network_text(Network.sequential(Input((3, 64, 64)), LocalContrastNorm(), *layers))
    assert max(map(cell_len, text.splitlines())) <= 80
    assert "8x8" not in text
    assert re.search(r"3x4x8 .*all", text)
    assert re.search(r"a_ver.*end ", text)


def test_names_in_any_script_stand_in_line_and_are_no_markup() -> None:
    network = Network.sequential(Input((3, 9, 9)), Conv2d(2, 3, name="卷积"), Conv2d(2, 3, name="[bold]"))
    rows = [line for line in network_text(network).splitlines() if "Conv2d" in line]
    assert rows[1].startswith("[bold]")
    assert len({cell_len(line[: line.index("Conv2d")]) for line in rows}) == 1


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, ""), (7, "7"), (999, "999"), (1000, "1.00k"), (9994, "9.99k"), (9996, "10.0k"),
        (99_960, "100k"), (999_400, "999k"), (999_500, "1.00M"),
        (123_456, "123k"), (61_100_840, "61.1M"), (11_513_626_624, "11.5G"), (483_385_147_392, "483G"),
        (2_000_000_000_000, "2.00T"),
    ],
)  # fmt: skip
def test_large_numbers_are_told_in_three_digits(number: int, text: str) -> None:
    assert short(number) == text


@pytest.mark.parametrize("number", [999_500, 999_999, 999_999_999, 10**12 - 1])
def test_rounding_never_gives_a_thousand_thousands(number: int) -> None:
    assert len(short(number)) <= 5
    assert not short(number).startswith("1000")
