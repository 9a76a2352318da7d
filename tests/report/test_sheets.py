from collections.abc import Callable

import matplotlib.colors
import msgspec
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.text import Text

from eyebright.report import sheets
from eyebright.report.figures import BLUE, GREY, ORANGE, RED
from eyebright.report.sheets import PreviewRow, Shown, color_of, draw_preview, draw_sheet, faded

RANDOM = np.random.default_rng(0)


def row(name: str = "rose", lost: float = 0.5, draws: int = 2) -> PreviewRow:
    whole = RANDOM.integers(0, 256, (20, 40, 3), np.uint8)
    pixels = RANDOM.integers(0, 256, (1 + draws, 16, 16, 3), np.uint8)
    return PreviewRow(name, whole, (0.25, 0, 0.75, 1), lost, pixels[0], pixels[1:])


def test_the_cropped_part_is_light_grey_and_the_rest_unchanged() -> None:
    one = row()
    found = faded(one)
    assert np.array_equal(found[:, 10:30], one.original[:, 10:30])
    beside = np.concatenate([found[:, :10], found[:, 30:]], axis=1)
    assert beside.min() >= 190 and (beside == beside[..., :1]).all()


def test_a_row_has_the_original_the_network_input_and_the_augmented_images(as_figure: Callable) -> None:
    rows = [row("rose"), row("tulip", lost=0.01)]
    figure = as_figure(sheets, "draw_preview", rows, "title", "warning")
    shown = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in shown[:4]] == ["original", "network input", "epoch 1", "epoch 2"]
    for line, one in zip((shown[:4], shown[4:]), rows, strict=True):
        for axes, pixels in zip(line, (faded(one), one.prepared, *one.augmented), strict=True):
            assert np.array_equal(axes.images[0].get_array(), pixels)
    written = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert written == ["rose", "50% cropped", "tulip"]
    assert figure.get_suptitle() == "title\nwarning"
    frame = shown[0].patches[0]
    assert (frame.get_x(), frame.get_y(), frame.get_width(), frame.get_height()) == (9.5, -0.5, 20, 20)


def test_without_cropping_there_is_no_frame_and_without_augmentation_no_columns(as_figure: Callable) -> None:
    figure = as_figure(sheets, "draw_preview", [row(draws=0)._replace(box=(0, 0, 1, 1))], "title")
    assert not any(axes.patches for axes in figure.axes) and len(figure.axes) == 3


@pytest.mark.filterwarnings("ignore:no installed font has")
@pytest.mark.parametrize("name", ["雏菊", "x" * 300, "a$b$c", "很长的名字" * 30])
def test_any_class_name_can_be_drawn_in_a_preview(decode: Callable, only_latin_fonts: None, name: str) -> None:
    assert len(np.unique(decode(draw_preview([row(name)], "title")).reshape(-1, 3), axis=0)) > 100


def test_a_long_class_name_stays_left_of_the_images(as_figure: Callable) -> None:
    figure = as_figure(sheets, "draw_preview", [row("Speed limit (80 km/h), end of, with plate")], "title")
    sheets.to_png(figure)
    box = figure.axes[0].texts[0].get_window_extent()
    assert 0 <= box.x0 < box.x1 <= figure.axes[1].get_window_extent().x0


PICTURE = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
COLORS = [("rose", BLUE), ("tulip", RED), (None, GREY)]


def texts(*places: Axes) -> list[Text]:
    """All that is written there and can be seen."""
    ticks = [label for axes in places if axes.axison for label in axes.get_yticklabels()]
    return [text for axes in places for text in (axes.title, *axes.texts)] + ticks


def bars(axes: Axes) -> list[tuple[float, str]]:
    """Length and colour of each bar, from the top."""
    patches = sorted(axes.patches, key=lambda bar: -bar.get_y())
    return [(bar.get_width(), matplotlib.colors.to_hex(bar.get_facecolor())) for bar in patches]


@pytest.mark.parametrize(("truth", "color"), COLORS)
def test_blue_is_correct_red_is_wrong_and_grey_is_unknown(predict: Callable, truth: str | None, color: str) -> None:
    assert color_of(Shown(PICTURE, predict(rose=0.9, tulip=0.1), truth)) == color
    red, green, blue = matplotlib.colors.to_rgb(color)
    assert {BLUE: blue > max(red, green), RED: red > max(blue, green), GREY: max(red, green, blue) < 0.6}[color]


def test_an_image_without_an_answer_has_the_reason_in_place_of_its_class(
    as_figure: Callable, predict: Callable
) -> None:
    reason = "unlike the training images"
    prediction = msgspec.structs.replace(predict(rose=0.7, tulip=0.3), label=None, reason=reason, unfamiliarity=2.0)
    shown = Shown(PICTURE, prediction, "rose")
    assert color_of(shown) == ORANGE
    picture, _ = as_figure(sheets, "draw_sheet", [shown]).axes
    assert picture.get_title().split() == f"no answer: {reason} (true class: rose)".split()


@pytest.mark.parametrize(("truth", "color"), COLORS)
def test_only_the_title_and_the_bar_of_the_predicted_class_are_coloured(
    as_figure: Callable, predict: Callable, truth: str | None, color: str
) -> None:
    shown = Shown(PICTURE, predict(rose=0.7, tulip=0.2, daisy=0.1), truth)
    picture, chart = as_figure(sheets, "draw_sheet", [shown]).axes
    assert [length for length, _ in bars(chart)] == pytest.approx([0.7, 0.2, 0.1])
    assert [bar_color == color for _, bar_color in bars(chart)] == [True, False, False]
    assert picture.title.get_color() == color
    assert picture.get_title().startswith("rose  70%")
    assert ("(true class: tulip)" in picture.get_title()) == (color == RED)
    assert np.array_equal(picture.images[0].get_array(), PICTURE)


