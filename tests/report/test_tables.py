import re
from collections.abc import Callable

import numpy as np
import pytest
from msgspec.structs import replace
from rich.cells import cell_len

from eyebright.data.audit.findings import Audit, Finding
from eyebright.report.screen import HEADLINE
from eyebright.report.tables import audit_text, cache_text
from eyebright.report.tables import evaluation_text as styled_evaluation
from eyebright.system.cache import Entry
from eyebright.trust.calibration import ErrorByChance
from eyebright.trust.metrics import Evaluation, evaluate

NAMES = {
    "digits": [str(digit) for digit in range(10)],
    "flowers": ["daisy", "dandelion", "roses", "sunflowers", "tulips"],
    "chinese": ["雏菊", "蒲公英", "玫瑰", "很长的名字" * 20],
    "emoji": ["🌻", "🌹", "🌷" * 40],
    "long": [f"{'a' * 80}{index}" for index in range(12)],
    "signs": [f"Speed limit {index} km/h, end of, with supplementary plate {index}" for index in range(43)],
    "two": ["a", "b"],
}


def evaluation_text(evaluation: Evaluation) -> str:
    return styled_evaluation(evaluation).plain


@pytest.fixture
def random_guesses() -> Callable[..., Evaluation]:
    """An evaluation of random guesses on nine images of each class; all counts are multiplied by `times`."""

    def random_guesses(names: list[str], times: int = 1) -> Evaluation:
        labels = np.repeat(np.arange(len(names)), 9)
        probabilities = np.random.default_rng(0).dirichlet(np.ones(len(names)), len(labels))
        once = evaluate(np.log(probabilities), labels, tuple(names))
        return replace(
            once,
            pictures=times * once.pictures,
            classes=tuple(replace(score, pictures=times * score.pictures) for score in once.classes),
            confusion=tuple(tuple(times * count for count in row) for row in once.confusion),
        )

    return random_guesses


@pytest.mark.parametrize("times", [1, 1000, 100_000])
@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_every_line_of_an_evaluation_fits_80_columns(random_guesses: Callable, names: list[str], times: int) -> None:
    assert max(map(cell_len, evaluation_text(random_guesses(names, times)).splitlines())) <= 80


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_the_columns_are_aligned_with_their_headings(random_guesses: Callable, names: list[str]) -> None:
    lines = evaluation_text(random_guesses(names, 100)).splitlines()
    heading = next(index for index, line in enumerate(lines) if line.startswith("class "))
    ends = [match.end() for match in re.finditer(r"images|precision|recall|F1", lines[heading])]
    for line in lines[heading + 1 : heading + 1 + len(names)]:
        numbers = re.search(r"900( +(-|[\d.]+%)){3}$", line)
        shift = cell_len(line) - len(line)
        assert [numbers.start() + 3 + shift, *(m.end() + shift for m in re.finditer(r"%|-$", line))] == ends


def test_an_evaluation_has_accuracy_interval_loss_and_calibration() -> None:
    evaluation = evaluate(np.log([[0.8, 0.2], [0.6, 0.4], [0.3, 0.7], [0.9, 0.1]]), np.array([0, 0, 1, 1]), ("a", "b"))
    text = evaluation_text(evaluation)
    low, high = evaluation.interval
    assert f"Accuracy 75.0% (95% interval {100 * low:.1f}-{100 * high:.1f}%) on 4 images\n" in text
    loss = -(np.log(0.8) + np.log(0.6) + np.log(0.7) + np.log(0.1)) / 4
    assert re.search(rf"^Loss {loss:.3f}, expected calibration error 0\.\d{{3}}$", text, re.MULTILINE)
    assert re.search(r"a +2 +66\.7% +100\.0% +80\.0%", text)
    assert re.search(r"b +2 +100\.0% +50\.0% +66\.7%", text)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (0.058, "No sign of miscalibration: by chance alone it is 0.042 on average, up to 0.058\n"),
        (0.059, "Miscalibrated: by chance alone it is 0.042 on average, up to 0.058\n"),
    ],
)
def test_a_calibration_error_is_compared_with_that_of_a_perfectly_calibrated_model(error: float, words: str) -> None:
    by_chance = ErrorByChance(mean=0.042, limit=0.058)
    evaluation = evaluate(np.log([[0.8, 0.2]] * 3), np.array([0, 0, 1]), ("a", "b"))
    text = evaluation_text(replace(evaluation, calibration_error=error, error_by_chance=by_chance))
    assert f"expected calibration error {error:.3f}\n{words}" in text
    assert max(map(len, text.splitlines())) <= 80
    assert "calibrated model" not in evaluation_text(replace(evaluation, error_by_chance=None))  # of an older version


