import re

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from eyebright.system.errors import DataError
from eyebright.system.records import from_json, to_json
from eyebright.trust.evidence import ClassAccuracy, Leak
from eyebright.trust.verdict import (
    CHECKS,
    Verdict,
    class_failing,
    diagnose,
    leak,
    noisy_labels,
    overfitting,
    rate_too_high,
    rate_too_low,
    too_few,
    too_short,
    underfitting,
)

COUNT = 40
rates = st.integers(0, COUNT)


def test_without_problems_the_verdict_says_so(evidence) -> None:
    (only,) = diagnose(evidence())
    assert only.kind == "no problem found"
    assert only.text == (
        "Looks good: no problem found. Training accuracy 95.0%, validation accuracy 93.0% (95% interval 91.2-94.4%)."
    )
    assert (only.advice, only.remedy) == ("", {})


def test_all_problems_are_reported_the_most_important_first(evidence, share) -> None:
    failing = ClassAccuracy(
        name="rose", recall=share(0, 60), others=share(360, 400), confused_with="tulip", confused=60
    )
    found = diagnose(
        evidence(
            (99, 100), (30, 50), leak=Leak(leaking=20, of=100, without=share(20, 40)), classes=(failing,), images=100
        )
    )
    assert [one.kind for one in found] == ["leak suspected", "overfitting", "too few images", "class failing"]


@settings(max_examples=150, deadline=None)
@given(
    train=rates, validation=rates, most_confident=rates, recall=rates, others=rates, alike=rates,
    times=st.integers(2, 50),
)  # fmt: skip
def test_more_images_with_the_same_rates_never_remove_a_verdict(
    evidence, share, train, validation, most_confident, recall, others, alike, times
) -> None:
    def asked(factor: int):
        def of(right: int):
            return share(right * factor, COUNT * factor)

        one = ClassAccuracy(name="a", recall=of(recall), others=of(others), confused_with="b", confused=1)
        return evidence(
            (train * factor, COUNT * factor), (validation * factor, COUNT * factor), most_confident=of(most_confident),
            classes=(one,),
            leak=Leak(leaking=alike * factor, of=COUNT * factor, without=of(validation)),
            discrimination=(0.6, 0.6 - 0.1 / factor, 0.6 + 0.1 / factor),
        )  # fmt: skip

    few, many = asked(1), asked(times)
    for check in CHECKS:
        if check is not too_few and check(few) is not None:
            assert check(many) is not None, check.__name__
    if too_few(few) is None:
        assert too_few(many) is None


@settings(max_examples=100, deadline=None)
@given(rates, rates, st.integers(2, 100))
def test_every_verdict_has_figures_with_an_interval_and_a_command(evidence, train, validation, num_classes) -> None:
    for verdict in diagnose(evidence((train, COUNT), (validation, COUNT), num_classes=num_classes)):
        assert re.search(r"interval|uncertain", verdict.text)
        assert verdict.short
        assert bool(verdict.advice) == (verdict.kind != "no problem found")
        assert "\n  eyebright " in verdict.advice or verdict.kind in ("no problem found", "too few images")
        assert all(len(line) <= 79 for line in verdict.advice.split("\n")[1:])


@pytest.mark.parametrize(
    ("train", "validation", "expected"),
    [
        ((990, 1000), (700, 1000), True),
        ((500, 1000), (300, 1000), True),
        ((900, 1000), (810, 1000), False),  # a gap, but a small one
        ((17, 20), (7, 10), False),  # a gap that ten pictures cannot prove
        ((800, 1000), (900, 1000), False),
    ],
)
def test_overfitting_is_a_gap_that_is_large_and_significant(evidence, train, validation, expected) -> None:
    assert (overfitting(evidence(train, validation)) is not None) == expected


