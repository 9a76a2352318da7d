import numpy as np
import pytest
import scipy.stats

from eyebright.trust.drift import Drift, Measure, Profile, compare_profiles
from eyebright.trust.significance import LARGE, MEDIUM

CLASSES = ("daisy", "rose", "tulip")


def profile(count: int, seed: int, *, groups: np.ndarray | None = None, **changes: np.ndarray) -> Profile:
    """Images of independent measures: of every seed from the same distribution."""
    stream = np.random.default_rng(seed)
    parts = {
        "brightness": stream.beta(4, 5, count),
        "contrast": stream.beta(2, 6, count),
        "colour": stream.beta(2, 5, count),
        "sharpness": stream.lognormal(size=count),
        "width": stream.choice([320, 640, 1024], count),
        "height": stream.choice([240, 480], count),
        "predicted": stream.choice(3, count, p=[0.5, 0.3, 0.2]),
        "confidence": stream.beta(8, 1, count),
        "unfamiliarity": stream.gamma(4, 0.13, count),  # above 1 with a probability of 5.0%
        "points": stream.normal(size=(count, 8)),
    }
    return Profile(**{**parts, **changes}, groups=np.arange(count) if groups is None else groups)


def found(new: Profile, reference: Profile | None = None) -> Drift:
    reference = reference or profile(400, seed=1)
    measures, deals = compare_profiles(reference, new, CLASSES)
    return Drift(
        pictures=len(new.groups), found=len(new.groups), reference=len(reference.groups), groups=deals.groups,
        findable=deals.findable(len(measures)), enough=deals.enough(len(measures), LARGE), measures=measures,
    )  # fmt: skip


def test_of_images_like_those_in_training_at_most_one_set_in_twenty_raises_an_alarm() -> None:
    """All measures together: 60 sets, a binomial quantile."""
    alarms = [any(each.is_proven for each in found(profile(80, seed), profile(120, seed + 500)).measures)
              for seed in range(60)]  # fmt: skip
    assert sum(alarms) <= scipy.stats.binom.ppf(0.999, 60, 0.05)
    assert found(profile(300, seed=2)).verdict == "No drift found."


BRIGHTNESS = profile(150, seed=3).brightness


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("brightness", {"brightness": BRIGHTNESS * 0.6}, "The images are darker: median brightness 26"),
        ("brightness", {"brightness": np.sqrt(BRIGHTNESS)}, "The images are brighter: median brightness 6"),
        ("sharpness", {"sharpness": profile(150, 3).sharpness / 4}, "The images are less sharp: median sharpness 0.2"),
        ("size", {"width": np.full(150, 96)}, "The images are smaller: median size "),
        ("proportions", {"height": np.full(150, 1024)}, "The images are taller: median proportions 0."),
        ("confidence", {"confidence": np.full(150, 0.4)}, "The images are harder for the model: median confidence 40"),
        ("unfamiliar", {"unfamiliarity": profile(150, 3).unfamiliarity * 2}, "of the images are unlike"),
        ("features", {"points": profile(150, 3).points + 0.4}, "The network sees other content"),
        ("features", {"points": profile(150, 3).points * 2}, "The network sees other content"),
        ("classes", {"predicted": np.arange(150) % 2}, "Classes are predicted in other shares: "),
    ],
)  # fmt: skip
def test_what_has_changed_is_named_and_nothing_else(name: str, changes: dict, words: str) -> None:
    drift = found(profile(150, seed=3, **changes))
    alarms = {each.name: each.sentence for each in drift.alarms}
    related = {"size", "proportions"} if "width" in changes or "height" in changes else {name}
    assert name in alarms and alarms.keys() <= related and words in alarms[name]
    assert drift.verdict.startswith("Drift found in ") and drift.next_step


def test_a_class_that_is_missing_is_found_with_its_shares() -> None:
    drift = found(profile(150, seed=3, predicted=np.arange(150) % 2))
    assert "tulip 0.0%, in training" in drift.alarms[0].sentence
    assert "only the shares of the classes differ" in drift.next_step


