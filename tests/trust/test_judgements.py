import re

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from eyebright.trust.evidence import Leak, OneClass
from eyebright.trust.judgements import (
    JUDGEMENTS,
    class_failing,
    judge,
    leak,
    noisy_labels,
    overfitting,
    rate_too_high,
    rate_too_low,
    too_few,
    underfitting,
)

COUNT = 40
rates = st.integers(0, COUNT)


def test_where_nothing_is_wrong_it_is_sound(evidence) -> None:
    (only,) = judge(evidence())
    assert only.kind == "sound"
    assert "training accuracy 95.0%, validation accuracy 93.0% (95 % interval 91.2% to 94.4%)" in only.text
    assert (only.advice, only.remedy) == ("", {})


def test_all_that_holds_is_told_most_important_first(evidence, share) -> None:
    failing = OneClass(name="rose", recall=share(0, 60), others=share(360, 400), taken_for="tulip", taken=60)
    found = judge(
        evidence(
            (99, 100), (30, 50), leak=Leak(alike=20, of=100, apart=share(20, 40)), classes=(failing,), pictures=100
        )
    )
    assert [one.kind for one in found] == ["leak suspected", "overfitting", "too few pictures", "class failing"]


@settings(max_examples=150, deadline=None)
@given(
    train=rates, validation=rates, surest=rates, recall=rates, others=rates, alike=rates,
    times=st.integers(2, 50),
)  # fmt: skip
def test_more_pictures_with_the_same_rates_never_take_a_claim_back(
    evidence, share, train, validation, surest, recall, others, alike, times
) -> None:
    def asked(factor: int):
        def of(right: int):
            return share(right * factor, COUNT * factor)

        one = OneClass(name="a", recall=of(recall), others=of(others), taken_for="b", taken=1)
        return evidence(
            (train * factor, COUNT * factor), (validation * factor, COUNT * factor), surest=of(surest), classes=(one,),
            leak=Leak(alike=alike * factor, of=COUNT * factor, apart=of(validation)),
            discrimination=(0.6, 0.6 - 0.1 / factor, 0.6 + 0.1 / factor),
        )  # fmt: skip

    few, many = asked(1), asked(times)
    for judgement in JUDGEMENTS:
        if judgement is not too_few and judgement(few) is not None:
            assert judgement(many) is not None, judgement.__name__
    if too_few(few) is None:
        assert too_few(many) is None


@settings(max_examples=100, deadline=None)
@given(rates, rates, st.integers(2, 100))
def test_every_verdict_shows_figures_with_an_interval_and_what_to_try(evidence, train, validation, num_classes) -> None:
    for verdict in judge(evidence((train, COUNT), (validation, COUNT), num_classes=num_classes)):
        assert re.search(r"interval|open from", verdict.text)
        assert verdict.short
        assert ("\n  eyebright " in verdict.advice) == (verdict.kind != "sound")
        assert all(len(line) <= 79 for line in verdict.advice.split("\n")[1:])


@pytest.mark.parametrize(
    ("train", "validation", "told"),
    [
        ((990, 1000), (700, 1000), True),
        ((500, 1000), (300, 1000), True),
        ((900, 1000), (810, 1000), False),  # a gap, but a small one
        ((17, 20), (7, 10), False),  # a gap that ten pictures cannot prove
        ((800, 1000), (900, 1000), False),
    ],
)
def test_overfitting_is_a_gap_that_is_both_large_and_sure(evidence, train, validation, told) -> None:
    assert (overfitting(evidence(train, validation)) is not None) == told


def test_overfitting_tells_its_figures_and_their_intervals(evidence) -> None:
    found = overfitting(evidence((990, 1000), (700, 1000)))
    (low, high), (_, most) = (scipy.stats.binomtest(right, 1000).proportion_ci(0.95, "wilson") for right in (700, 990))
    (least, _) = scipy.stats.binomtest(990, 1000).proportion_ci(0.95, "wilson")
    below, above = np.hypot(0.99 - least, high - 0.7), np.hypot(most - 0.99, 0.7 - low)  # Newcombe's method 10
    assert f"by 29.0 points (95 % interval {100 * (0.29 - below):.1f} to {100 * (0.29 + above):.1f})" in found.text
    assert "training accuracy 99.0%, validation accuracy 70.0% (95 % interval 67.1% to 72.8%)" in found.text