def test_overfitting_shows_its_figures_with_the_interval_of_the_gap(evidence) -> None:
    found = overfitting(evidence((990, 1000), (700, 1000)))
    (low, high), (_, most) = (scipy.stats.binomtest(right, 1000).proportion_ci(0.95, "wilson") for right in (700, 990))
    (least, _) = scipy.stats.binomtest(990, 1000).proportion_ci(0.95, "wilson")
    below, above = np.hypot(0.99 - least, high - 0.7), np.hypot(most - 0.99, 0.7 - low)  # Newcombe's method 10
    assert found.text.startswith(
        "Overfitting: training accuracy 99.0%, validation accuracy 70.0%: a gap of 29.0 percentage points "
        f"(95% interval {100 * (0.29 - below):.1f} to {100 * (0.29 + above):.1f})."
    )


def test_overfitting_is_seen_in_the_last_epoch_though_an_earlier_one_was_kept(evidence) -> None:
    curves = {"accuracy": (0.6, 0.8, 0.999), "validation_accuracy": (0.6, 0.6, 0.59)}
    kept = evidence((640, 1000), (600, 1000))
    assert overfitting(kept) is None
    found = overfitting(evidence((640, 1000), (600, 1000), **curves))
    assert "in the last epoch training accuracy 99.9%, validation accuracy 59.0%" in found.text
    assert "With the saved weights: training accuracy 64.0%, validation accuracy 60.0% (95%" in found.text


def test_the_gap_of_the_last_epoch_has_the_interval_of_the_saved_weights_at_its_own_accuracy(evidence) -> None:
    curves = {"accuracy": (0.6, 0.7), "validation_accuracy": (0.6, 0.5)}
    found = overfitting(evidence((640, 1000), (600, 1000), sample=500, **curves))
    train = scipy.stats.binomtest(350, 500).proportion_ci(0.95, "wilson")
    saved = scipy.stats.binomtest(600, 1000).proportion_ci(0.95, "wilson")
    below, above = np.hypot(0.7 - train.low, saved.high - 0.6), np.hypot(train.high - 0.7, 0.6 - saved.low)
    assert f"20.0 percentage points (95% interval {100 * (0.2 - below):.1f} to {100 * (0.2 + above):.1f})" in found.text


def test_a_sample_of_few_images_proves_little(evidence) -> None:
    curves = {"accuracy": (0.6, 0.75), "validation_accuracy": (0.6, 0.6)}
    kept = ((640, 1000), (600, 1000))
    assert overfitting(evidence(*kept, **curves, sample=1000)) is not None
    assert overfitting(evidence(*kept, **curves, sample=32)) is None


@pytest.mark.parametrize(
    ("losses", "expected"),
    [((0.9, 0.7, 0.5, 0.6, 0.8), True), ((0.9, 0.7, 0.5, 0.51, 0.52), False), ((), False)],
)
def test_overfitting_says_after_which_epoch_the_validation_loss_rises(evidence, losses, expected) -> None:
    text = overfitting(evidence((99, 100), (50, 100), validation_loss=losses)).text
    assert ("lowest after epoch 3 and has risen since" in text) == expected


@pytest.mark.parametrize(
    ("train", "num_classes", "expected"),
    [
        ((300, 1000), 5, True),
        ((750, 1000), 2, True),
        ((750, 1000), 10, False),
        ((600, 1000), 5, True),
        ((60, 100), 5, False),
    ],
)
def test_underfitting_is_a_training_accuracy_significantly_below_the_threshold(
    evidence, train, num_classes, expected
) -> None:
    assert (underfitting(evidence(train, train, num_classes=num_classes)) is not None) == expected


def test_the_advice_against_underfitting_is_a_pretrained_network(evidence) -> None:
    found = underfitting(evidence((25, 100), (24, 100), validation_loss=(1.6, 1.6, 1.6)))
    assert found.remedy == {"network": "auto", "minutes": 5}
    assert "train PICTURES -o NEW --split RUN/split.csv --network auto" in found.advice


