import numpy as np
import pytest
import scipy.stats

from eyebright.evaluation.evidence import Leak, OneClass
from eyebright.evaluation.material import class_failing, leak, noisy_labels, too_few


def one_class(share, recall, others, name="rose", taken_for="tulip") -> OneClass:
    return OneClass(name=name, recall=share(*recall), others=share(*others), taken_for=taken_for, taken=7)


@pytest.mark.parametrize(("alike", "told"), [(0, False), (9, False), (10, True), (300, True)])
def test_a_leak_is_told_from_one_picture_in_a_hundred_on(evidence, share, alike, told) -> None:
    found = leak(evidence(leak=Leak(alike=alike, of=1000, apart=share(400, 500))))
    assert (found is not None) == told
    if found:
        assert f"{alike} of the 1,000 validation and test pictures" in found.text
        assert "Without them validation accuracy is 80.0% (95 % interval 76.3% to 83.3%)" in found.text
        assert "--exclude audit.json" in found.advice


@pytest.mark.parametrize(
    ("course", "command"),
    [
        ({}, "--config RUN/config.toml -o NEW --exclude audit.json"),
        ({"found": True}, "PICTURES -o NEW --epochs 3 --exclude audit.json"),  # a head that knows the copies is left
        ({"found": True, "minutes": 2.0}, "PICTURES -o NEW --minutes 2 --exclude audit.json"),
        ({"epochs": 0}, "PICTURES -o NEW --exclude audit.json"),
    ],
)
def test_without_what_leaked_it_is_learned_again_as_before_but_from_nothing_that_knew_it(
    evidence, share, course, command
) -> None:
    found = leak(evidence(leak=Leak(alike=100, of=1000, apart=share(400, 500)), **course))
    assert f"eyebright train {command}" in found.advice.splitlines()[-1]


def test_where_all_leak_no_accuracy_is_left_to_tell(evidence, share) -> None:
    assert "Without" not in leak(evidence(leak=Leak(alike=5, of=5, apart=share(0, 0)))).text


@pytest.mark.parametrize(
    ("surest", "discrimination", "validation", "told"),
    [
        ((225, 250), (0.64, 0.60, 0.68), (600, 1000), True),
        ((248, 250), (0.64, 0.60, 0.68), (600, 1000), False),  # what it is surest of, it knows
        ((225, 250), (0.75, 0.71, 0.79), (600, 1000), False),  # it knows what it does not know
        ((225, 250), (0.64, 0.50, 0.78), (600, 1000), False),  # or might
        ((225, 250), (0.64, 0.60, 0.68), (250, 1000), False),  # it has learned nothing that could contradict a label
    ],
)
def test_sure_contradictions_tell_of_wrong_labels(evidence, share, surest, discrimination, validation, told) -> None:
    found = noisy_labels(evidence((700, 1000), validation, surest=share(*surest), discrimination=discrimination))
    assert (found is not None) == told
    if found:
        low, high = scipy.stats.binomtest(25, 250).proportion_ci(0.95, "wilson")
        assert f"10.0% (95 % interval {low:.1%} to {high:.1%}) are labelled otherwise" in found.text
        assert "only 64% of cases (95 % interval 60% to 68%)" in found.text


@pytest.mark.parametrize(
    ("validation", "told"), [((40, 50), True), ((800, 1000), False), ((10, 10), True), ((100, 100), False)]
)
def test_few_validation_pictures_leave_the_accuracy_open(evidence, validation, told) -> None:
    found = too_few(evidence(validation, validation))
    assert (found is not None) == told
    if told and found:
        low, high = scipy.stats.binomtest(*validation).proportion_ci(0.95, "wilson")
        assert f"{validation[1]} validation pictures leave the accuracy open from {low:.0%} to {high:.0%}" in found.text


@pytest.mark.parametrize(
    ("pictures", "validation", "told"), [(300, (700, 1000), True), (600, (700, 1000), False), (300, (940, 1000), False)]
)
def test_few_training_pictures_are_too_few_where_they_are_learned_by_heart(
    evidence, pictures, validation, told
) -> None:
    found = too_few(evidence((990, 1000), validation, pictures=pictures))
    assert (found is not None) == told
    if found:
        assert "from 60 training pictures a class" in found.text
        assert "--minutes 5" in found.advice


@pytest.mark.parametrize(
    ("recall", "others", "told"),
    [
        ((20, 100), (360, 400), True),
        ((70, 100), (360, 400), False),  # the hardest, but no failure
        ((2, 6), (360, 400), True),
        ((1, 2), (360, 400), False),  # two pictures prove nothing
        ((0, 100), (100, 400), False),  # the others do not fare well either
    ],
)
def test_a_class_fails_where_it_is_surely_far_worse_than_the_others(evidence, share, recall, others, told) -> None:
    fine = one_class(share, (99, 100), (300, 400), "daisy")
    found = class_failing(evidence(classes=(fine, one_class(share, recall, others))))
    assert (found is not None) == told
    if found:
        assert f"of rose only {recall[0] / recall[1]:.1%} (95 % interval" in found.text
        assert "taken for tulip 7 times" in found.text
        assert "daisy" not in found.text


def test_the_worst_class_is_told_in_full_and_the_others_by_name(evidence, share) -> None:
    classes = tuple(
        one_class(share, (right, 100), (700, 800), name) for name, right in (("a", 30), ("b", 10), ("c", 20))
    )
    found = class_failing(evidence(classes=classes))
    assert found.text.startswith("One class is failing: of b only 10.0%")
    assert "Failing too: c, a." in found.text


def test_a_class_never_taken_for_another_is_not_said_to_be(evidence, share) -> None:
    found = class_failing(evidence(classes=(one_class(share, (0, 50), (360, 400), taken_for=""),)))
    assert "taken" not in found.text
    assert np.char.count(found.text, "None") == 0
