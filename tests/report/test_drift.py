import msgspec

from eyebright.report.drift import drift_text
from eyebright.trust.drift import Drift, Measure, Unfamiliar


def measure(name: str, p_value: float, effect: float, sentence: str = "") -> Measure:
    return Measure(name=name, reference="45.0%", new="31.0%", p_value=p_value, effect=effect, sentence=sentence)


DARKER = measure("brightness", 0.01, 0.9, "The images are darker: median brightness 31.0%, in training 45.0%")
OTHER = measure("classes", 0.01, 0.6, "Classes are predicted in other shares: <b>\x1b[31m 60.0%, in training 20.0%")
NOTHING = measure("sharpness", 0.8, 0.05)
TRIFLE = measure("size", 0.001, 0.3)


def drift(*measures: Measure, **changes: object) -> Drift:
    made = Drift(pictures=200, found=200, reference=500, groups=(500, 200), findable=0.3, enough=30, measures=measures)
    return msgspec.structs.replace(made, **changes)


def test_the_verdict_comes_first_then_the_reasons_the_figures_and_what_to_do() -> None:
    text = drift_text(drift(NOTHING, OTHER, DARKER)).plain
    places = [text.index(words) for words in (
        "200 new images compared with 500 validation images of the training.", "Drift found in 2 measures of 3.",
        "- The images are darker: median brightness 31.0%, in training 45.0% (effect\n  large).",
        "- Classes are predicted", "sharpness", "Label some of the new images",
    )]  # fmt: skip
    assert places == sorted(places) and "\x1b" not in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_without_drift_there_is_nothing_to_do() -> None:
    text = drift_text(drift(NOTHING)).plain
    assert "No drift found." in text and "Label" not in text and not text.endswith("\n")


def test_trifles_and_few_images_are_reported_and_raise_no_alarm() -> None:
    text = drift_text(drift(TRIFLE, pictures=12, found=12, groups=(500, 12), findable=1.4)).plain
    assert "Too small to matter, though more than chance: size." in text
    assert "No drift found, but there are few images." in text
    assert "only differences of 1.4 standard deviations or more" in text


def test_says_what_was_left_out_and_that_a_sample_was_compared() -> None:
    text = drift_text(drift(NOTHING, found=9000, pictures=1900, seen=70, left_out=30)).plain
    assert "A sample of 1,900 of 9,000 images compared with" in text
    assert "70 images left out: the model was trained on them or selected by them." in text
    assert "30 images left out: cannot be opened." in text
    assert "sample" not in drift_text(drift(NOTHING, found=300, seen=70, left_out=30)).plain


def test_the_most_unfamiliar_images_are_named_on_a_line_each() -> None:
    unfamiliar = tuple(Unfamiliar(name="n" * 90 + str(number), unfamiliarity=9.5 - number) for number in range(8))
    lines = drift_text(drift(DARKER, unfamiliar=unfamiliar)).plain.splitlines()
    shown = [line for line in lines if "nnn" in line]
    assert len(shown) == 5 and shown[0].startswith("    9.50  n") and all(len(line) <= 80 for line in shown)
