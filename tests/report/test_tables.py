import re
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.cells import cell_len

from eyebright.report.tables import evaluation_text, prediction_text
from eyebright.system.text import fit, pad
from eyebright.trust.metrics import Evaluation, evaluate

LETTERS = st.text("abc ABCéß-_雏菊ひ🌻🚀Ж", max_size=60)
NAMES = {
    "digits": [str(digit) for digit in range(10)],
    "flowers": ["daisy", "dandelion", "roses", "sunflowers", "tulips"],
    "chinese": ["雏菊", "蒲公英", "玫瑰", "很长的名字" * 20],
    "emoji": ["🌻", "🌹", "🌷" * 40],
    "long": [f"{'a' * 80}{index}" for index in range(12)],
    "signs": [f"Speed limit {index} km/h, end of, with supplementary plate {index}" for index in range(43)],
    "two": ["a", "b"],
}


@pytest.fixture
def judged() -> Callable[..., Evaluation]:
    """An evaluation of random guesses, nine pictures of each class, each counted so many times."""

    def judged(names: list[str], times: int = 1) -> Evaluation:
        labels = np.repeat(np.arange(len(names)), 9)
        probabilities = np.random.default_rng(0).dirichlet(np.ones(len(names)), len(labels))
        once = evaluate(np.log(probabilities), labels, tuple(names))
        return replace(
            once,
            pictures=times * once.pictures,
            classes=tuple(replace(score, pictures=times * score.pictures) for score in once.classes),
            confusion=tuple(tuple(times * count for count in row) for row in once.confusion),
        )

    return judged


@settings(max_examples=50, deadline=None)
@given(LETTERS, st.integers(5, 40))
def test_fitting_keeps_within_the_width_and_shortens_only_the_middle(text: str, width: int) -> None:
    fitted = fit(text, width)
    assert cell_len(fitted) <= width
    if cell_len(text) <= width:
        assert fitted == text
    else:
        head, tail = fitted.split("…")
        assert text.startswith(head)
        assert text.endswith(tail)
        assert tail
        assert cell_len(fitted) >= width - 3


@settings(max_examples=50, deadline=None)
@given(LETTERS, st.integers(0, 30))
def test_padding_fills_up_to_just_that_many_columns(text: str, more: int) -> None:
    padded = pad(text, cell_len(text) + more)
    assert cell_len(padded) == cell_len(text) + more
    assert padded.startswith(text)


@pytest.mark.parametrize("times", [1, 1000, 100_000])
@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_every_line_of_an_evaluation_fits_80_columns(judged: Callable, names: list[str], times: int) -> None:
    assert max(map(cell_len, evaluation_text(judged(names, times)).splitlines())) <= 80


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_the_columns_stand_under_their_headings(judged: Callable, names: list[str]) -> None:
    lines = evaluation_text(judged(names, 100)).splitlines()
    heading = next(index for index, line in enumerate(lines) if line.startswith("class "))
    ends = [match.end() for match in re.finditer(r"pictures|precision|recall|F1", lines[heading])]
    for line in lines[heading + 1 : heading + 1 + len(names)]:
        numbers = re.search(r"900( +(-|[\d.]+%)){3}$", line)
        shift = cell_len(line) - len(line)
        assert [numbers.start() + 3 + shift, *(m.end() + shift for m in re.finditer(r"%|-$", line))] == ends


def test_an_evaluation_tells_accuracy_interval_loss_and_calibration() -> None:
    evaluation = evaluate(np.log([[0.8, 0.2], [0.6, 0.4], [0.3, 0.7], [0.9, 0.1]]), np.array([0, 0, 1, 1]), ("a", "b"))
    text = evaluation_text(evaluation)
    low, high = evaluation.interval
    assert f"75.0% (95 % interval {100 * low:.1f}% to {100 * high:.1f}%) on 4 pictures" in text
    assert re.search(rf"loss +{-(np.log(0.8) + np.log(0.6) + np.log(0.7) + np.log(0.1)) / 4:.3f}", text)
    assert re.search(r"calibration error +0\.", text)
    assert re.search(r"a +2 +66\.7% +100\.0% +80\.0%", text)
    assert re.search(r"b +2 +100\.0% +50\.0% +66\.7%", text)