def test_overfitting_is_seen_in_the_last_epoch_though_an_earlier_one_was_kept(evidence) -> None:
    course = {"accuracy": (0.6, 0.8, 0.999), "validation_accuracy": (0.6, 0.6, 0.59)}
    kept = evidence((640, 1000), (600, 1000))
    assert overfitting(kept) is None
    found = overfitting(evidence((640, 1000), (600, 1000), **course))
    assert "in the last epoch training accuracy 99.9%, validation accuracy 59.0%" in found.text
    assert "of the kept weights training accuracy 64.0%" in found.text


def test_a_last_epoch_that_was_cut_short_proves_as_little_as_its_few_pictures(evidence) -> None:
    course = {"accuracy": (0.6, 0.75), "validation_accuracy": (0.6, 0.6)}
    kept = ((640, 1000), (600, 1000))
    assert overfitting(evidence(*kept, **course, seen=(5000, 5000))) is not None
    assert overfitting(evidence(*kept, **course, seen=(5000, 32))) is None


@pytest.mark.parametrize(
    ("losses", "told"),
    [((0.9, 0.7, 0.5, 0.6, 0.8), True), ((0.9, 0.7, 0.5, 0.51, 0.52), False), ((), False), ((0.5,), False)],
)
def test_overfitting_tells_since_when_the_validation_loss_rises(evidence, losses, told) -> None:
    text = overfitting(evidence((99, 100), (50, 100), validation_loss=losses)).text
    assert ("lowest after epoch 3 and has risen since" in text) == told


def test_advice_against_overfitting_is_augmentation_then_stronger_then_a_network_that_has_seen_others(evidence) -> None:
    first = overfitting(evidence((99, 100), (50, 100)))
    assert first.remedy == {"rotation": 0.1, "zoom": 0.1, "shift": 0.1, "dropout": 0.2}
    assert "--augment rotation=0.1,zoom=0.1,shift=0.1" in first.advice
    on = {"flip": True, "rotation": 0.05, "cutmix": 0.0}
    second = overfitting(evidence((99, 100), (50, 100), augmentation=on, dropout=0.2))
    assert second.remedy == {"cutmix": 1.0, "epochs": 6, "dropout": 0.4}
    assert "--epochs 6 --augment flip,rotation=0.05,cutmix=1" in second.advice.replace(" \\\n    ", " ")
    third = overfitting(evidence((99, 100), (50, 100), augmentation=on | {"cutmix": 1.0}, dropout=0.8))
    assert third.remedy == {}
    assert "--minutes 5" in third.advice


@pytest.mark.parametrize("dropout", [0.0, 0.3, 0.7])
def test_dropout_is_never_lowered(evidence, dropout) -> None:
    assert overfitting(evidence((99, 100), (50, 100), dropout=dropout)).remedy["dropout"] >= dropout


@pytest.mark.parametrize(
    ("train", "num_classes", "told"),
    [
        ((300, 1000), 5, True),
        ((750, 1000), 2, True),
        ((750, 1000), 10, False),
        ((600, 1000), 5, True),
        ((60, 100), 5, False),
    ],
)
def test_underfitting_is_to_be_surely_below_what_is_known(evidence, train, num_classes, told) -> None:
    assert (underfitting(evidence(train, train, num_classes=num_classes)) is not None) == told


@pytest.mark.parametrize(
    ("losses", "words", "remedy"),
    [
        ((1.6, 1.5, 1.4), "--epochs 6", {"epochs": 6}),
        ((1.6, 1.6, 1.6), "--network resnet18", {}),
        ((1.6, 1.5), "resnet18", {}),
    ],
)
def test_advice_against_underfitting_is_patience_only_while_the_loss_falls(evidence, losses, words, remedy) -> None:
    found = underfitting(evidence((25, 100), (24, 100), validation_loss=losses))
    assert words in found.advice
    assert found.remedy == remedy


