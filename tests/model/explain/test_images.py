import numpy as np
import pytest

import eyebright as eb
from eyebright.model.explain.images import explain_image, explain_images
from eyebright.model.explain.maps import explain
from eyebright.report.explanations import Explanation
from eyebright.system.errors import ModelError, PictureError
from eyebright.trust.prediction import Unreadable

RANDOM = np.random.default_rng(2)
PICTURE = RANDOM.integers(0, 256, (20, 24, 3), np.uint8)


@pytest.fixture(scope="module")
def model() -> eb.Classifier:
    return eb.Classifier(eb.zoo.flowers_cnn(3, input_size=16), ["a", "b", "c"], seed=4)


def test_an_explanation_is_the_map_of_the_most_probable_class(model: eb.Classifier) -> None:
    found = model.explain(PICTURE)
    prediction = model.predict(PICTURE)
    assert found.label == max(prediction.probabilities, key=prediction.probabilities.__getitem__)
    assert found.probability == pytest.approx(prediction.confidence)
    np.testing.assert_array_equal(found.pixels, eb.open_picture(PICTURE, model.preparation))
    expected = explain(model.predictor.quick_probabilities, found.pixels[None], np.array(["abc".index(found.label)]))
    np.testing.assert_array_equal(found.importance, expected[0])


def test_another_class_may_be_asked_about_and_a_list_gives_a_list(model: eb.Classifier) -> None:
    found = model.explain([PICTURE, PICTURE[::-1]], "b")
    assert [item.label for item in found] == ["b", "b"]
    assert found[0].probability == pytest.approx(model.predict(PICTURE).probabilities["b"])
    np.testing.assert_array_equal(found[0].importance, explain_image(model.predictor, PICTURE, "b").importance)


def test_an_unknown_class_is_refused(model: eb.Classifier) -> None:
    with pytest.raises(ModelError, match="the model has no class 'z': known are a, b, c"):
        model.explain(PICTURE, "z")


def test_what_cannot_be_opened_has_its_reason(model: eb.Classifier) -> None:
    with pytest.raises(PictureError):
        model.explain(b"no image")
    first, second = explain_images(model.predictor, [("bad", b"no image"), ("good", lambda: PICTURE)])
    assert isinstance(first, Unreadable) and first.name == "bad" and first.error
    assert isinstance(second, Explanation) and second.name == "good"
