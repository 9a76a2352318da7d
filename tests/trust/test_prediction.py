import re

import pytest

from eyebright.trust.prediction import Prediction


def test_a_prediction_shows_its_class_and_how_sure_it_is() -> None:
    prediction = Prediction(name="a.png", label="rose", confidence=0.5, probabilities={"rose": 0.5, "daisy": 0.5})
    assert repr(prediction) == "Prediction(label='rose', confidence=0.500)"


def test_a_notebook_shows_the_most_probable_classes_with_bars() -> None:
    probabilities = {"<i>rose": 0.5, "daisy": 0.3, "tulip": 0.1, "iris": 0.05, "lily": 0.03, "poppy": 0.02}
    prediction = Prediction(name="a.png", label="<i>rose", confidence=0.5, probabilities=probabilities)
    html = prediction._repr_html_()
    assert "<strong>a.png: &lt;i&gt;rose 50.0%</strong>" in html
    assert re.findall(r"<td[^>]*>([^<]*)</td>", html)[:3] == ["&lt;i&gt;rose", "50.0%", "█" * 15]
    assert html.count("<tr>") == 5 and "poppy" not in html


@pytest.mark.parametrize(
    ("reason", "unfamiliarity", "expected"),
    [
        ("unlike the training images", 3.24, "no answer: unlike the training images (unfamiliarity 3.2, limit 1.0)"),
        ("confidence 61.2%, below 93.1%", 0.4, "no answer: confidence 61.2%, below 93.1%"),
    ],
)
def test_without_an_answer_the_reason_is_reported(reason, unfamiliarity, expected) -> None:
    prediction = Prediction(
        name="a.png", label=None, confidence=0.612, probabilities={"rose": 0.612, "daisy": 0.388},
        unfamiliarity=unfamiliarity, reason=reason,
    )  # fmt: skip
    assert (prediction.answer, prediction.best) == (expected, "rose")
    assert f"<strong>a.png: {expected}</strong>" in prediction._repr_html_()
    assert reason in repr(prediction)