@pytest.mark.parametrize(
    ("loss", "peak", "train", "told"),
    [
        ((2.0, 9.0, 2.0), 0.01, (300, 1000), "went up to 9.00"),
        ((9.0, 2.0, 1.7), 0.01, (300, 1000), ""),  # it may have begun there
        ((1.61, 1.61, 1.61), 0.1, (200, 1000), "stayed at 1.61"),
        ((1.61, 1.61, 1.61), 2e-3, (200, 1000), ""),  # nothing was learned, but not for the rate's sake
        ((2.0, 9.0, 2.0), 0.01, (900, 1000), ""),  # it blew up, and learned nonetheless
        ((9.0, 9.0, 8.9), 1e-6, (200, 1000), ""),  # it began there, and hardly moved
    ],
)
def test_a_rate_is_too_high_where_the_loss_blows_up_or_nothing_is_learned(evidence, loss, peak, train, told) -> None:
    found = rate_too_high(evidence(train, train, loss=loss, peak=peak))
    assert (found is not None) == bool(told)
    if found:
        assert told in found.text
        assert "knowing nothing costs 1.61" in found.text  # ln 5
        assert found.remedy["learning_rate"] <= peak / 10


@pytest.mark.parametrize(("first_loss", "told"), [(2.0, True), (7.0, False)])
def test_a_first_epoch_may_blow_up_or_have_begun_so_high(evidence, first_loss, told) -> None:
    found = rate_too_high(evidence((300, 1000), (300, 1000), loss=(9.0, 2.0), peak=0.01, first_loss=first_loss))
    assert (found is not None) == told


@pytest.mark.parametrize(
    ("peak", "train", "adaptive", "told"),
    [
        (1e-6, (250, 1000), True, True),
        (1e-6, (950, 1000), True, False),  # it began with what others had learned
        (1e-6, (250, 1000), False, False),  # steps of another optimizer are not so bounded
        (4e-4, (250, 1000), True, False),
    ],
)
def test_a_rate_is_too_low_where_no_weight_could_get_anywhere(evidence, peak, train, adaptive, told) -> None:
    found = rate_too_low(evidence(train, train, peak=peak, adaptive=adaptive))
    assert (found is not None) == told
    if found:
        assert "could move by more than 0.00047 in all" in found.text  # three times 157 steps
        assert "--learning-rate 0.002" in found.advice


def test_a_rate_that_explains_it_takes_the_place_of_underfitting(evidence) -> None:
    low = evidence((250, 1000), (250, 1000), peak=1e-6)
    assert rate_too_low(low)
    assert underfitting(low) is None


def test_what_is_advised_repeats_the_run_and_not_another_one(evidence) -> None:
    """Without a network or a run's settings `train` would find a network and learn but a head, at no rate at all."""
    low = {"seen": (320,), "peak": 1e-6}
    for course in ({}, {"minutes": 2.0}, {"found": True, "minutes": 2.0}):
        found = rate_too_low(evidence((250, 1000), (250, 1000), **low, **course))
        assert "\n  eyebright train --config RUN/config.toml -o NEW --learning-rate 0.002" in found.advice
        found = overfitting(evidence((99, 100), (50, 100), **course))
        assert "--config RUN/config.toml -o NEW" in found.advice
    larger = underfitting(evidence((25, 100), (24, 100), validation_loss=(1.6, 1.6, 1.6), minutes=2.0))
    assert "train PICTURES -o NEW --network resnet18 --minutes 2" in larger.advice
    head = underfitting(evidence((300, 1000), (300, 1000), epochs=0))  # auto finds the head again, and trains on
    assert "train PICTURES -o NEW --minutes 5" in head.advice


def test_a_head_alone_and_a_budget_are_advised_more_time_not_epochs(evidence) -> None:
    """Augmentation does not reach a head on kept features; a budget's steps are not counted in epochs."""
    on = {"flip": True, "rotation": 0.1}
    head = overfitting(evidence((99, 100), (50, 100), augmentation=on, epochs=0))
    assert head.remedy == {"minutes": 5} and "--minutes 5" in head.advice and "--augment" not in head.advice
    weak = underfitting(evidence((300, 1000), (300, 1000), epochs=0))
    assert "--minutes 5" in weak.advice
    budget = overfitting(evidence((99, 100), (50, 100), augmentation=on, epochs=15, minutes=3.0))
    assert budget.remedy["minutes"] == 6.0 and "epochs" not in budget.remedy and "--minutes 6" in budget.advice


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