def test_a_trifle_raises_no_alarm_however_many_images_there_are() -> None:
    many = profile(2000, seed=4)
    drift = found(many._replace(brightness=many.brightness - 0.04))  # a quarter of a standard deviation
    assert [each.name for each in drift.trifles] == ["brightness"] and not drift.alarms
    assert drift.trifles[0].size == "small" and drift.verdict == "No drift found." and not drift.next_step


def test_a_spread_that_has_changed_around_the_same_median_is_named() -> None:
    middle = np.median(profile(400, seed=1).brightness)
    drift = found(profile(200, 3, brightness=np.full(200, middle)))
    assert drift.alarms[0].sentence.startswith("The images differ in their brightness, with the same median")


def test_frames_of_one_film_raise_no_alarm_alone() -> None:
    """Five films of thirty equal frames: as independent images they would differ from the training."""
    groups = np.repeat(np.arange(5), 30)
    films = {name: values[groups] for name, values in profile(5, seed=11)._asdict().items() if name != "groups"}
    assert found(profile(150, 0, **films)).alarms
    drift = found(profile(150, 0, groups=groups, **films))
    assert not drift.alarms and drift.groups == (400, 5)
    assert "The new images come in 5 groups" in " ".join(drift.notes)


def test_few_images_say_how_large_an_effect_they_could_have_found() -> None:
    drift = found(profile(12, seed=5))
    assert drift.verdict == "No drift found, but there are few images."
    assert f"only differences of {drift.findable:.1f} standard deviations or more are found" in drift.notes[0]
    assert drift.findable > 1 and found(profile(400, seed=5)).findable < MEDIUM


def test_a_single_image_can_show_nothing_and_says_so() -> None:
    drift = found(profile(1, seed=5))
    assert not drift.alarms and drift.verdict.startswith("Too few images: 1 image cannot show") and drift.too_few
    assert not drift.as_table().rows and drift.measures
    assert drift.notes == (
        f"Give at least {drift.enough} new images, not from one film alone: so many show a large difference in most "
        "cases.",
    )
    assert found(profile(drift.enough, seed=4)).findable <= LARGE < found(profile(drift.enough - 1, seed=4)).findable
    assert "too few validation images" in found(profile(1, seed=0), profile(9, seed=1)).notes[0]


def test_the_values_of_a_measure_have_the_same_number_of_digits() -> None:
    for scale in (1.0, 0.01, 100.0):
        new = profile(300, seed=3)
        for each in found(new._replace(sharpness=scale * new.sharpness)).measures:
            decimals = [len(text.strip("% px").partition(".")[2]) for text in (each.reference, each.new)]
            assert decimals[0] == decimals[1], each


def test_of_an_old_model_only_the_classes_are_compared() -> None:
    reference = Profile.of_predictions(np.repeat([0, 1, 2], [50, 30, 20]))
    drift = found(profile(90, seed=6, predicted=np.full(90, 2)), reference)
    assert [each.name for each in drift.measures] == ["classes"] and drift.alarms


def test_the_p_values_are_corrected_for_all_measures() -> None:
    drift = found(profile(150, seed=3, brightness=BRIGHTNESS * 0.6))
    assert min(each.p_value for each in drift.measures) == pytest.approx(len(drift.measures) / 1000)


def test_an_alarm_needs_significance_and_size() -> None:
    def measure(p_value: float, effect: float) -> Measure:
        return Measure(name="x", reference="", new="", p_value=p_value, effect=effect, sentence="")

    assert [measure(*pair).is_alarm for pair in ((0.01, 0.6), (0.01, 0.4), (0.2, 0.6))] == [True, False, False]
    assert [measure(0, effect).size for effect in (0.1, 0.3, 0.6, 0.9)] == ["tiny", "small", "medium", "large"]


def test_the_table_has_every_measure() -> None:
    text = found(profile(60, seed=7)).as_table().text()
    assert all(name in text for name in ("brightness", "features", "unfamiliar", "classes", "effect"))