def test_an_evaluation_of_groups_says_so() -> None:
    groups = np.array([0, 1, 1])
    evaluation = evaluate(np.log([[0.8, 0.2]] * 3), np.array([0, 0, 1]), ("a", "b"), groups=groups)
    text = evaluation_text(evaluation)
    assert " on 3 images\nThe images come in 2 groups; the interval takes this into account.\n" in text
    assert "groups" not in evaluation_text(replace(evaluation, groups=3))


def test_a_class_without_images_has_dashes() -> None:
    text = evaluation_text(evaluate(np.log([[0.8, 0.1, 0.1]]), np.array([0]), ("a", "b", "c")))
    assert re.search(r"c +0 +- +- +-$", text, re.MULTILINE)


@pytest.mark.parametrize(("seen", "left_out"), [(1234, 0), (0, 7), (1_234_567, 1_234_567)])
def test_images_that_were_left_out_are_counted(random_guesses: Callable, seen: int, left_out: int) -> None:
    text = evaluation_text(replace(random_guesses(["a", "b"]), seen=seen, left_out=left_out))
    known = f"{seen:,} images left out: the model was trained on them or selected by them.\n"
    assert (known in text) == bool(seen)
    assert (f"{left_out:,} images left out: cannot be opened.\n" in text) == bool(left_out)
    assert text.count("left out") == bool(seen) + bool(left_out)
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(
    ("names", "heads"),
    [
        (("cat", "dog", "emu"), ["cat", "dog", "emu"]),
        (("1", "2", "0"), ["1", "2", "0"]),
        (("daisy", "dandelion", "a"), ["#1", "#2", "#3"]),
    ],
)
def test_the_matrix_is_headed_by_the_names_of_the_classes_or_numbers_that_are_no_names(names, heads) -> None:
    labels, predicted = np.array([0, 0, 0, 1, 2]), [0, 1, 1, 1, 0]
    text = evaluation_text(evaluate(np.log(np.eye(3)[predicted] * 0.7 + 0.1), labels, names))
    title, head, *lines = text.splitlines()[-5:]
    assert title == "confusion matrix (rows: true class, columns: predicted class)"
    assert head.split() == heads
    counts = [["1", "2", "."], [".", "1", "."], ["1", ".", "."]]
    named = [[name] if heads == list(names) else [head, name] for head, name in zip(heads, names, strict=True)]
    assert [line.split() for line in lines] == [row + more for row, more in zip(named, counts, strict=True)]
    assert len({len(line) for line in (head, *lines)}) == 1  # aligned at the right


def test_with_many_classes_the_most_frequent_mistakes_are_listed() -> None:
    names = tuple(f"sign {index}" for index in range(43))
    labels = np.arange(43)
    predicted = labels.copy()
    labels, predicted = np.append(labels, [7, 7, 7, 8, 8]), np.append(predicted, [9, 9, 9, 3, 3])
    text = evaluation_text(evaluate(np.log(np.eye(43)[predicted] * 0.9 + 0.002), labels, names))
    mistakes = [line.strip() for line in text.splitlines() if "predicted as" in line]
    assert mistakes == ["3  sign 7 predicted as sign 9", "2  sign 8 predicted as sign 3"]
    assert "\nmost frequent mistakes\n" in text


@pytest.mark.parametrize("name", ["two\nlines", "carriage\rreturn", "\x1b[2Jclear the screen", "tab\tbed", "vt\x0b"])
def test_control_characters_in_a_class_name_are_escaped(random_guesses: Callable, name: str) -> None:
    for text in (
        evaluation_text(random_guesses([name, "plain"])),
        evaluation_text(random_guesses([name, *NAMES["signs"]])),
    ):
        assert all(letter.isprintable() for letter in text.replace("\n", ""))


def test_the_accuracy_is_the_headline_of_an_evaluation(random_guesses: Callable) -> None:
    text = styled_evaluation(random_guesses(["a", "b"]))
    (headline,) = [text.plain[span.start : span.end] for span in text.spans if span.style == HEADLINE]
    assert headline.startswith("Accuracy ") and headline.endswith(" on 18 images\n")


def finding(kind: str, *pictures: str, sentence: str = "why") -> Finding:
    return Finding(kind=kind, pictures=pictures, classes=("a",) * len(pictures), figure=1.0, sentence=sentence)


def audit(*findings: Finding, notes: tuple[str, ...] = (), classes: dict[str, int] | None = None) -> Audit:
    counts = {"a": 1_200, "b": 34} if classes is None else classes
    return Audit(origin="x", pictures=sum(counts.values()), classes=counts, findings=findings, notes=notes)


