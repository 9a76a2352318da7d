import re

import pytest
import scipy.stats

from eyebright.trust.evidence import ClassAccuracy, Leak, Shortcut
from eyebright.trust.image_checks import class_failing, leak, noisy_labels, shortcut, too_few


def one_class(share, recall, others, name="rose", confused_with="tulip") -> ClassAccuracy:
    return ClassAccuracy(
        name=name, recall=share(*recall), others=share(*others), confused_with=confused_with, confused=7
    )


@pytest.mark.parametrize(("alike", "expected"), [(0, False), (9, False), (10, True), (300, True)])
def test_a_leak_is_reported_from_one_image_in_a_hundred(evidence, share, alike, expected) -> None:
    found = leak(evidence(leak=Leak(leaking=alike, of=1000, without=share(400, 500))))
    assert (found is not None) == expected
    if found:
        assert f"{alike} of the 1,000 validation and test images have a duplicate, a near-duplicate" in found.text
        assert "Without them, validation accuracy is 80.0% (95% interval 76.3-83.3%)." in found.text
        assert "--config RUN/config.toml -o NEW --exclude audit.json" in found.advice
        again = leak(evidence(leak=Leak(leaking=alike, of=1000, without=share(1, 2)), start_from_same_images=True))
        assert "train PICTURES -o NEW --epochs 3 --exclude audit.json" in again.advice


def test_where_all_images_leak_there_is_no_accuracy_without_them(evidence, share) -> None:
    assert "Without" not in leak(evidence(leak=Leak(leaking=5, of=5, without=share(0, 0)))).text


@pytest.mark.parametrize(
    ("most_confident", "discrimination", "validation", "expected"),
    [
        ((225, 250), (0.64, 0.60, 0.68), (600, 1000), True),
        ((248, 250), (0.64, 0.60, 0.68), (600, 1000), False),  # its most confident predictions are correct
        ((225, 250), (0.75, 0.71, 0.79), (600, 1000), False),  # confidence separates correct from wrong
        ((225, 250), (0.65, 0.61, 0.69), (600, 1000), True),
        ((225, 250), (0.67, 0.63, 0.71), (600, 1000), False),
        ((225, 250), (0.64, 0.50, 0.78), (600, 1000), False),  # or may do so
        ((225, 250), (0.64, 0.60, 0.68), (250, 1000), False),  # it has learned too little to contradict a label
    ],
)
def test_confident_predictions_that_contradict_labels_are_noisy_labels(
    evidence, share, most_confident, discrimination, validation, expected
) -> None:
    found = noisy_labels(
        evidence((700, 1000), validation, most_confident=share(*most_confident), discrimination=discrimination)
    )
    assert (found is not None) == expected
    if found:
        low, high = scipy.stats.binomtest(25, 250).proportion_ci(0.95, "wilson")
        assert f"10.0% (95% interval {100 * low:.1f}-{100 * high:.1f}%) contradict the label" in found.text
        area, low, high = (100 * value for value in discrimination)
        assert f"only {area:.1f}% of all pairs (95% interval {low:.1f}-{high:.1f}%)" in found.text


@pytest.mark.parametrize(("common", "expected"), [(200, True), (620, False)])
def test_who_always_answers_the_most_common_class_has_learned_nothing(evidence, share, common, expected) -> None:
    """62% are correct: with five classes of 200 images that is much; with one of 620 it is that class alone."""
    rest = (1000 - common) // 4
    classes = tuple(
        ClassAccuracy(name=name, recall=share(0, of), others=share(0, 1000 - of), confused_with="", confused=0)
        for name, of in zip("abcde", (common, *[rest] * 4), strict=True)
    )
    found = noisy_labels(
        evidence(
            (620, 1000), (620, 1000), most_confident=share(190, 250), discrimination=(0.5, 0.4, 0.6), classes=classes
        )
    )
    assert (found is not None) == expected


@pytest.mark.parametrize(
    ("validation", "expected"),
    [((40, 50), True), ((800, 1000), False), ((10, 10), True), ((100, 100), False), ((35, 37), True)],
)
def test_with_few_validation_images_the_accuracy_is_uncertain(evidence, validation, expected) -> None:
    found = too_few(evidence(validation, validation, larger=(2 * validation[1], 0)))
    assert (found is not None) == expected
    if expected and found:
        low, high = scipy.stats.binomtest(*validation).proportion_ci(0.95, "wilson")
        assert (
            f"with {validation[1]} validation images the accuracy is uncertain: {low:.1%} to {high:.1%}" in found.text
        )
        assert "--validation 0.25 --test 0.25" in found.advice.replace(" \\\n   ", "") and not found.remedy


@pytest.mark.parametrize(("test", "expected"), [(37, True), (300, False), (0, False)])
def test_few_test_images_are_too_few_whatever_the_validation_set(evidence, test, expected) -> None:
    """A validation set may be large enough where the test set is not: 37 images cannot tell 95% from 85%."""
    found = too_few(evidence((1900, 2000), (1900, 2000), test=test))
    assert (found is not None) == expected
    if found:
        low, high = scipy.stats.binomtest(35, 37).proportion_ci(0.95, "wilson")
        width = float(re.search(r"with 37 test images .* about (\d+) percentage points", found.text)[1])
        assert width == pytest.approx(100 * (high - low), abs=3)


