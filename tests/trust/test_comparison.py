import numpy as np
import pytest
import scipy.stats

from eyebright.trust.comparison import Answered, Comparison, Contender, Flip, class_changes, compare, flips_of

MODELS = (
    Contender(model="old", size_bytes=2_000_000, parameters=500_000, cpu_ms=3.0),
    Contender(model="new", size_bytes=1_000_000, parameters=250_000, cpu_ms=1.5),
)


def answered(predicted: list[int], confidence: list[float], silent: tuple[int, ...] = ()) -> Answered:
    return Answered(np.array(predicted), np.array(confidence), ~np.isin(np.arange(len(predicted)), silent))


def test_the_worst_flip_is_from_sure_and_right_to_sure_and_wrong() -> None:
    first = answered([0, 0, 0, 1, 0], [0.9, 0.99, 0.6, 0.9, 0.8])
    second = answered([1, 1, 1, 0, 0], [0.6, 0.9, 0.5, 0.9, 0.5])
    labels = np.zeros(5, np.int64)
    assert flips_of(first, second, labels).tolist() == [1, 0, 2, 3]  # 1.89, 1.5, 1.1, -1.8; the last does not flip


def test_without_labels_the_first_flip_is_where_both_are_sure() -> None:
    first, second = answered([0, 0, 0], [0.9, 0.5, 0.9]), answered([1, 1, 1], [0.6, 0.7, 0.99])
    assert flips_of(first, second, None).tolist() == [2, 0, 1]


def test_no_answer_is_an_answer_that_differs_and_is_better_than_a_wrong_one() -> None:
    first = answered([0, 0, 1], [0.9, 0.9, 0.9])
    second = answered([0, 0, 1], [0.9, 0.9, 0.9], silent=(0, 2))
    assert second.answer.tolist() == [-1, 0, -1]
    assert flips_of(first, second, np.zeros(3, np.int64)).tolist() == [0, 2]


def test_a_flip_says_whether_it_is_worse() -> None:
    def flip(first: str, second: str, truth: str | None = "rose") -> int:
        return Flip(name="x", truth=truth, first=first, first_confidence=1, second=second, second_confidence=1).change

    assert [flip("rose", "tulip"), flip("tulip", "rose"), flip("tulip", "daisy")] == [-1, 1, 0]
    assert [flip("rose", "no answer"), flip("no answer", "rose")] == [-1, 1]
    assert [flip("no answer", "tulip"), flip("tulip", "no answer")] == [-1, 1]
    assert flip("rose", "tulip", None) == flip("no answer", "tulip", None) == 0


def draw(count: int, seed: int) -> tuple[Answered, Answered, np.ndarray]:
    """Answers of two models to images of two classes, of which the second is harder for the second model."""
    stream = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    first = np.where(stream.random(count) < 0.9, labels, 1 - labels)
    second = np.where(stream.random(count) < np.where(labels == 1, 0.5, 0.9), labels, 1 - labels)
    sure = np.full(count, 0.9)
    every = np.ones(count, np.bool_)
    return Answered(first, sure, every), Answered(second, sure, every), labels


def test_a_comparison_has_the_paired_difference_and_mcnemars_p_value() -> None:
    first, second, labels = draw(200, 1)
    found = compare(MODELS, first, second, (), classes=("a", "b"), labels=labels, groups=None)
    before, after = first.predicted == labels, second.predicted == labels
    assert found.accuracies is not None and found.difference is not None
    assert [share.value for share in found.accuracies] == [before.mean(), after.mean()]
    assert found.difference.value == pytest.approx(after.mean() - before.mean())
    worse, better = int((before & ~after).sum()), int((~before & after).sum())
    assert found.p_value == pytest.approx(scipy.stats.binomtest(better, better + worse).pvalue)
    assert found.same.right == int((first.predicted == second.predicted).sum())
    assert found.verdict == "The second model is significantly worse."


def test_only_the_class_that_is_worse_is_named_as_such_and_first() -> None:
    first, second, labels = draw(200, 1)
    changes = class_changes(first.predicted == labels, second.predicted == labels, labels, ("a", "b", "c"), None)
    assert [change.name for change in changes] == ["b", "a"]  # c has no images
    assert [change.is_worse for change in changes] == [True, False]


def test_models_that_are_equally_good_are_not_said_to_differ() -> None:
    first, _, labels = draw(200, 1)
    other, _, _ = draw(200, 2)
    found = compare(MODELS, first, other, (), classes=("a", "b"), labels=labels, groups=None)
    assert found.verdict == "No difference in accuracy is proven on these images."


def test_without_labels_there_is_no_accuracy() -> None:
    first, second, _ = draw(10, 3)
    flips = tuple(
        Flip(name="x", truth=None, first="a", first_confidence=1, second="b", second_confidence=1) for _ in range(2)
    )
    found: Comparison = compare(MODELS, first, second, flips, classes=("a", "b"), labels=None, groups=None)
    assert (found.accuracies, found.difference, found.p_value, found.classes) == (None, None, None, ())
    assert found.verdict == "The models give different answers to 2 of 10 images."
    assert "accuracy" not in found.as_table().text() and "250,000" in found.as_table().text()
