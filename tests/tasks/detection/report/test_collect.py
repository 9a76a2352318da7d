"""What the page of a detector shows is what was measured."""

import numpy as np
import pytest

from eyebright.data.pictures import Preparation
from eyebright.network import initial_weights
from eyebright.network.zoo.detection import lite0_detector
from eyebright.runs.folder import Run
from eyebright.runs.request import gather
from eyebright.tasks.detection.data.dataset import BoxDataset
from eyebright.tasks.detection.data.prepare import prepare
from eyebright.tasks.detection.geometry.boxes import Unused
from eyebright.tasks.detection.geometry.finding import Detections
from eyebright.tasks.detection.model import evaluate
from eyebright.tasks.detection.model.detector import Detector
from eyebright.tasks.detection.model.evaluate import evaluate_detector
from eyebright.tasks.detection.report.collect import collect, write_report
from eyebright.training.events import Judged


@pytest.fixture
def judged(squares, tmp_path, monkeypatch):
    """A run whose detector finds the left half of every second object too wide to be right, and all others."""

    def found_in(predictor, prepared, indices, report=None):
        boxes = [prepared.dataset.boxes[index] for index in indices.tolist()]
        wide = np.array([0, 0, 40, 0])
        return tuple(
            Detections(one.corners + wide * (at % 2), one.labels, np.full(len(one), 0.9))
            for at, one in enumerate(boxes)
        )

    monkeypatch.setattr(evaluate, "found_in", found_in)
    prepared = prepare(BoxDataset.open(squares), Preparation(width=64, height=64, fit="pad"))
    network, run = lite0_detector(1, input_size=64), Run(tmp_path / "run")
    detector = Detector(network, ("square",), weights=initial_weights(network, 0))
    run.create(gather({"pictures": str(squares), "size": 64}), network, overwrite=False)
    tested = evaluate_detector(detector, prepared)
    events = [Judged(kind="too few images", text="Too few.", advice="Add images.")]
    return run, events, detector, prepared, tested


def test_the_page_has_the_mistakes_the_boxes_of_each_set_and_the_verdict(judged):
    run, _, _, prepared, tested = judged
    report = collect(*judged)
    assert [title for title, _ in report.mistakes] == ["missed: 6", "false alarm: 6"]  # 24 of 64 pixels shared: IoU 3/8
    assert [[box.look for box in scene.boxes] for scene in report.examples[:2]] == [["right"], ["wrong", "missed"]]
    assert report.sets == [("square", *(len(prepared.indices(side)) for side in ("train", "validation", "test")))]
    assert [told.text for told in report.verdicts] == ["Too few."]
    assert report.data[0].startswith("12 images with 12 boxes: ")
    assert report.test is tested.evaluation and report.repeat.endswith(f"{run.path}/config.toml -o NEW")


def test_the_page_is_written_into_the_run(judged, parsed):
    run, events, detector, prepared, tested = judged
    object.__setattr__(prepared.dataset, "unused", (Unused("<b>", "outside", "0 0 1 1"),))
    page = parsed(write_report(run, events, detector, prepared, tested).read_text())
    assert run.report.exists() and "it lies outside the image" in page.text and not page.select("b")
    assert {"examples", "mistakes", "data"} <= {heading["id"] for heading in page.select("h2")}
