from eyebright.trust.prediction import Prediction


def test_a_prediction_shows_its_class_and_how_sure_it_is() -> None:
    prediction = Prediction(name="a.png", label="rose", confidence=0.5, probabilities={"rose": 0.5, "daisy": 0.5})
    assert repr(prediction) == "Prediction(label='rose', confidence=0.500)"
