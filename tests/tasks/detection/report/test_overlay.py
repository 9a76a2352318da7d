import io
from itertools import combinations

import numpy as np
import pytest
from PIL import Image

from eyebright.tasks.detection.report import overlay
from eyebright.tasks.detection.report.overlay import (
    COLOURS,
    MAX_SHOWN,
    Frame,
    Framed,
    class_frame,
    class_legend,
    contrasting,
    draw_boxes,
    luminance,
    of_class,
)  # fmt: skip

CORNERS = (20.0, 30.0, 70.0, 80.0)
SEEN_BY = {  # linear RGB as people see it who lack one kind of cones (Machado, Oliveira and Fernandes 2009, severity 1)
    "all cones": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])  # sRGB, D65


def linear(colour: str) -> np.ndarray:
    levels = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIELAB of linear RGB."""
    ratio = TO_XYZ @ np.clip(rgb, 0, 1) / TO_XYZ.sum(axis=1)
    x, y, z = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def contrast(first: float, second: float) -> float:
    """The ratio of WCAG 2.2 of two luminances."""
    return (max(first, second) + 0.05) / (min(first, second) + 0.05)


def drawn(pixels: np.ndarray, frame: Frame, **options: object) -> np.ndarray:
    """A picture with one box as it is drawn, without the margin of the figure, `(H, W, 3)`."""
    png = Image.open(io.BytesIO(draw_boxes([Framed(pixels, [frame])], **options))).convert("RGB")
    left = (png.width - 8 * pixels.shape[1]) // 2
    return np.asarray(png)[34 : 34 + 8 * pixels.shape[0], left : left + 8 * pixels.shape[1]]


@pytest.mark.parametrize("cones", SEEN_BY)
def test_colour_blind_people_tell_any_two_colours_apart(cones) -> None:
    """A difference of 2.3 is just noticed side by side; 7 is seen at a glance."""
    seen = [lab(SEEN_BY[cones] @ linear(colour)) for colour in COLOURS]
    assert min(np.linalg.norm(first - second) for first, second in combinations(seen, 2)) > 7


@pytest.mark.parametrize("colour", COLOURS)
def test_what_stands_on_a_colour_can_be_read_and_its_line_stands_out_from_any_grey(colour) -> None:
    own = luminance(colour)
    assert own == pytest.approx(float(linear(colour) @ TO_XYZ[1]), abs=1e-4)
    beside = luminance(contrasting(colour))
    assert contrast(own, beside) > 4.5
    assert all(max(contrast(own, grey), contrast(beside, grey)) > 2.1 for grey in np.linspace(0, 1, 101))


@pytest.mark.parametrize("background", [0, 90, 128, 255])
@pytest.mark.parametrize("label", [0, len(COLOURS) - 1, len(COLOURS)])
def test_a_box_stands_out_around_what_is_in_it_on_any_background(background, label) -> None:
    """The pixels of the object and those far away are as they were; on all four sides is a line that stands out."""
    image = drawn(np.full((100, 100, 3), background, np.uint8), of_class(label, CORNERS))
    x1, y1, x2, y2 = (8 * round(side) for side in CORNERS)
    assert (image[y1 + 1 : y2 - 1, x1 + 1 : x2 - 1] == background).all()
    assert (image[: y1 - 10] == background).all() and (image[:, x2 + 10 :] == background).all()
    around = ((y1 - 6) + np.arange(7), slice(x1, x2)), (y2 + np.arange(7), slice(x1, x2))
    grey = luminance(f"#{background:02x}{background:02x}{background:02x}")
    for rows, across in around:
        line = image[rows, across].reshape(-1, 3)
        ratios = [contrast(luminance("#{:02x}{:02x}{:02x}".format(*pixel)), grey) for pixel in np.unique(line, axis=0)]
        assert max(ratios) > 2.1


def test_a_box_at_the_edge_is_drawn_within_the_picture() -> None:
    image = drawn(np.zeros((100, 100, 3), np.uint8), of_class(3, (0, 0, 100, 100)))
    assert all(side.max() == 240 for side in (image[:5], image[-5:], image[:, :5], image[:, -5:]))  # #f0e442


def test_with_each_kind_of_line_the_colours_begin_again() -> None:
    looks = [of_class(label, CORNERS)[2:] for label in range(3 * len(COLOURS))]
    assert len(set(looks)) == len(looks)


def test_a_label_has_the_class_and_the_confidence_and_a_shorter_form() -> None:
    assert class_frame(0, "red\nleft", CORNERS, 0.876).labels == ("red\\nleft 88%", "88%")
    assert class_frame(0, "redleft", CORNERS).labels == ("redleft",)
    assert list(class_legend(["a", "b", "c"], [2, 0, 2])) == ["a", "c"]


def test_labels_without_room_are_counted(as_figure) -> None:
    frames = [class_frame(0, "redleft", (0, 0, 4, 4), 0.5)] * 30
    figure = as_figure(overlay, "draw_boxes", [Framed(np.zeros((4, 4, 3), np.uint8), frames, "a.jpg")])
    assert [text.get_text() for text in figure.axes[0].texts] == ["a.jpg  (30 labels left out)"]


@pytest.mark.parametrize("shape", [(1, 1, 3), (4, 4, 1), (20, 900, 3), (900, 20, 3), (1500, 2000, 3)])
@pytest.mark.parametrize("count", [1, 4])
def test_pictures_of_any_size_keep_their_proportions(shape, count, as_figure) -> None:
    picture = Framed(np.zeros(shape, np.uint8), [of_class(0, (0, 0, 1, 1))])
    figure = as_figure(overlay, "draw_boxes", [picture] * count, class_legend(["a"], [0]), "title")
    width, height = figure.get_size_inches() * 120
    assert len(figure.axes) == count and width <= 1600
    for axes in figure.axes:
        place = axes.get_position()
        assert place.x0 >= 0 and place.x1 <= 1 and place.y0 >= 0 and place.y1 <= 1
        assert place.width * width / shape[1] == pytest.approx(place.height * height / shape[0])


def test_only_the_first_pictures_are_drawn(as_figure) -> None:
    picture = Framed(np.zeros((4, 4, 3), np.uint8), [])
    assert len(as_figure(overlay, "draw_boxes", [picture] * (MAX_SHOWN + 1)).axes) == MAX_SHOWN


@pytest.mark.filterwarnings("ignore:no installed font has")
@pytest.mark.parametrize("name", ["红灯", "a$b$c", "x" * 300, "🌻"])
def test_any_class_name_can_be_drawn(name, only_latin_fonts, decode) -> None:
    picture = Framed(np.zeros((60, 90, 3), np.uint8), [class_frame(0, name, CORNERS, 1.0)], name)
    assert decode(draw_boxes([picture], class_legend([name], [0]))).std() > 0


def test_many_objects_have_short_labels_and_few_the_whole_text(as_figure) -> None:
    for count, text in ((2, "redleft 50%"), (40, "50%")):
        places = [(120 * (at % 8), 40 + 90 * (at // 8)) for at in range(count)]
        frames = [class_frame(0, "redleft", (x, y, x + 30, y + 30), 0.5) for x, y in places]
        figure = as_figure(overlay, "draw_boxes", [Framed(np.zeros((480, 960, 3), np.uint8), frames)] * 2)
        assert {each.get_text().strip() for each in figure.axes[0].texts} - {""} == {text}


def test_a_legend_of_long_names_stays_within_the_figure(as_figure) -> None:
    names = [f"{number} {'w' * 40}" for number in range(14)]
    picture = Framed(np.zeros((40, 400, 3), np.uint8), [])
    figure = as_figure(overlay, "draw_boxes", [picture] * 3, class_legend(names, range(14)))
    figure.canvas.draw()
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.get_size_inches()[0] * figure.dpi
