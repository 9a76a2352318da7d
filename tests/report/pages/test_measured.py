import numpy as np
import pytest

from eyebright.report.history import History
from eyebright.report.pages.measured import coverage_chart, penalty_charts, reliability_chart, training_charts
from eyebright.training.events.fitting import HeadFitted
from eyebright.trust.calibration import reliability
from eyebright.trust.selective import risk_coverage


def history(epochs: int, *, validated: bool = True) -> History:
    falling = tuple(1 / epoch for epoch in range(1, epochs + 1))
    accuracy = tuple(1 - loss for loss in falling)
    measured = {"validation_loss": falling, "validation_accuracy": accuracy} if validated else {}
    return History(loss=falling, accuracy=accuracy, best_epoch=epochs - 1, **measured)


def test_accuracy_and_loss_are_drawn_by_epoch_for_training_and_validation() -> None:
    accuracy, loss = training_charts(history(4))
    assert [series.name for series in loss.series] == ["training", "validation", "kept: epoch 3"]
    assert loss.series[1].points == ((1, 1.0), (2, 0.5), (3, pytest.approx(1 / 3)), (4, 0.25))
    assert accuracy.y.low == 0 and accuracy.y.high == 1
    assert "after epoch 3, which the model keeps: 66.7% on training images, 66.7% on validation" in accuracy.words
    assert loss.rows[1] == ("2", "0.500", "0.500") and accuracy.rows[1] == ("2", "50.0%", "50.0%")


def test_one_epoch_without_validation_and_many_epochs_are_drawn_too() -> None:
    accuracy, _ = training_charts(History(loss=(0.5,), accuracy=(0.8,)))
    assert accuracy.headings == ("epoch", "training") and accuracy.rows == (("1", "80.0%"),)
    many, _ = training_charts(history(300))
    assert len(many.x.ticks) <= 8 and len(many.rows) == 300
    assert training_charts(History()) == []


def test_the_penalties_of_a_head_stand_in_place_of_epochs() -> None:
    path = HeadFitted(strengths=(1.0, 0.3, 0.1), losses=(0.8, 0.7, 0.9), accuracies=(0.7, 0.75, 0.72), strength=0.3)
    error, loss = penalty_charts(path)
    assert error.series[0].points == ((1.0, pytest.approx(0.3)), (0.3, 0.25), (0.1, pytest.approx(0.28)))
    assert loss.series[1].points == ((0.3, 0.0), (0.3, pytest.approx(0.99)))
    assert "25.0% with 0.3, which was chosen" in error.words


def test_a_reliability_diagram_has_a_point_with_its_interval_for_each_range_of_confidence() -> None:
    confidence = np.array([0.95, 0.95, 0.55, 0.55])
    drawn = reliability_chart(reliability(confidence, np.array([True, True, True, False])))
    diagonal, points = drawn.series
    assert diagonal.points == ((0, 0), (1, 1))
    assert points.points == ((pytest.approx(0.55), 0.5), (pytest.approx(0.95), 1.0))
    assert all(low <= y <= high for (_, y), (low, high) in zip(points.points, points.bars, strict=True))
    assert [row[1:] for row in drawn.rows] == [("2", "55.0%", "50.0%"), ("2", "95.0%", "100.0%")]


def test_answering_fewer_images_is_drawn_as_their_accuracy() -> None:
    confidence, correct = np.linspace(0.5, 1, 100), np.arange(100) >= 20  # the 20 least confident are wrong
    drawn = coverage_chart(risk_coverage(confidence, correct))
    points = dict(drawn.series[0].points)
    assert points[1.0] == pytest.approx(0.8) and points[0.5] == 1
    assert "80.0% are correct; of the more confident half, 100.0%" in drawn.words
    assert drawn.rows[0] == ("100.0%", "80.0%", "50.0%") and drawn.rows[2][:2] == ("75.0%", "100.0%")
    assert drawn.y.low == pytest.approx(0.8) and min(points) >= 0.05


@pytest.mark.parametrize("correct", [True, False])
def test_a_single_image_or_one_confidence_for_all_is_drawn(correct: bool) -> None:
    for count in (1, 50):
        drawn = coverage_chart(risk_coverage(np.full(count, 0.7), np.full(count, correct)))
        assert drawn.series[0].points == ((1.0, float(correct)),)
