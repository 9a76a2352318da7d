import numpy as np
import pytest
import scipy.stats

from eyebright.trust.diagnosis import diagnose
from eyebright.trust.learning_checks import overfitting, rate_too_high, rate_too_low, too_short, underfitting


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


def test_the_text_says_whether_the_losses_were_still_falling(evidence) -> None:
    text = too_short(evidence((25, 100), (24, 100), validation_loss=(1.744, 1.582), loss=(1.494, 1.312))).text
    assert "training and validation loss were still falling in the last of 2 epochs, the latter to 1.58." in text
    text = too_short(evidence((25, 100), (24, 100), validation_loss=(1.6,), loss=(1.6,))).text
    assert text.startswith("Training too short: after 1 epoch it is too early to say more. Training accuracy 25.0%")


@pytest.mark.parametrize(("losses", "short"), [((0.9, 0.89), False), ((0.9,), False), ((0.9, 0.8), True)])
def test_the_first_epochs_count_where_the_weights_knew_the_images_before(evidence, losses, short) -> None:
    curves = {"validation_loss": losses, "loss": losses, "start_from_same_images": True}
    found = diagnose(evidence((990, 1000), (700, 1000), **curves))[0]
    assert found.kind == ("training too short" if short else "overfitting")


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
