import json

import pytest

NOTES = ["--values", "a b c d; e f g h; i j k l", "--weights", "w x; y z"]
ONES = ";".join([" ".join("1" * 11)] * 11)


def test_the_example_of_the_course_notes_is_explained(eyebright) -> None:
    finished = eyebright("arithmetic", "conv", "--input", "28x28x3", "--filters", "16", "--kernel", "3",
                         "--stride", "1", "--padding", "0")  # fmt: skip
    assert finished.code == 0
    assert "(28 - 3 + 2 * 0) / 1 + 1\n    = 26" in finished.out
    assert "16 * (27 + 1) = 448" in finished.out
    assert "26 * 26 * 16 * 27 = 292,032" in finished.out
    assert max(map(len, finished.out.splitlines())) <= 80


def test_the_sliding_kernel_of_the_course_notes_gives_2_by_3(eyebright) -> None:
    out = eyebright("arithmetic", "conv", *NOTES).out
    assert "row 2, column 3   gw + hx + ky + lz" in out
    assert "output, 2 x 3" in out


def test_two_kernels_of_depth_three_give_9_by_9_by_2_also_with_values(eyebright) -> None:
    assert "9 x 9 x 2" in eyebright("arithmetic", "conv", "--input", "11x11x3", "--filters", "2").out
    kernel = "|".join(["1 0 0; 0 1 0; 0 0 1"] * 3)
    finished = eyebright("arithmetic", "conv", "--values", "|".join([ONES] * 3), "--weights", f"{kernel}/{kernel}")
    assert finished.out.splitlines()[-1] == "output 9 x 9 x 2"
    assert finished.out.count(" = 9\n") == 9 * 9 * 2
    assert max(map(len, finished.out.splitlines())) <= 80


def test_stride_padding_dilation_and_groups_count(eyebright) -> None:
    """(28 + 2 * 2 - 5) / 2 + 1 = 14.5, and each filter sees two of four channels."""
    out = eyebright("arithmetic", "conv", "--input", "28x28x4", "--filters", "6", "--stride", "2", "--padding", "2",
                    "--dilation", "2", "--groups", "2", "--no-bias").out  # fmt: skip
    assert "= 14.5, rounded down to 14" in out
    assert f"6 * {3 * 3 * 2} = {6 * 18}" in out


def test_a_pooling_layer_is_explained(eyebright) -> None:
    out = eyebright("arithmetic", "pool", "--input", "26x26x16").out
    assert "(26 - 2 + 2 * 0) / 2 + 1\n    = 13" in out
    assert "13 x 13 x 16" in out


def test_the_value_of_each_window_is_printed(eyebright) -> None:
    values = ["--values", "1 2 5 6; 3 4 7 8"]
    assert "row 1, column 2   max(5, 6, 7, 8) = 8" in eyebright("arithmetic", "pool", *values).out
    assert (
        "row 1, column 1   (1 + 2 + 3 + 4) / 4 = 2.5" in eyebright("arithmetic", "pool", *values, "--kind", "avg").out
    )


def test_json_has_the_numbers_and_the_steps(eyebright) -> None:
    figures = json.loads(eyebright("arithmetic", "conv", "--input", "28x28x3", "--filters", "16", "--json").out)
    assert (figures["output_shape"], figures["parameters"]) == ([16, 26, 26], 448)
    assert "steps" not in figures
    steps = json.loads(eyebright("arithmetic", "conv", *NOTES, "--json").out)["steps"]
    assert steps[5] == {"map": 1, "row": 2, "column": 3, "terms": "gw + hx + ky + lz", "value": ""}
    pooled = json.loads(eyebright("arithmetic", "pool", "--values", "1 2; 3 4", "--json").out)
    assert (pooled["output_shape"], pooled["steps"][0]["value"]) == ([1, 1, 1], "4")


