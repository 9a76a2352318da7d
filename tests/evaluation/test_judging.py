import re

from hypothesis import given, settings
from hypothesis import strategies as st

from eyebright.evaluation import judge
from eyebright.evaluation.evidence import Leak, OneClass
from eyebright.evaluation.judging import JUDGEMENTS
from eyebright.evaluation.material import too_few

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
