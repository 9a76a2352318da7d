import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyebright.data.pictures import Preparation
from eyebright.model.card import Calibration, ModelCard, Provenance, Seen, readme
from eyebright.system import records
from eyebright.system.errors import ModelError

DIGESTS = st.lists(st.binary(min_size=16, max_size=16), max_size=20)


def card(**changes: object) -> ModelCard:
    parts = {
        "classes": ("a", "b"),
        "network": {},
        "preparation": Preparation(width=8, height=8),
        "calibration": Calibration(temperature=1.0, error_before=0.0, error_after=0.0),
        "provenance": Provenance(seed=0, versions={}, settings={}),
    }
    return ModelCard(**(parts | changes))


@settings(max_examples=50, deadline=None)
@given(DIGESTS, DIGESTS)
def test_seen_knows_exactly_the_pictures_whose_first_eight_bytes_it_was_given(learned: list, others: list) -> None:
    known = {digest[:8] for digest in learned}
    asked = learned + others
    for seen in (Seen().union(learned), Seen().union(learned[:5]).union(learned[5:])):
        assert seen.contains(asked).tolist() == [digest[:8] in known for digest in asked]


def test_seen_survives_json_and_does_not_tell_the_order_of_the_pictures() -> None:
    first, second = bytes(range(16)), bytes(range(100, 116))
    seen = Seen().union([second, first, second])
    assert seen == Seen().union([first, second])
    assert msgspec.json.decode(msgspec.json.encode(seen), type=Seen).contains([first, bytes(16)]).tolist() == [
        True,
        False,
    ]


@pytest.mark.parametrize("digests", ["%%%", "AAAA", "é"])
def test_damaged_digests_are_a_model_error(digests: str) -> None:
    with pytest.raises(ModelError, match="digests of the training images are damaged"):
        Seen(digests=digests).contains([bytes(16)])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": ("a",)}, "2 to 1,000,000 classes, got 1"),
        ({"classes": ("a", "b", "a")}, "two classes have the same name in a, b, a"),
        ({"classes": ("a", " ")}, "the model has a class called ' ', which nobody can read"),
        ({"classes": ("a", "\x1b\x07")}, r"the model has a class called '\\x1b\\x07', which nobody can read"),
        ({"classes": ("a", "x" * 1_000_000)}, "a class with a name of 1,000,000 characters, which starts with 'xxx"),
        *(
            (
                {"calibration": Calibration(temperature=temperature, error_before=0, error_after=0)},
                "temperature must be above 0 and below 1,000",
            )
            for temperature in (0.0, -1.0, 1_000.0, float("nan"), float("inf"))
        ),
    ],
)
def test_a_card_that_describes_no_classifier_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        card(**changes)


@pytest.fixture
def text() -> str:
    side = {"accuracy": 0.6543, "interval": (0.6, 0.7), "pictures": 648, "classes": []}
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


def test_the_readme_says_classes_and_input(text: str) -> None:
    assert "2 classes: daisy, 雏菊" in text
    assert "24x16" in text
    assert "(N, 16, 24, 3), values 0 to 255" in text
    assert 'resized with "pad"' in text


def test_the_readme_says_that_images_are_grey() -> None:
    text = readme(card(preparation=Preparation(width=28, height=20, channels=1)))
    assert "takes upright grey images of 28x20 pixels, uint8, (N, 20, 28, 1), values 0 to 255" in text


def test_a_card_without_channels_is_one_for_colour() -> None:
    text = records.to_json(card()).replace(',\n    "channels": 3', "")
    assert "channels" not in text
    assert records.from_json(text, ModelCard, what="card", error=ModelError) == card()


def test_the_readme_says_how_good_the_model_is_on_either_side(text: str) -> None:
    validation, test = (
        next(line for line in text.splitlines() if f"- {side}:" in line) for side in ("validation", "test")
    )
    assert "accuracy 65.4% (95% interval 60.0-70.0%) on 648 validation images" in validation
    assert "may be slightly too high" in validation
    assert test == "- test: accuracy 61.0% (95% interval 60.0-70.0%) on 650 held-out images."
    assert "temperature 1.250" in text
    assert "from 0.080 to 0.020" in text


def test_the_readme_says_what_was_said_of_the_training() -> None:
    card = ModelCard(
        classes=("a", "b"),
        network={},
        preparation=Preparation(width=24, height=16),
        calibration=Calibration(temperature=1.0, error_before=0.0, error_after=0.0),
        provenance=Provenance(seed=0, versions={}, settings={}),
    )
    lines = readme(card, ["Overfitting: by 20 points.", "One class is failing."]).splitlines()
    places = [lines.index(line) for line in ("Overfitting: by 20 points.", "One class is failing.", "## How to use it")]
    assert places == sorted(places)


def test_the_readme_of_a_network_without_training_says_so() -> None:
    assert "not trained" in readme(card()) and "calibrated" not in readme(card())
    measured = {"accuracy": 0.5, "interval": (0.4, 0.6), "pictures": 9, "classes": []}
    assert "not trained" not in readme(card(metrics={"validation": measured}))


def test_a_class_without_images_is_named_beside_the_accuracy() -> None:
    scores = [{"name": "<a>", "pictures": 0}, {"name": "b", "pictures": 9}]
    found = {"accuracy": 1.0, "interval": [0.8, 1.0], "pictures": 9, "classes": scores}
    assert "9 held-out images. No images of &lt;a&gt;." in readme(card(metrics={"test": found}))


def test_names_of_classes_are_plain_text_in_the_readme() -> None:
    text = readme(card(classes=("<script>alert(1)</script>", "\x1b[31m*red*")), ["Often wrong: <b>a</b>."])
    assert "<script>" not in text and "\x1b" not in text and "<b>" not in text
    assert r"It distinguishes 2 classes: &lt;script&gt;alert(1)&lt;/script&gt;, \\x1b\[31m\*red\*." in text
