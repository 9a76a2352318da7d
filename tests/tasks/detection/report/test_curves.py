import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve

from eyebright.tasks.detection.report.curves import Curve, confidence_chart, draw_precision_recall, recall_chart
from eyebright.tasks.detection.trust.matching import Truth, match
from eyebright.trust.calibration import calibration_gap


@pytest.fixture
def matches(known_mistakes):
    return match(*known_mistakes)


def test_precision_and_recall_are_those_of_scikit_learn(matches) -> None:
    """There, recall is of the positives among the scores; here, of all labelled boxes."""
    curve, counted = Curve.of(matches), matches.evaluated
    precision, recall, thresholds = precision_recall_curve(matches.correct[counted], matches.score[counted])
    share = matches.correct[counted].sum() / matches.counted[0].sum()
    steps = len(curve.scores)
    assert curve.scores == pytest.approx(thresholds[::-1][:steps])
    assert curve.precision == pytest.approx(precision[:-1][::-1][:steps])
    assert curve.recall == pytest.approx(share * recall[:-1][::-1][:steps])


def test_what_is_drawn_at_a_threshold(matches) -> None:
    """Five labelled boxes count; of the four boxes from 0.7 on two are right."""
    assert Curve.of(matches).at(0.7) == (0.4, 0.5)
    assert Curve.of(matches).at(0.96) is None


def test_the_figure_and_the_chart_say_where_the_threshold_is(matches, decode) -> None:
    assert decode(draw_precision_recall(matches, ["red", "green"], [0.7, 0.7])).std() > 0
    chart = recall_chart(matches, 0.5, 0.4)
    assert "finds 40.0%, and 50.0%" in chart.words
    assert [series.name for series in chart.series] == ["all boxes", "at the threshold"]


def test_without_a_labelled_box_there_is_no_curve(known_mistakes) -> None:
    found, _ = known_mistakes
    nothing = match(found, [Truth.of(np.zeros((0, 4)), np.zeros(0, np.int64))] * 2)
    assert not len(Curve.of(nothing).scores)
    assert recall_chart(nothing, None, None).rows == ()
    assert draw_precision_recall(nothing, ["red", "green"], [0.5, 0.5])
    assert confidence_chart(nothing, np.array([0.99, 0.99])) is None


def test_the_chart_of_confidences_has_the_share_that_is_right(matches) -> None:
    """From 0.7 on there are 0.95, 0.9, 0.8 and 0.7 in ranges of their own; 0.9 and 0.8 are right, and 0.95 is not."""
    chart = confidence_chart(matches, np.array([0.7, 0.7]))
    assert chart.headings == ("confidence", "boxes", "mean", "right")
    rows = {(row[1], row[3]) for row in chart.rows}
    assert sum(int(row[1]) for row in chart.rows) == 4 and ("1", "100.0%") in rows and ("1", "0.0%") in rows
    chosen = matches.evaluated & (matches.score >= 0.7)
    error = calibration_gap(matches.score[chosen], matches.correct[chosen])
    assert f"Expected calibration error {error:.3f}" in chart.words