@pytest.mark.parametrize("input_size", ["28", "28x", "axb", "0x5x3", "-1x5", "3x3x3x3", "2.5x3", "70000x2"])
def test_an_invalid_input_size_is_refused(input_size, eyebright) -> None:
    finished = eyebright("arithmetic", "conv", f"--input={input_size}")
    assert (finished.code, finished.out) == (1, "")
    assert f"--input: expected height x width x channels such as 28x28x3, got '{input_size}'" in finished.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["conv"], "the size of the input is missing: add --input 28x28x3, or --values"),
        (["pool"], "the size of the input is missing: add --input 28x28x3, or --values"),
        (["conv", "--input", "9x9", "--kernel", "3x3x3"], "--kernel: expected a size such as 3 or 3x5, got '3x3x3'"),
        (["conv", "--input", "9x9", "--stride", "0"], "--stride: expected a size such as 3 or 3x5, got '0'"),
        (["conv", "--input", "9x9", "--padding=-1"], "--padding: expected 0, 1, 1x2, same or valid, got '-1'"),
        (["conv", "--input", "9x9", "--padding", "full"], "same or valid, got 'full'"),
        (["conv", "--input", "2x2", "--kernel", "5"], "kernel of 5 x 5 is larger than its input of 2 x 2"),
        (
            ["conv", "--input", "9x9x3", "--filters", "2", "--groups", "2"],
            "input channels must be a multiple of groups = 2, got 3",
        ),
        (["conv", *NOTES[:2]], "--values and --weights are used together"),
        (["conv", *NOTES[2:]], "--values and --weights are used together"),
        (["conv", *NOTES, "--kernel", "2"], "define all sizes: remove --input, --kernel and --filters"),
        (["conv", *NOTES, "--input", "3x4"], "define all sizes: remove --input, --kernel and --filters"),
        (["conv", "--values", "", "--weights", "1"], "--values: row 1 is empty"),
        (["conv", "--values", "1 2; 3", "--weights", "1"], "--values: row 2 has 1 value, the first row has 2"),
        (["conv", "--values", "1 2; 3 4", "--weights", "1 2 3"], "kernel of 1 x 3 is larger"),
        (["conv", "--values", "1|2|3", "--weights", "1|2"], "needs 3 channel(s), but those of --weights have 2"),
        (["pool", "--values", "a b; c d"], "pooling needs numbers, but --values has 'a'"),
        (["pool", "--values", "1 2; 3 4", "--input", "2x2"], "--values defines the size of the input: remove --input"),
        (["pool", "--values", "1 2; 3 4", "--kernel", "3"], "kernel of 3 x 3 is larger"),
        (["pool", "--input", "8x8", "--padding", "2"], "at most half of the kernel"),
    ],
)
def test_wrong_options_are_refused_with_what_was_expected(arguments, words, eyebright) -> None:
    finished = eyebright("arithmetic", *arguments)
    assert (finished.code, finished.out) == (1, "")
    assert words in finished.err
    assert "Traceback" not in finished.err


@pytest.mark.parametrize("option", ["--filters", "--groups"])
def test_the_error_for_a_count_below_one_names_the_option(option, eyebright) -> None:
    finished = eyebright("arithmetic", "conv", "--input", "9x9", option, "0")
    assert finished.code == 2 and option in finished.err


@pytest.mark.parametrize("command", [["conv", "--input", "9x9"], ["pool", "--input", "9x9"]])
def test_the_old_name_still_works_with_a_note(command, eyebright) -> None:
    finished, new = eyebright("explain", *command), eyebright("arithmetic", *command)
    assert (finished.code, finished.out) == (0, new.out)
    assert finished.err == (f"Note: eyebright explain {command[0]} is now called eyebright arithmetic {command[0]}.\n")
    assert new.err == ""


def test_a_model_with_the_old_name_is_explained(run, eyebright, tmp_path, monkeypatch) -> None:
    run.rename(tmp_path / "conv")
    monkeypatch.chdir(tmp_path)
    finished = eyebright("explain", "conv", tmp_path / "pictures" / "red" / "003.png", "--json")
    assert finished.code == 0, finished.err
    assert "now called" not in finished.err
