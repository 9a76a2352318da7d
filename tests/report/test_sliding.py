import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from eyebright.errors import SettingsError
from eyebright.network import AvgPool2d, Conv2d, MaxPool2d
from eyebright.report.matrices import filters, matrix
from eyebright.report.sliding import Step, conv_steps, pool_steps, steps_text

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


def test_two_kernels_of_depth_three_on_11_by_11_give_9_by_9_by_2() -> None:
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
    with pytest.raises(SettingsError, match="numbers, but --values holds 'a'"):
        pool_steps(MaxPool2d(2), LETTERS)


def test_more_steps_than_anyone_reads_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"441 places are too many to print \(at most 400\)"):
        conv_steps(Conv2d(1, 1), np.full((1, 21, 21), "1"), filters("1"))


def test_wide_matrices_are_cut_at_80_columns() -> None:
    values = np.full((1, 2, 40), "123456.5")
    text = steps_text(pool_steps(MaxPool2d(2), values), values)
    assert max(map(len, text.splitlines())) <= 80
    assert "  ..." in text