@pytest.mark.parametrize(
    ("validation", "test", "larger", "expected"),
    [
        ((8, 10), 10, (13, 10), True),  # 1.3 times as many
        ((8, 10), 10, (12, 30), False),  # of the set that is too small
        ((8, 10), 10, (10, 10), False),  # three images a class
        ((1900, 2000), 10, (2000, 13), True),
        ((1900, 2000), 10, (9000, 12), False),
    ],
)
def test_larger_shares_are_only_advised_where_they_give_more_images(
    evidence, validation, test, larger, expected
) -> None:
    advice = too_few(evidence(validation, validation, test=test, larger=larger)).advice
    assert ("--validation 0.25" in advice) == expected
    assert advice.startswith("Add images")


@pytest.mark.parametrize(
    ("pictures", "validation", "expected"),
    [(300, (700, 1000), True), (600, (700, 1000), False), (300, (940, 1000), False)],
)
def test_few_training_images_are_too_few_where_the_network_overfits(evidence, pictures, validation, expected) -> None:
    found = too_few(evidence((990, 1000), validation, images=pictures))
    assert (found is not None) == expected
    if found:
        assert "with 60 training images per class the network overfits" in found.text
        assert "--minutes 5" in found.advice


@pytest.mark.parametrize(
    ("recall", "others", "expected"),
    [
        ((20, 100), (360, 400), True),
        ((70, 100), (360, 400), False),  # the hardest class, but not failing
        ((2, 6), (360, 400), True),
        ((1, 2), (360, 400), False),  # two images prove nothing
        ((0, 100), (170, 400), False),  # the other classes are bad too: their interval starts below 0.44
        ((0, 100), (200, 400), True),
    ],
)
def test_a_class_fails_where_it_is_significantly_worse_than_the_others(
    evidence, share, recall, others, expected
) -> None:
    fine = one_class(share, (99, 100), (300, 400), "daisy")
    found = class_failing(evidence(classes=(fine, one_class(share, recall, others))))
    assert (found is not None) == expected
    if found:
        assert f"only {recall[0] / recall[1]:.1%} (95% interval" in found.text
        assert "Most common mistake: tulip (7 times)." in found.text
        assert "daisy" not in found.text


def test_the_worst_class_is_reported_in_full_and_the_others_by_name(evidence, share) -> None:
    classes = tuple(
        one_class(share, (right, 100), (700, 800), name) for name, right in (("a", 30), ("b", 10), ("c", 20))
    )
    found = class_failing(evidence(classes=classes))
    assert found.text.startswith("Class failing: only 10.0% (95% interval") and " of the b images " in found.text
    assert "Also failing: c, a." in found.text


def test_a_class_that_is_never_confused_has_no_common_mistake(evidence, share) -> None:
    found = class_failing(evidence(classes=(one_class(share, (0, 50), (360, 400), confused_with=""),)))
    assert "mistake" not in found.text


def place(share, changed, label="rose", region="top left corner", lost=(9, 16)) -> Shortcut:
    area = 0.44 if region == "whole border" else 1 / 9
    return Shortcut(label=label, region=region, area=area, changed=share(*changed), lost=share(*lost))


@pytest.mark.parametrize(
    ("changed", "lost", "validation", "expected"),
    [
        ((16, 16), (16, 16), (930, 1000), True),
        ((12, 16), (4, 16), (930, 1000), True),
        ((11, 16), (16, 16), (930, 1000), False),
        ((16, 16), (3, 16), (930, 1000), False),  # the rest of the image is enough
        ((2, 2), (2, 2), (930, 1000), True),
        ((1, 1), (1, 1), (930, 1000), False),  # one image proves nothing
        ((16, 16), (16, 16), (250, 1000), False),  # a network that has learned nothing has no shortcut either
    ],
)
def test_a_shortcut_changes_most_predictions_and_is_needed(
    evidence, share, changed, lost, validation, expected
) -> None:
    found = shortcut(evidence(validation, validation, shortcuts=(place(share, changed, lost=lost),)))
    assert (found is not None) == expected
    if found:
        low, high = scipy.stats.binomtest(*changed).proportion_ci(0.95, "wilson")
        assert f"{changed[0] / changed[1]:.1%} (95% interval {100 * low:.1f}-{100 * high:.1f}%)" in found.text
        assert "with the top left corner of rose images pasted in" in found.text
        assert f"without it, {lost[0] / lost[1]:.1%} of the rose images are not" in found.text
        assert "explain RUN PICTURES -o why.png" in found.advice and not found.remedy


def test_the_strongest_shortcut_is_reported_and_other_classes_by_name(evidence, share) -> None:
    found = shortcut(
        evidence(
            shortcuts=(
                place(share, (12, 16), "tulip"),
                place(share, (15, 16), region="bottom edge"),
                place(share, (3, 16), "daisy"),
            )
        )
    )
    assert found.short == "the bottom edge of rose images decides"
    assert "The same holds for tulip." in found.text and "daisy" not in found.text


def test_a_corner_that_is_enough_is_reported_instead_of_the_whole_border(evidence, share) -> None:
    border = place(share, (16, 16), region="whole border")
    found = shortcut(evidence(shortcuts=(border, place(share, (12, 16), region="bottom right corner"))))
    assert found.short == "the bottom right corner of rose images decides"
    assert shortcut(evidence(shortcuts=(border,))).short == "the whole border of rose images decides"
