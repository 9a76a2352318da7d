import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from eyebright.network import AvgPool2d, Conv2d, MaxPool2d
from eyebright.report.arithmetic import (
    Step,
    conv_steps,
    conv_text,
    filters,
    matrix,
    pool_steps,
    pool_text,
    steps_text,
)
from eyebright.system.errors import NetworkError, SettingsError


def numbers(line: str) -> list[int]:
    return [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", line)]


def line_of(text: str, begin: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(begin))


def test_the_notes_convolution_is_walked_through_with_the_numbers_in_place() -> None:
    text = conv_text(Conv2d(16, 3), (3, 28, 28))
    assert "W = 28 (input)   F = 3 (kernel)   P = 0 (padding)   S = 1 (stride)" in text
    assert "L = (W - F + 2P) / S + 1\n    = (28 - 3 + 2 * 0) / 1 + 1\n    = 26\n" in text
    assert "26 x 26 x 16" in line_of(text, "output")
    assert "3 * 3 * 3 = 27 weights and 1 bias" in line_of(text, "one filter")
    assert "16 * (27 + 1) = 448" in line_of(text, "parameters")
    assert f"26 * 26 * 16 * 27 = {26 * 26 * 16 * 27:,}" in line_of(text, "mult-adds")
    assert f"{28 * 28 * 3 * 26 * 26 * 16:,} weights" in text.splitlines()[-1]


def test_two_kernels_of_depth_three_on_11_by_11_give_9_by_9_by_2() -> None:
    assert "9 x 9 x 2" in line_of(conv_text(Conv2d(2, 3), (3, 11, 11)), "output")


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_what_is_reported_of_a_convolution_is_what_torch_does(data: st.DataObject) -> None:
    pairs = st.tuples(st.integers(1, 4), st.integers(1, 4))
    kernel, stride, dilation, padding = (data.draw(pairs) for _ in range(4))
    padding = tuple(min(pad, d * (k - 1)) for pad, d, k in zip(padding, dilation, kernel, strict=True))
    groups, bias = data.draw(st.integers(1, 3)), data.draw(st.booleans())
    height, width = data.draw(st.integers(13, 20)), data.draw(st.integers(13, 20))
    module = torch.nn.Conv2d(2 * groups, 3 * groups, kernel, stride, padding, dilation, groups, bias)
    text = conv_text(Conv2d(3 * groups, kernel, stride, padding, dilation, groups, bias), (2 * groups, height, width))
    area = module(torch.zeros(1, 2 * groups, height, width)).shape[2:]
    assert numbers(line_of(text, "output"))[:3] == [*area, 3 * groups]
    assert numbers(line_of(text, "parameters"))[-1] == sum(tensor.numel() for tensor in module.parameters())
    assert numbers(line_of(text, "mult-adds"))[-1] == area.numel() * module.weight.numel()
    assert max(map(len, text.splitlines())) <= 80


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_what_is_reported_of_a_pool_is_what_torch_does(data: st.DataObject) -> None:
    kernel, stride = (data.draw(st.tuples(st.integers(1, 4), st.integers(1, 4))) for _ in range(2))
    padding = data.draw(st.tuples(st.integers(0, kernel[0] // 2), st.integers(0, kernel[1] // 2)))
    ceil_mode, height, width = data.draw(st.booleans()), data.draw(st.integers(4, 20)), data.draw(st.integers(4, 20))
    area = torch.nn.MaxPool2d(kernel, stride, padding, ceil_mode=ceil_mode)(torch.zeros(1, 5, height, width)).shape[2:]
    text = pool_text(MaxPool2d(kernel, stride, padding, ceil_mode), (5, height, width))
    assert numbers(line_of(text, "output"))[:3] == [*area, 5]
    assert numbers(line_of(text, "values")) == [5 * height * width, 5 * area.numel()]
    assert max(map(len, text.splitlines())) <= 80


def test_height_and_width_are_distinguished_where_they_differ() -> None:
    text = conv_text(Conv2d(1, (3, 5)), (1, 10, 12))
    height, width = text.split("height:")[1].split("width:")
    assert "(10 - 3 + 2 * 0) / 1 + 1\n    = 8" in height
    assert "(12 - 5 + 2 * 0) / 1 + 1\n    = 8" in width


def test_dilation_spreads_the_kernel() -> None:
    text = conv_text(Conv2d(1, 3, dilation=2), (1, 9, 9))
    assert "a kernel of 3 with dilation 2 covers (3 - 1) * 2 + 1 = 5" in text
    assert "(9 - 5 + 2 * 0) / 1 + 1\n    = 5" in text


def test_padding_like_tensorflows_same_is_reported_side_by_side() -> None:
    text = conv_text(Conv2d(1, 3, stride=2, padding="same"), (1, 28, 28))
    assert "0 before and 1 after" in text
    assert "L = (W - F + P) / S + 1\n    = (28 - 3 + 1) / 2 + 1\n    = 14" in text


def test_a_depthwise_filter_sees_one_channel() -> None:
    text = conv_text(Conv2d(32, 3, groups=32, bias=False), (32, 8, 8))
    assert "it reads 1 of the 32 channels" in text
    assert "32 * 9 = 288" in line_of(text, "parameters")
    assert "bias" not in text


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (MaxPool2d(2), "13.5, rounded down to 13: no window covers the last one"),
        (MaxPool2d(2, ceil_mode=True), "13.5, rounded up to 14: the last window goes beyond the edge of the input"),
        (MaxPool2d(3, 5), "5.8, rounded down to 5: no window covers the last 4"),
    ],
)
def test_rounding_is_reported(layer: MaxPool2d, words: str) -> None:
    assert words in pool_text(layer, (1, 27, 27))


def test_pools_say_what_they_take() -> None:
    assert "maximum" in pool_text(MaxPool2d(2), (1, 4, 4))
    assert "mean" in pool_text(AvgPool2d(2), (1, 4, 4))


def test_a_kernel_larger_than_its_input_is_refused() -> None:
    with pytest.raises(NetworkError, match="kernel of 5 x 5 is larger than its input of 2 x 2"):
        conv_text(Conv2d(1, 5), (3, 2, 2))


LETTERS, KERNEL = matrix("a b c d; e f g h; i j k l", what="it"), filters("w x; y z")
INTEGERS = np.random.default_rng(0).integers(-9, 10, (6, 12, 12))


def result(steps: list[Step]) -> list[list[list[float]]]:
    """The values by map, row and column."""
    shape = tuple(max(getattr(step, axis) for step in steps) for axis in ("map", "row", "column"))
    values = np.zeros(shape)
    for step in steps:
        values[step.map - 1, step.row - 1, step.column - 1] = float(step.value)
    return values.tolist()


def test_the_notes_kernel_slides_from_left_to_right_and_then_down() -> None:
    steps = conv_steps(Conv2d(1, 2), LETTERS, KERNEL)
    assert [(step.row, step.column) for step in steps] == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)]
    assert [step.terms for step in steps] == [
        "aw + bx + ey + fz", "bw + cx + fy + gz", "cw + dx + gy + hz",
        "ew + fx + iy + jz", "fw + gx + jy + kz", "gw + hx + ky + lz",
    ]  # fmt: skip
    assert all(step.value == "" for step in steps)


