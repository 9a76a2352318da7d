from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from matplotlib.figure import Figure

from eyebright.report import explanations
from eyebright.report.explanations import Explanation
from eyebright.report.maps import overlaid
from eyebright.trust.prediction import UNLIKE, Prediction

PIXELS = np.random.default_rng(0).integers(0, 256, (30, 20, 3), np.uint8)
RAMP = np.linspace(-1, 1, 600, dtype=np.float32).reshape(30, 20)


@pytest.fixture
def explained(predict: Callable[..., Prediction]) -> Callable[..., Explanation]:
    def explained(label: str = "rose", **probabilities: float) -> Explanation:
        return Explanation(predict(**probabilities or {"rose": 0.8, "tulip": 0.2}), label, PIXELS, RAMP)

    return explained


@pytest.fixture
def sheet(as_figure: Callable[..., Figure]) -> Callable[..., Figure]:
    return lambda *items: as_figure(explanations, "draw_explanations", items)


def test_each_image_is_beside_its_map(explained: Callable, sheet: Callable) -> None:
    parts = sheet(explained(), explained("tulip")).subfigs
    for part in parts:
        image, over = (axes.images[0].get_array() for axes in part.axes)
        np.testing.assert_array_equal(image, PIXELS)
        np.testing.assert_array_equal(over, overlaid(PIXELS, RAMP))
    assert [part.get_suptitle() for part in parts] == ["rose  80.0%", "tulip  20.0%  (predicted: rose  80.0%)"]
    assert [part.get_supxlabel() for part in parts] == ["x.jpg", "x.jpg"]


def test_where_there_is_no_answer_the_heading_says_why(predict: Callable[..., Prediction], sheet: Callable) -> None:
    unsure = {"label": None, "reason": "confidence 80.0%, below 90.0%"}
    found = msgspec.structs.replace(predict(rose=0.8, tulip=0.2), **unsure)
    parts = sheet(*(Explanation(found, label, PIXELS, RAMP) for label in ("rose", "tulip"))).subfigs
    why = "no answer: confidence 80.0%, below 90.0%"
    assert [part.get_suptitle() for part in parts] == [
        f"rose  80.0%\n{why}", f"tulip  20.0%  (most probable: rose  80.0%)\n{why}",
    ]  # fmt: skip
    unlike = msgspec.structs.replace(found, reason=UNLIKE, unfamiliarity=12.3)
    (part,) = sheet(Explanation(unlike, "rose", PIXELS, RAMP)).subfigs
    assert part.get_suptitle() == "rose  80.0%\nno answer: unlike the training images"  # whole, in a narrow figure
    assert Explanation(found, "rose", PIXELS, RAMP).as_record()["reason"] == "confidence 80.0%, below 90.0%"


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_colours_have_a_legend_that_fits_into_the_figure(number: int, explained: Callable, sheet: Callable) -> None:
    figure = sheet(*[explained()] * number)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "matters most for the class", "matters least, or lowers its probability",
    ]  # fmt: skip
    figure.draw_without_rendering()
    extent = legend.get_window_extent()
    assert figure.bbox.x0 <= extent.x0 and extent.x1 <= figure.bbox.x1


def test_a_sheet_and_a_notebook_show_a_png(explained: Callable, decode: Callable) -> None:
    item = explained()
    assert decode(explanations.draw_explanations([item] * 4)).shape[0] > 300
    assert decode(item._repr_png_()).ndim == 3
    assert repr(item) == "Explanation(label='rose', probability=0.800, map of 30x20)"


def test_the_record_has_the_map_at_the_middles_of_36_cells(explained: Callable) -> None:
    record = explained().as_record()
    assert (record["name"], record["class"], record["prediction"]) == ("x.jpg", "rose", "rose")
    rows, columns = [2, 7, 12, 17, 22, 27], [1, 5, 8, 11, 15, 18]
    expected = [[RAMP[row, column] for column in columns] for row in rows]
    np.testing.assert_allclose(record["importance"], expected, atol=1e-6)