def test_an_evaluation_of_groups_says_so() -> None:
    groups = np.array([0, 1, 1])
    evaluation = evaluate(np.log([[0.8, 0.2]] * 3), np.array([0, 0, 1]), ("a", "b"), groups=groups)
    assert re.search(r"on 3 pictures\n +in 2 groups\n", evaluation_text(evaluation))


def test_a_class_without_pictures_has_dashes() -> None:
    text = evaluation_text(evaluate(np.log([[0.8, 0.1, 0.1]]), np.array([0]), ("a", "b", "c")))
    assert re.search(r"c +0 +- +- +-$", text, re.MULTILINE)


@pytest.mark.parametrize(("seen", "left_out"), [(1234, 0), (0, 7), (1_234_567, 1_234_567)])
def test_pictures_that_were_left_out_are_counted(judged: Callable, seen: int, left_out: int) -> None:
    text = evaluation_text(replace(judged(["a", "b"]), seen=seen, left_out=left_out))
    assert (f"{seen:,} pictures that the model was trained on" in text) == bool(seen)
    assert (f"{left_out:,} pictures that cannot be opened" in text) == bool(left_out)
    assert max(map(len, text.splitlines())) <= 80


def test_the_matrix_has_a_row_for_each_true_class() -> None:
    labels, predicted = np.array([0, 0, 0, 1, 2]), [0, 1, 1, 1, 0]
    text = evaluation_text(evaluate(np.log(np.eye(3)[predicted] * 0.7 + 0.1), labels, ("cat", "dog", "emu")))
    rows = [line.split() for line in text.splitlines()[-3:]]
    assert rows == [["1", "cat", "1", "2", "."], ["2", "dog", ".", "1", "."], ["3", "emu", "1", ".", "."]]
    assert text.splitlines()[-4].split() == ["1", "2", "3"]


def test_where_there_are_many_classes_the_commonest_mistakes_are_named() -> None:
    names = tuple(f"sign {index}" for index in range(43))
    labels = np.arange(43)
    predicted = labels.copy()
    labels, predicted = np.append(labels, [7, 7, 7, 8, 8]), np.append(predicted, [9, 9, 9, 3, 3])
    text = evaluation_text(evaluate(np.log(np.eye(43)[predicted] * 0.9 + 0.002), labels, names))
    mistakes = [line.strip() for line in text.splitlines() if "taken for" in line]
    assert mistakes == ["3  sign 7 taken for sign 9", "2  sign 8 taken for sign 3"]


@pytest.mark.parametrize("name", ["two\nlines", "carriage\rreturn", "\x1b[2Jclear the screen", "tab\tbed", "vt\x0b"])
def test_control_characters_in_a_name_reach_no_terminal(judged: Callable, predict: Callable, name: str) -> None:
    for text in (
        evaluation_text(judged([name, "plain"])),
        evaluation_text(judged([name, *NAMES["signs"]])),
        prediction_text(predict(**{name: 0.9, "plain": 0.1}), 5),
    ):
        assert all(letter.isprintable() for letter in text.replace("\n", ""))
    assert len(text.splitlines()) == 3


def test_a_prediction_is_a_sentence_and_bars(predict: Callable) -> None:
    text = prediction_text(predict(sunflowers=0.97314, roses=0.02, tulips=0.00686), 2)
    sentence, first, second = text.splitlines()
    assert sentence == "This image most likely belongs to sunflowers with a 97.31 percent confidence."
    assert re.fullmatch(r" +sunflowers +97\.31% +█{29}", first)
    assert re.fullmatch(r" +roses +2\.00% +█", second)


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_the_bars_of_a_prediction_fit_80_columns_and_stand_in_line(predict: Callable, names: list[str]) -> None:
    shares = [1.0, *[0.0] * (len(names) - 1)]
    bars = prediction_text(predict(**dict(zip(names, shares, strict=True))), 5).splitlines()[1:]
    assert len(bars) == min(len(names), 5)
    assert max(map(cell_len, bars)) <= 80
    assert bars[0].endswith("█" * 30)
    assert len({cell_len(bar[: bar.index("%")]) for bar in bars}) == 1
