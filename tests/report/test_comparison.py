import msgspec
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.text import Text as Label

from eyebright.report import comparison as module
from eyebright.report.comparison import comparison_text, draw_flips
from eyebright.report.figures import BLUE, GREY, RED
from eyebright.trust.comparison import Answered, Comparison, Contender, Flip, compare

RANDOM = np.random.default_rng(0)
NAMES = ("rose", "a class whose name is far too long to fit into a line of a table", "<script>")


def flip(first: str = "rose", second: str = "<script>", truth: str | None = "rose", name: str = "x.jpg") -> Flip:
    return Flip(name=name, truth=truth, first=first, first_confidence=0.98, second=second, second_confidence=0.914)


def compared(*, labelled: bool = True, flips: tuple[Flip, ...] = ()) -> Comparison:
    stream, labels = np.random.default_rng(1), np.arange(90) % 3
    answers = [
        Answered(np.where(stream.random(90) < share, labels, (labels + 1) % 3), np.full(90, 0.9), np.ones(90, np.bool_))
        for share in (0.9, 0.6)
    ]
    models = tuple(
        Contender(model=name, size_bytes=12_345_678, parameters=1_234_567, cpu_ms=3.14159) for name in ("old", "new")
    )
    return compare(models, *answers, flips, classes=NAMES, labels=labels if labelled else None, groups=None)


def test_says_which_is_better_then_where_then_the_flips() -> None:
    found = compared(flips=(flip(), flip("daisy", "rose"), flip("daisy", "tulip")))
    text = comparison_text(found).plain
    places = [text.index(words) for words in (
        "The second model is significantly worse.", "McNemar's p = <0.001", "accuracy", "CPU-ms an image", "class",
        "3 answers of 90 differ (1 worse, 1 better):", "rose 98% -> <script> 91%  worse",
    )]  # fmt: skip
    assert places == sorted(places)
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "12.3" in text and "1,234,567" in text and "3.14" in text


def test_says_what_was_left_out_and_why() -> None:
    found = msgspec.structs.replace(
        compared(), seen=7, left_out=1, not_common={"thistle": 4}, own_classes=(("lily",), ()), groups=30
    )
    text = comparison_text(found).plain
    assert "7 images left out: a model was trained on them or selected by them.\n" in text
    assert "1 image left out: cannot be opened.\n" in text
    assert "4 images left out: not both models know the class thistle.\n" in text
    assert "Only the first model knows: lily.\n" in text
    assert "The images come in 30 groups, which is taken into account.\n" in text


def test_without_labels_only_differences_are_reported() -> None:
    text = comparison_text(compared(labelled=False, flips=(flip(truth=None),))).plain
    assert "The models give different answers to 1 of 90 images." in text
    assert "accuracy" not in text and "worse" not in text and "McNemar" not in text
    assert "rose 98% -> <script> 91%" in text


def test_equal_models_have_no_flips_and_many_flips_are_shortened() -> None:
    assert comparison_text(compared()).plain.endswith("Both models give the same answer to every image.")
    text = comparison_text(compared(flips=(flip(name="n" * 100),) * 40)).plain
    assert text.endswith("and 30 more") and all(len(line) <= 80 for line in text.splitlines())


def test_the_sheet_has_every_image_with_both_answers_in_its_colour(as_figure) -> None:
    flips = (flip(), flip("daisy", "rose"), flip("daisy", "tulip"), flip(truth=None))
    pictures = RANDOM.integers(0, 256, (4, 16, 16, 3), np.uint8)
    figure = as_figure(module, "draw_flips", flips, pictures, "The second model is worse.")
    titles = [axes.title for axes in figure.axes if axes.images]
    assert [to_rgb(title.get_color()) for title in titles] == [to_rgb(color) for color in (RED, BLUE, GREY, GREY)]
    assert titles[0].get_text() == "first: rose 98%\nsecond: <script> 91%\ntrue class: rose"
    assert titles[3].get_text() == "first: rose 98%\nsecond: <script> 91%"
    words = {label.get_text() for label in figure.findobj(Label)}
    assert {"The second model is worse.", "x.jpg", "second model: worse", "second model: better"} <= words


def test_the_sheet_is_a_png_file_also_of_one_grey_image(decode) -> None:
    assert decode(draw_flips((flip(),), RANDOM.integers(0, 256, (1, 8, 8, 1), np.uint8), "title")).std() > 0