def test_every_bar_has_its_class_and_percentage(as_figure: Callable, predict: Callable) -> None:
    shown = Shown(PICTURE, predict(rose=0.7, tulip=0.2, daisy=0.1), None)
    written = " ".join(text.get_text() for text in texts(as_figure(sheets, "draw_sheet", [shown]).axes[1]))
    for name, share in (("rose", "70.0%"), ("tulip", "20.0%"), ("daisy", "10.0%")):
        assert name in written
        assert share in written


def test_only_the_five_most_probable_classes_are_shown(as_figure: Callable, predict: Callable) -> None:
    prediction = predict(**{f"class {index}": 0.3 - index / 100 for index in range(43)})
    chart = as_figure(sheets, "draw_sheet", [Shown(PICTURE, prediction, None)]).axes[1]
    assert [length for length, _ in bars(chart)] == pytest.approx([0.3, 0.29, 0.28, 0.27, 0.26])


def test_as_many_classes_are_shown_as_are_asked_for(as_figure: Callable, predict: Callable) -> None:
    prediction = predict(**{f"class {index}": 0.3 - index / 100 for index in range(12)})
    for top, expected in ((2, 2), (9, 9), (40, 12)):
        figure = as_figure(sheets, "draw_sheet", [Shown(PICTURE, prediction, None)], top=top)
        assert len(bars(figure.axes[1])) == expected


def test_a_sheet_has_the_names_of_the_files_a_title_and_what_the_colours_mean(
    as_figure: Callable, predict: Callable
) -> None:
    prediction = msgspec.structs.replace(predict(rose=0.9, tulip=0.1), name="/photos/rose/red one.jpg")
    figure = as_figure(sheets, "draw_sheet", [Shown(PICTURE, prediction, truth) for truth in ("rose", "tulip")],
                       title="two")  # fmt: skip
    assert [text.get_text() for text in figure.axes[0].texts] == ["red one.jpg"]
    assert figure.get_suptitle() == "two"
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["correct", "wrong"]
    assert [matplotlib.colors.to_hex(patch.get_facecolor()) for patch in legend.get_patches()] == [BLUE, RED]


@pytest.mark.parametrize("num_classes", [2, 3])
def test_the_predicted_class_is_at_the_top_for_any_number_of_classes(
    as_figure: Callable, predict: Callable, num_classes: int
) -> None:
    prediction = predict(**dict(list({"rose": 0.7, "tulip": 0.2, "daisy": 0.1}.items())[:num_classes]))
    chart = as_figure(sheets, "draw_sheet", [Shown(PICTURE, prediction, None)]).axes[1]
    top = max(bar.get_y() + bar.get_height() for bar in chart.patches)
    assert chart.get_ylim()[1] - top < 1


@pytest.mark.parametrize("name", ["a$b$c", "$x_{$", "100 $ and $\\frac$"])
def test_dollar_signs_in_a_name_do_not_start_a_formula(as_figure: Callable, predict: Callable, name: str) -> None:
    figure = as_figure(sheets, "draw_sheet", [Shown(PICTURE, predict(**{name: 0.9, "b": 0.1}), name + name)])
    assert sheets.to_png(figure)
    assert not any(text.get_parse_math() for text in texts(*figure.axes) if "$" in text.get_text())


@pytest.mark.filterwarnings("ignore:no installed font has")
@pytest.mark.parametrize("name", ["雏菊", "🌻", "two\nlines", "x" * 300, "很长的名字" * 30])
def test_any_class_name_can_be_drawn_on_a_sheet(
    decode: Callable[[bytes], np.ndarray], predict: Callable, only_latin_fonts: None, name: str
) -> None:
    pixels = decode(draw_sheet([Shown(PICTURE, predict(**{name: 0.9, "b": 0.1}), truth) for truth in (name, "b")]))
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 100


def test_a_long_class_name_stays_within_its_half_of_the_sheet(as_figure: Callable, predict: Callable) -> None:
    name = "Speed limit (80 km/h), end of, with supplementary plate, and some more"
    figure = as_figure(sheets, "draw_sheet", [Shown(PICTURE, predict(**{name: 0.9, "b": 0.1}), "b")] * 2)
    figure.draw_without_rendering()
    left, right = ([text.get_window_extent() for text in texts(*figure.axes[half])] for half in (slice(2), slice(2, 4)))
    assert min(box.x0 for box in left) >= 0
    assert max(box.x1 for box in left) <= figure.bbox.width / 2 <= min(box.x0 for box in right)
    assert max(box.x1 for box in right) <= figure.bbox.width


@pytest.mark.parametrize("count", [1, 2, 3, 4, 61])
def test_up_to_sixty_images_are_drawn(as_figure: Callable, predict: Callable, count: int) -> None:
    shown = [Shown(PICTURE, predict(rose=0.9, tulip=0.1), None)] * count
    figure = as_figure(sheets, "draw_sheet", shown)
    assert sum(len(axes.images) for axes in figure.axes) == min(count, 60)
