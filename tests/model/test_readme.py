import pytest

from eyebright.model import Calibration, ModelCard, Provenance
from eyebright.model.readme import readme
from eyebright.pictures import Preparation


@pytest.fixture
def text() -> str:
    side = {"accuracy": 0.6543, "interval": (0.6, 0.7), "pictures": 648}
    return readme(
        ModelCard(
            classes=("daisy", "雏菊"),
            network={},
            preparation=Preparation(width=24, height=16, fit="pad"),
            calibration=Calibration(temperature=1.25, error_before=0.08, error_after=0.02),
            metrics={"validation": side, "test": side | {"accuracy": 0.61, "pictures": 650}},
            provenance=Provenance(seed=0, versions={}, settings={}),
        )
    )


def test_the_readme_tells_classes_and_input(text: str) -> None:
    assert "2 classes apart: daisy, 雏菊" in text
    assert "24x16" in text
    assert "(N, 16, 24, 3), values 0 to 255" in text
    assert 'fit: "pad"' in text


def test_the_readme_tells_how_good_the_model_is_on_either_side(text: str) -> None:
    validation, test = (
        next(line for line in text.splitlines() if f"- {side}:" in line) for side in ("validation", "test")
    )
    assert "65.4% (95 % interval 60.0% to 70.0%) on 648 pictures" in validation
    assert "flatters" in validation
    assert "61.0%" in test
    assert "650 pictures" in test
    assert "entered no choice" in test
    assert "temperature 1.250" in text
    assert "from 0.080 to 0.020" in text


def test_the_readme_tells_what_was_said_of_the_training() -> None:
    card = ModelCard(
        classes=("a", "b"),
        network={},
        preparation=Preparation(width=24, height=16),
        calibration=Calibration(temperature=1.0, error_before=0.0, error_after=0.0),
        provenance=Provenance(seed=0, versions={}, settings={}),
    )
    lines = readme(card, ["Overfitting: by 20 points.", "One class is failing."]).splitlines()
    places = [lines.index(line) for line in ("Overfitting: by 20 points.", "One class is failing.", "## How to ask it")]
    assert places == sorted(places)
