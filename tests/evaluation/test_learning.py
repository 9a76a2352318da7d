import numpy as np
import pytest
import scipy.stats

from eyebright.evaluation.learning import overfitting, rate_too_high, rate_too_low, underfitting


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
