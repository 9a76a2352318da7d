import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyebright.trust.diagnosis import CHECKS, diagnose
from eyebright.trust.evidence import ClassAccuracy, Leak
from eyebright.trust.image_checks import too_few

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


@pytest.mark.parametrize("losses", [(2.0,), (2.0, 2.0), (2.0, 1.8, 1.6)])
def test_a_training_that_has_not_settled_is_only_too_short(evidence, share, losses) -> None:
    """Each of these figures is a problem of its own in a training that has settled."""
    failing = ClassAccuracy(
        name="rose", recall=share(0, 100), others=share(700, 900), confused_with="tulip", confused=7
    )
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
