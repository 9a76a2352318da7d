import json

import pytest

NOTES = ["--values", "a b c d; e f g h; i j k l", "--weights", "w x; y z"]
ONES = ";".join([" ".join("1" * 11)] * 11)


def test_the_notes_example_is_explained(eyebright) -> None:
    finished = eyebright("explain", "conv", "--input", "28x28x3", "--filters", "16", "--kernel", "3", "--stride", "1",
                         "--padding", "0")  # fmt: skip
    assert finished.code == 0
    assert "(28 - 3 + 2 * 0) / 1 + 1\n    = 26" in finished.out
    assert "16 * (27 + 1) = 448" in finished.out
    assert "26 * 26 * 16 * 27 = 292,032" in finished.out
    assert max(map(len, finished.out.splitlines())) <= 80


def test_the_notes_sliding_kernel_gives_2_by_3(eyebright) -> None:
    out = eyebright("explain", "conv", *NOTES).out
    assert "row 2, column 3   gw + hx + ky + lz" in out
    assert "output, 2 x 3" in out


def test_two_kernels_of_depth_three_give_9_by_9_by_2_also_with_values(eyebright) -> None:
    assert "9 x 9 x 2" in eyebright("explain", "conv", "--input", "11x11x3", "--filters", "2").out
    kernel = "|".join(["1 0 0; 0 1 0; 0 0 1"] * 3)
    finished = eyebright("explain", "conv", "--values", "|".join([ONES] * 3), "--weights", f"{kernel}/{kernel}")
    assert finished.out.splitlines()[-1] == "output 9 x 9 x 2"
    assert finished.out.count(" = 9\n") == 9 * 9 * 2
    assert max(map(len, finished.out.splitlines())) <= 80


def test_stride_padding_dilation_and_groups_count(eyebright) -> None:
    """(28 + 2 * 2 - 5) / 2 + 1 = 14.5, and each filter sees two of four channels."""
    out = eyebright("explain", "conv", "--input", "28x28x4", "--filters", "6", "--stride", "2", "--padding", "2",
                    "--dilation", "2", "--groups", "2", "--no-bias").out  # fmt: skip
    assert "= 14.5, rounded down to 14" in out
    assert f"6 * {3 * 3 * 2} = {6 * 18}" in out


def test_a_pool_is_explained(eyebright) -> None:
    out = eyebright("explain", "pool", "--input", "26x26x16").out
    assert "(26 - 2 + 2 * 0) / 2 + 1\n    = 13" in out
    assert "13 x 13 x 16" in out


def test_a_pool_shows_each_window(eyebright) -> None:
    values = ["--values", "1 2 5 6; 3 4 7 8"]
    assert "row 1, column 2   max(5, 6, 7, 8) = 8" in eyebright("explain", "pool", *values).out
    assert "row 1, column 1   (1 + 2 + 3 + 4) / 4 = 2.5" in eyebright("explain", "pool", *values, "--kind", "avg").out


def test_json_gives_the_figures_and_the_steps(eyebright) -> None:
    figures = json.loads(eyebright("explain", "conv", "--input", "28x28x3", "--filters", "16", "--json").out)
    assert (figures["output_shape"], figures["parameters"]) == ([16, 26, 26], 448)
    assert "steps" not in figures
    steps = json.loads(eyebright("explain", "conv", *NOTES, "--json").out)["steps"]
    assert steps[5] == {"map": 1, "row": 2, "column": 3, "terms": "gw + hx + ky + lz", "value": ""}
    pooled = json.loads(eyebright("explain", "pool", "--values", "1 2; 3 4", "--json").out)
    assert (pooled["output_shape"], pooled["steps"][0]["value"]) == ([1, 1, 1], "4")


@pytest.mark.parametrize("input_size", ["28", "28x", "axb", "0x5x3", "-1x5", "3x3x3x3", "2.5x3", "70000x2"])
def test_an_input_that_is_no_size_is_refused(input_size, eyebright) -> None:
    finished = eyebright("explain", "conv", f"--input={input_size}")
    assert (finished.code, finished.out) == (1, "")
    assert f"--input is height x width x channels, as in 28x28x3; got '{input_size}'" in finished.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["conv"], "say how large the input is"),
        (["pool"], "say how large the input is"),
        (["conv", "--input", "9x9", "--kernel", "3x3x3"], "--kernel is one size or two"),
        (["conv", "--input", "9x9", "--stride", "0"], "--stride is one size or two, as in 3 or 3x5; got '0'"),
        (["conv", "--input", "9x9", "--padding=-1"], "--padding is 0, 1, 1x2, same or valid; got '-1'"),
        (["conv", "--input", "9x9", "--padding", "full"], "same or valid; got 'full'"),
        (["conv", "--input", "2x2", "--kernel", "5"], "kernel of 5 x 5 is larger than its input of 2 x 2"),
        (
            ["conv", "--input", "9x9x3", "--filters", "2", "--groups", "2"],
            "input channels must be a multiple of groups = 2, got 3",
        ),
        (["conv", *NOTES[:2]], "--values and --weights go together"),
        (["conv", *NOTES[2:]], "--values and --weights go together"),
        (["conv", *NOTES, "--kernel", "2"], "tell all sizes"),
        (["conv", *NOTES, "--input", "3x4"], "tell all sizes"),
        (["conv", "--values", "", "--weights", "1"], "--values is empty"),
        (["conv", "--values", "1 2; 3", "--weights", "1"], "--values has 1 values in row 2"),
        (["conv", "--values", "1 2; 3 4", "--weights", "1 2 3"], "kernel of 1 x 3 is larger"),
        (["conv", "--values", "1|2|3", "--weights", "1|2"], "needs 3 channel(s), but those of --weights have 2"),
        (["pool", "--values", "a b; c d"], "numbers, but --values holds 'a'"),
        (["pool", "--values", "1 2; 3 4", "--input", "2x2"], "leave --input away"),
        (["pool", "--values", "1 2; 3 4", "--kernel", "3"], "kernel of 3 x 3 is larger"),
        (["pool", "--input", "8x8", "--padding", "2"], "at most half of the kernel"),
    ],
)
def test_what_does_not_fit_is_explained(arguments, words, eyebright) -> None:
    finished = eyebright("explain", *arguments)
    assert (finished.code, finished.out) == (1, "")
    assert words in finished.err
    assert "Traceback" not in finished.err


@pytest.mark.parametrize("command", ["conv", "pool"])
def test_help_has_examples_in_80_columns(command, eyebright) -> None:
    out = eyebright("explain", command, "--help").out
    assert f"Examples: eyebright explain {command}" in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("option", ["--filters", "--groups"])
def test_a_count_below_one_is_told_by_the_option_that_was_typed(option, eyebright) -> None:
    finished = eyebright("explain", "conv", "--input", "9x9", option, "0")
    assert finished.code == 2 and option in finished.err