def test_an_audit_lists_each_kind_with_three_examples_and_then_what_a_random_split_would_do() -> None:
    found = audit(
        *(finding("exact duplicates", f"a/{number}.png", "b.png") for number in range(4)),
        finding("very dark", "d.png", sentence="brightness 3 of 255"),
        notes=("Labels were not checked: torch is not installed. " + "word " * 20,),
    )
    text = audit_text(found, 0.14)
    lines = text.plain.splitlines()
    assert lines[:4] == [
        "Found 1,234 images in 2 classes of 34 to 1,200.", "", "exact duplicates: 8 images in 4 sets",
        "  the same pixels in several files",
    ]  # fmt: skip
    assert lines[4:6] == ["  a/0.png, b.png", "    why"] and lines[10] == "  and 1 more"
    assert lines[12:16] == ["very dark: 1 image", "  hardly anything is visible", "  d.png", "    brightness 3 of 255"]
    assert lines[-2:] == [
        "With a random split, 14% of the test images would have a near-duplicate in the",
        "training set. Near-duplicates are kept in the same split.",
    ]
    assert max(map(cell_len, lines)) <= 80
    (headline,) = [text.plain[span.start : span.end] for span in text.spans if span.style == HEADLINE]
    assert headline.split() == " ".join(lines[-2:]).split()


def test_single_images_and_sets_of_one_kind_are_counted_together() -> None:
    found = audit(finding("near-duplicates", "a", "b"), finding("near-duplicates", "c"))
    assert "near-duplicates: 3 images in 2 sets\n" in audit_text(found, None).plain


def test_an_audit_without_findings_says_so() -> None:
    assert audit_text(audit(classes={"a": 5, "b": 5}), 0.0).plain.splitlines() == [
        "Found 10 images in 2 classes of 5.", "", "No problem found.", "",
        "With a random split, no test image would have a near-duplicate in the training",
        "set.",
    ]  # fmt: skip


def test_long_names_in_an_audit_are_shortened() -> None:
    text = audit_text(audit(finding("blurred", *["雏菊" * 30] * 3, sentence="s" * 100)), None).plain
    assert max(map(cell_len, text.splitlines())) <= 80


def test_a_sentence_of_an_audit_is_wrapped_and_each_of_several_long_names_keeps_its_end() -> None:
    names = [f"flower_photos/train/daisy/a_daisy_in_the_meadow_{number}.jpg" for number in range(9)]
    sentence = "damaged: there are 12,345 bytes from the middle of the file instead of image data, from the half on"
    lines = audit_text(audit(finding("unreadable", *names, sentence=sentence)), None).plain.splitlines()[4:]
    assert lines[:4] == [
        "  flower_photos/trai…_the_meadow_0.jpg, flower_photos/trai…_the_meadow_1.jpg,",
        "  flower_photos/trai…_the_meadow_2.jpg, flower_photos/trai…_the_meadow_3.jpg,",
        "  flower_photos/trai…_the_meadow_4.jpg, flower_photos/trai…_the_meadow_5.jpg",
        "  and 3 more",
    ]
    assert " ".join(line.strip() for line in lines[4:6]) == sentence


def test_the_cache_is_listed_by_kind_with_size_and_last_use() -> None:
    entries = [
        Entry(kind="packs", name="1f", about="flowers at 128x128", size_bytes=2_000_000, used_days=0.4),
        Entry(kind="weights", name="net.safetensors", about="net.safetensors", size_bytes=5, used_days=1.2),
        Entry(kind="packs", name="long" * 20, about="雏菊" * 40, size_bytes=12_345_678_900, used_days=400.0),
    ]
    lines = cache_text(entries, "/cache").splitlines()
    assert lines[0] == "packs: prepared images" and lines[4] == "weights: published weights"
    assert lines[1].split() == ["flowers", "at", "128x128", "2.0", "MB", "today", "1f"]
    assert lines[2].split()[1:5] == ["12,345.7", "MB", "400", "days"]
    assert lines[5].split() == ["net.safetensors", "0.0", "MB", "1", "day", "ago"]
    assert lines[-2:] == [
        "3 entries, 12,347.7 MB, in /cache",
        "To remove some: eyebright cache --remove packs --unused-days 30",
    ]
    assert max(map(cell_len, lines)) <= 80
    assert "\n1 entry, 2.0 MB, in /cache\n" in cache_text(entries[:1], "/cache")


def test_an_empty_cache_is_named() -> None:
    assert cache_text([], "/cache") == "Nothing is cached in /cache."


def test_classes_without_images_are_named_below_the_accuracy(random_guesses: Callable) -> None:
    found = random_guesses(["rose", "tulip"])
    found = replace(found, classes=(found.classes[0], replace(found.classes[1], pictures=0)))
    assert "No images of tulip: the result says nothing about this class.\nLoss" in evaluation_text(found)