@pytest.mark.parametrize(
    ("train", "validation", "losses", "expected"),
    [
        ((25, 100), (24, 100), (1.6, 1.5, 1.4), True),
        ((99, 100), (70, 100), (1.6, 1.2, 1.0), True),  # a gap while both losses fall is no overfitting yet
        ((25, 100), (24, 100), (1.6, 1.6, 1.6), False),
        ((25, 100), (24, 100), (1.6, 1.4, 1.5), False),
        ((25, 100), (24, 100), (1.60, 1.58, 1.51), True),  # 5.6 % below
        ((25, 100), (24, 100), (1.60, 1.58, 1.53), False),  # 4.4 %
        ((700, 1000), (690, 1000), (79.5, 60.1, 52.6), True),  # far above ln 5 = 1.61, that of guessing
        ((700, 1000), (690, 1000), (79.5, 52.6), True),  # the first two epochs tell nothing else, whatever the losses
        ((25, 100), (24, 100), (1.744, 1.582), True),
        ((25, 100), (24, 100), (1.6, 1.6), True),
        ((25, 100), (24, 100), (1.6,), True),
        ((95, 100), (94, 100), (0.3, 0.2), False),
        ((95, 100), (94, 100), (0.6, 0.4, 0.2), False),  # there is little left to learn
        ((700, 1000), (690, 1000), (1.2, 1.0, 0.8), True),
    ],
)
def test_a_training_is_too_short_while_both_losses_fall(evidence, train, validation, losses, expected) -> None:
    asked = evidence(train, validation, validation_loss=losses, loss=losses)
    found = diagnose(asked)[0]
    assert (found.kind == "training too short") == expected
    if expected:
        assert found == too_short(asked)
        assert found.remedy == {"epochs": 10}
        assert "-o NEW --epochs 10" in found.advice
        assert {one.kind for one in diagnose(asked)} <= {"training too short", "too few images"}


@pytest.mark.parametrize("losses", [(2.0,), (2.0, 2.0), (2.0, 1.8, 1.6)])
def test_a_training_that_has_not_settled_is_only_too_short(evidence, share, losses) -> None:
    """Each of these figures is a problem of its own in a training that has settled."""
    failing = one_class(share, (0, 100), (700, 900))
    curves = {"validation_loss": losses, "loss": losses, "running_loss": losses}
    settled = {"validation_loss": (2.0, 2.0, 2.0), "loss": (2.0, 2.0, 2.0)}
    noisy = {"most_confident": share(225, 250), "discrimination": (0.6, 0.58, 0.62), "classes": (failing,)}
    for asked, kinds in (
        (((800, 1000), (630, 1000), noisy), {"noisy labels", "overfitting", "class failing"}),
        (((250, 1000), (250, 1000), {}), {"underfitting"}),
        (((200, 1000), (200, 1000), {"peak": 0.1}), {"learning rate too high"}),
    ):
        train, validation, changes = asked
        running = {"running_loss": (2.0, 2.0, 2.0)}
        assert kinds <= {one.kind for one in diagnose(evidence(train, validation, **running, **settled, **changes))}
        assert [one.kind for one in diagnose(evidence(train, validation, **curves, **changes))] == [
            "training too short"
        ]


def test_the_text_says_whether_the_losses_were_still_falling(evidence) -> None:
    text = too_short(evidence((25, 100), (24, 100), validation_loss=(1.744, 1.582), loss=(1.494, 1.312))).text
    assert "training and validation loss were still falling in the last of 2 epochs, the latter to 1.58." in text
    text = too_short(evidence((25, 100), (24, 100), validation_loss=(1.6,), loss=(1.6,))).text
    assert text.startswith("Training too short: after 1 epoch it is too early to say more. Training accuracy 25.0%")


def test_a_training_loss_that_rises_is_no_short_training(evidence) -> None:
    rising = {"validation_loss": (1.6, 1.5, 1.4), "loss": (1.6, 1.2, 1.3)}
    assert too_short(evidence((25, 100), (24, 100), **rising)) is None


