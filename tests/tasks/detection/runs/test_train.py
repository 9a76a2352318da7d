"""The whole way from images with boxes to a detector."""

import numpy as np
import pytest

from eyebright.runs.request import gather
from eyebright.system.errors import DataError
from eyebright.tasks.detection.model.detector import Detector
from eyebright.tasks.detection.runs.train import train_detector
from eyebright.training.events import AnyEvent, BoxesChecked, Judged, SidesNamed


def test_a_training_ends_with_a_detector_that_repeats_bit_by_bit(squares, tmp_path):
    results, events = [], list[AnyEvent]()
    for name in ("one", "two"):
        request = gather({"pictures": str(squares), "output": str(tmp_path / name), "size": 64, "epochs": 2,
                          "threads": 1})  # fmt: skip
        results.append(train_detector(request, callbacks=[events.append]))
    detector, again = (result.detector for result in results)
    weights, other = detector.get_weights(), again.get_weights()
    assert all(np.array_equal(values, other[name]) for name, values in weights.items())
    loaded = Detector.load(tmp_path / "one" / "model")
    assert loaded.classes == ("square",)
    assert next(event.text for event in events if isinstance(event, Judged)) == loaded.verdicts[0]
    assert set(loaded.metrics) == {"validation", "test"}
    assert len(loaded.history.validation_accuracy) == 2


def test_a_run_says_and_writes_which_boxes_are_not_used(squares, tmp_path):
    (squares / "data.yaml").write_text("path: .\ntrain: images\nnames: [turn_left]\n")
    with (squares / "labels" / "3.txt").open("a") as file:
        file.write("0 0.5 0.5 0 0\n")
    events = list[AnyEvent]()
    request = gather({"pictures": str(squares), "output": str(tmp_path / "run"), "size": 64, "epochs": 1, "threads": 1})
    train_detector(request, callbacks=[events.append])
    (checked,) = [event for event in events if isinstance(event, BoxesChecked)]
    assert list(checked.unused.values()) == [1]
    assert (tmp_path / "run" / "unused_boxes.csv").read_text() == (
        "image,reason,box\nimages/3.png,no area,turn_left 0.5 0.5 0 0\n"
    )
    assert [event.classes for event in events if isinstance(event, SidesNamed)] == [("turn_left",)]
    assert "flip = false" in (tmp_path / "run" / "config.toml").read_text()


def test_a_promise_that_the_held_back_images_cannot_prove_is_refused_before_the_training(squares, tmp_path):
    request = gather({"pictures": str(squares), "output": str(tmp_path / "run"), "size": 64, "promise": "recall=0.9"})
    with pytest.raises(DataError, match=r"recall=0.9 takes at least \d+ held-back images with objects"):
        train_detector(request)
    assert not (tmp_path / "run").exists()
