import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from eyebright.evaluation import Verdict, judge


def verdict(train: tuple[int, int], validation: tuple[int, int], **changes: object) -> Verdict:
    options = {"validation_loss": [1.0, 0.8, 0.7], "num_classes": 5, "augmented": True} | changes
    return judge(
        train_correct=train[0],
        train_count=train[1],
        validation_correct=validation[0],
        validation_count=validation[1],
        **options,
    )


@pytest.mark.parametrize(
    ("train", "validation", "num_classes", "kind"),
    [
        ((990, 1000), (700, 1000), 5, "overfitting"),
        ((500, 1000), (300, 1000), 5, "overfitting"),  # memorising is the first thing to mend
        ((900, 1000), (810, 1000), 5, "fine"),  # a gap, but a small one
        ((17, 20), (7, 10), 5, "fine"),  # a gap that ten pictures cannot prove
        ((800, 1000), (900, 1000), 5, "fine"),
        ((300, 1000), (290, 1000), 5, "underfitting"),
        ((750, 1000), (750, 1000), 2, "underfitting"),  # halfway between chance and perfection
        ((750, 1000), (750, 1000), 10, "fine"),
        ((10, 100), (10, 100), 10, "underfitting"),
    ],
)
def test_the_kind_follows_from_the_figures(train: tuple, validation: tuple, num_classes: int, kind: str) -> None:
    assert verdict(train, validation, num_classes=num_classes).kind == kind


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 500), st.integers(0, 300), st.integers(2, 100))
def test_every_verdict_shows_the_figures_that_it_rests_on(train: int, validation: int, num_classes: int) -> None:
    result = verdict((train, 500), (validation, 300), num_classes=num_classes)
    low, high = scipy.stats.binomtest(validation, 300).proportion_ci(0.95, "wilson")
    assert f"training accuracy {train / 5:.1f}%, validation accuracy {validation / 3:.1f}%" in result.text
    assert f"(95 % interval {100 * low:.1f}% to {100 * high:.1f}%)" in result.text
    assert result.text.startswith({"fine": "Training and validation agree"}.get(result.kind, result.kind.capitalize()))
    assert bool(result.advice) == (result.kind != "fine")


@pytest.mark.parametrize(
    ("losses", "told"),
    [([0.9, 0.7, 0.5, 0.6, 0.8], True), ([0.9, 0.7, 0.5, 0.51, 0.52], False), ([], False), ([0.5], False)],
)
def test_overfitting_tells_since_when_the_validation_loss_rises(losses: list, told: bool) -> None:
    text = verdict((99, 100), (50, 100), validation_loss=losses).text
    assert ("lowest after epoch 3 and has risen since" in text) == told


@pytest.mark.parametrize("augmented", [True, False])
def test_advice_against_overfitting_is_augmentation_only_where_there_is_none(augmented: bool) -> None:
    advice = verdict((99, 100), (50, 100), augmented=augmented).advice
    assert ("augment" in advice) != augmented
    assert "dropout" in advice


@pytest.mark.parametrize(
    ("losses", "advice"),
    [([1.6, 1.5, 1.4], "more epochs"), ([1.6, 1.6, 1.6], "larger network"), ([1.6, 1.5], "larger network")],
)
def test_advice_against_underfitting_is_patience_only_while_the_loss_falls(losses: list, advice: str) -> None:
    assert advice in verdict((25, 100), (24, 100), validation_loss=losses).advice