@pytest.mark.parametrize(
    ("loss", "peak", "train", "expected"),
    [
        ((2.0, 9.0, 2.0), 0.01, (300, 1000), "rose to 9.00"),
        ((9.0, 2.0, 1.7), 0.01, (300, 1000), ""),  # the first epoch may have started there
        ((1.61, 1.61, 1.61), 0.1, (200, 1000), "stayed at 1.61"),
        ((1.61, 1.61, 1.61), 2e-3, (200, 1000), ""),  # nothing was learned, but the learning rate is not the reason
        ((9.0, 4.0), 0.01, (300, 1000), ""),  # an ordinary learning rate may raise it in the first epochs
        ((2.0, 9.0), 1.0, (300, 1000), "rose to 9.00"),
        ((2.0, 2.39, 2.0), 0.01, (300, 1000), ""),  # less than 1.5 times the loss of guessing, ln 5 = 1.61
        ((2.0, 2.44, 2.0), 0.01, (300, 1000), "rose to 2.44"),
        ((2.0, 9.0, 2.0), 0.01, (900, 1000), ""),  # it blew up, but recovered
        ((9.0, 9.0, 8.9), 1e-6, (200, 1000), ""),  # it started there, and hardly moved
    ],
)
def test_a_rate_is_too_high_where_the_loss_blows_up_or_nothing_is_learned(
    evidence, loss, peak, train, expected
) -> None:
    found = rate_too_high(evidence(train, train, running_loss=loss, peak=peak))
    assert (found is not None) == bool(expected)
    if found:
        assert expected in found.text
        assert "random guessing has 1.61" in found.text  # ln 5
        assert found.remedy["learning_rate"] <= peak / 10


@pytest.mark.parametrize(("first_loss", "expected"), [(2.0, True), (7.0, False)])
def test_a_high_first_epoch_counts_only_above_the_loss_of_the_first_batch(evidence, first_loss, expected) -> None:
    found = rate_too_high(
        evidence((300, 1000), (300, 1000), running_loss=(9.0, 2.0, 2.0), peak=0.01, first_loss=first_loss)
    )
    assert (found is not None) == expected


@pytest.mark.parametrize(
    ("peak", "train", "adaptive", "expected"),
    [
        (1e-6, (250, 1000), True, True),
        (1e-6, (950, 1000), True, False),  # it started from trained weights
        (1e-6, (250, 1000), False, False),  # the bound does not hold for other optimizers
        (4e-4, (250, 1000), True, False),
        (1.0e-4, (250, 1000), True, True),  # 471 steps: 0.047
        (1.1e-4, (250, 1000), True, False),  # 0.052
    ],
)
def test_a_rate_is_too_low_where_no_weight_could_move_far(evidence, peak, train, adaptive, expected) -> None:
    found = rate_too_low(evidence(train, train, peak=peak, adaptive=adaptive))
    assert (found is not None) == expected
    if found:
        assert (
            f"no weight could move by more than {471 * peak:.2g} in the whole training" in found.text
        )  # 3 x 157 steps
        assert "--learning-rate 0.002" in found.advice


def test_a_wrong_rate_replaces_underfitting(evidence) -> None:
    low = evidence((250, 1000), (250, 1000), peak=1e-6)
    assert rate_too_low(low)
    assert underfitting(low) is None


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


@pytest.mark.parametrize(("old", "new"), [("too few pictures", "too few images"), ("sound", "no problem found")])
def test_kinds_of_older_runs_are_read_under_their_new_names(old, new) -> None:
    text = to_json(Verdict(kind="overfitting", short="", text="")).replace("overfitting", old)
    assert from_json(text, Verdict, what="a verdict", error=DataError).kind == new
    with pytest.raises(DataError, match="kind"):
        from_json(text.replace(old, "overfiting"), Verdict, what="a verdict", error=DataError)