def test_the_text_ends_in_the_2_by_3_result_of_the_notes() -> None:
    text = steps_text(conv_steps(Conv2d(1, 2), LETTERS, KERNEL), LETTERS, KERNEL)
    assert text.splitlines()[-3:] == [
        "output, 2 x 3", "  aw+bx+ey+fz  bw+cx+fy+gz  cw+dx+gy+hz", "  ew+fx+iy+jz  fw+gx+jy+kz  gw+hx+ky+lz",
    ]  # fmt: skip
    assert "input, 3 x 4\n  a  b  c  d\n" in text


def test_numbers_are_multiplied_and_added() -> None:
    values, weights = matrix("1 2; 3 4", what="it"), filters("10 -1; 0.5 2")
    (step,) = conv_steps(Conv2d(1, 2), values, weights)
    assert (step.terms, step.value) == ("1*10 + 2*(-1) + 3*0.5 + 4*2", "17.5")


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_the_sums_are_torchs_convolution(data: st.DataObject) -> None:
    pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
    kernel, stride, dilation, padding = (data.draw(pairs) for _ in range(4))
    padding = tuple(min(pad, d * (k - 1)) for pad, d, k in zip(padding, dilation, kernel, strict=True))
    groups, each = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 2))
    depth, height, width = data.draw(st.integers(1, 2)), data.draw(st.integers(7, 9)), data.draw(st.integers(7, 9))
    values = INTEGERS[: depth * groups, :height, :width]
    weights = np.random.default_rng(1).integers(-9, 10, (each * groups, depth, *kernel))
    layer = Conv2d(each * groups, kernel, stride, padding, dilation, groups)
    if np.prod(layer.output_shape(values.shape)) > 400:
        return
    expected = functional.conv2d(
        torch.tensor(values)[None].double(), torch.tensor(weights).double(), None, stride, padding, dilation, groups
    )[0]
    steps = conv_steps(layer, values.astype(str), weights.astype(str))
    assert result(steps) == expected.tolist()
    assert max(map(len, steps_text(steps, values.astype(str), weights.astype(str)).splitlines())) <= 80


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_the_values_are_those_of_torchs_pools(data: st.DataObject) -> None:
    kernel, stride = (data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3))) for _ in range(2))
    padding = data.draw(st.tuples(st.integers(0, kernel[0] // 2), st.integers(0, kernel[1] // 2)))
    ceil_mode, counted = data.draw(st.booleans()), data.draw(st.booleans())
    values = INTEGERS[:2, : data.draw(st.integers(3, 9)), : data.draw(st.integers(3, 9))]
    batch = torch.tensor(values)[None].double()
    greatest = pool_steps(MaxPool2d(kernel, stride, padding, ceil_mode), values.astype(str))
    assert result(greatest) == functional.max_pool2d(batch, kernel, stride, padding, ceil_mode=ceil_mode)[0].tolist()
    means = pool_steps(AvgPool2d(kernel, stride, padding, ceil_mode, counted), values.astype(str))
    expected = functional.avg_pool2d(batch, kernel, stride, padding, ceil_mode, counted)[0]
    assert np.allclose(result(means), expected, atol=1e-4)


def test_two_kernels_of_depth_three_on_11_by_11_give_9_by_9_by_2_sliding() -> None:
    values, weights = INTEGERS[:3, :11, :11].astype(str), INTEGERS[:, :3, :3].reshape(2, 3, 3, 3).astype(str)
    steps = conv_steps(Conv2d(2, 3), values, weights)
    text = steps_text(steps, values, weights)
    assert len(steps) == 9 * 9 * 2
    assert text.splitlines()[-1] == "output 9 x 9 x 2"
    assert max(map(len, text.splitlines())) <= 80


def test_padding_is_zero_for_a_convolution_and_nothing_for_a_max_pool() -> None:
    values = matrix("-1 -2; -3 -4", what="it")
    assert conv_steps(Conv2d(1, 2, padding=1), values, filters("5 6; 7 8"))[0].terms == "0*5 + 0*6 + 0*7 + -1*8"
    assert pool_steps(MaxPool2d(2, padding=1), values)[0].terms == "max(-1)"


def test_a_mean_names_what_it_divides_by() -> None:
    (step,) = pool_steps(AvgPool2d(2), matrix("1 2; 3 6", what="it"))
    assert (step.terms, step.value) == ("(1 + 2 + 3 + 6) / 4", "3")


def test_letters_cannot_be_pooled() -> None:
    with pytest.raises(SettingsError, match="pooling needs numbers, but --values has 'a'"):
        pool_steps(MaxPool2d(2), LETTERS)


def test_more_than_400_positions_are_refused() -> None:
    assert len(conv_steps(Conv2d(1, 1), np.full((1, 20, 20), "1"), filters("1"))) == 400
    with pytest.raises(SettingsError, match=r"441 positions are too many to print \(at most 400\)"):
        conv_steps(Conv2d(1, 1), np.full((1, 21, 21), "1"), filters("1"))


def test_wide_matrices_are_cut_at_80_columns() -> None:
    values = np.full((1, 2, 40), "123456.5")
    text = steps_text(pool_steps(MaxPool2d(2), values), values)
    assert max(map(len, text.splitlines())) <= 80
    assert "  ..." in text


@pytest.mark.parametrize("text", ["a b c; d e f", "a, b, c; d, e, f", " a b c ;d e f; ", "a,b,c;d,e,f"])
def test_semicolons_separate_rows_and_spaces_or_commas_values(text: str) -> None:
    assert matrix(text, what="it").tolist() == [[["a", "b", "c"], ["d", "e", "f"]]]


def test_bars_separate_channels_and_slashes_filters() -> None:
    assert matrix("1 2 | 3 4", what="it").tolist() == [[["1", "2"]], [["3", "4"]]]
    assert filters("1|2 / 3|4").tolist() == [[[["1"]], [["2"]]], [[["3"]], [["4"]]]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it: row 1 is empty"),
        (" ; ", "it: row 1 is empty"),
        ("1 2;; 3 4", "it: row 2 is empty"),
        ("1 2 | ", "it: row 1 of channel 2 is empty"),
        ("1 2; 3", "it: row 2 has 1 value, the first row has 2"),
        ("1 2; 3 4 | 1 2; 3 4 5", "it: row 2 of channel 2 has 3 values, the first row has 2"),
        ("1 2 | 3; 4", "it: all channels must have the same size, got 1 x 2, 2 x 1"),
    ],
)
def test_rows_and_channels_must_be_of_one_size(text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        matrix(text, what="it")


def test_filters_of_different_sizes_are_refused() -> None:
    with pytest.raises(SettingsError, match="--weights: all filters must have the same size, got 1 x 1 x 1, 1 x 2 x 1"):
        filters("1 / 1 2")
