"""The whole way from images with boxes to a detector."""

import csv
import shutil

import numpy as np
import pytest
from PIL import Image

from eyebright.runs.options import gather
from eyebright.system.errors import DataError, OutputError
from eyebright.tasks.detection.model.detector import Detector
from eyebright.tasks.detection.runs.resume import resume_detector
from eyebright.tasks.detection.runs.train import train_detector
from eyebright.tasks.detection.training.views import ViewCache
from eyebright.training.events.event import Event, StepDone
from eyebright.training.events.fitting import Stopped
from eyebright.training.events.results import VerdictReached
from eyebright.training.events.starting import BoxesChecked, SidesNamed, ViewsKept


def test_a_training_ends_with_a_detector_that_repeats_bit_by_bit(squares, tmp_path):
    results, events = [], list[Event]()
    for name in ("one", "two"):
        request = gather({"pictures": str(squares), "output": str(tmp_path / name), "size": 64, "epochs": 2,
                          "threads": 1})  # fmt: skip
        results.append(train_detector(request, callbacks=[events.append]))
    detector, again = (result.detector for result in results)
    weights, other = detector.get_weights(), again.get_weights()
    assert all(np.array_equal(values, other[name]) for name, values in weights.items())
    loaded = Detector.load(tmp_path / "one" / "model")
    assert loaded.classes == ("square",)
    assert next(event.text for event in events if isinstance(event, VerdictReached)) == loaded.verdicts[0]
    assert set(loaded.metrics) == {"validation", "test"}
    assert f"eyebright predict {tmp_path / 'one'} IMAGE" in repr(results[0])
    assert f"mAP50 {loaded.metrics['test'].map50}" in repr(results[0]) and loaded.verdicts[0][:30] in repr(results[0])
    losses = loaded.history.validation_loss
    assert [event.best_epoch for event in events if isinstance(event, Stopped)] == [losses.index(min(losses)) + 1] * 2


def test_a_run_says_and_writes_which_boxes_are_not_used(squares, tmp_path):
    (squares / "data.yaml").write_text("path: .\ntrain: images\nnames: [turn_left]\n")
    with (squares / "labels" / "3.txt").open("a") as file:
        file.write("0 0.5 0.5 0 0\n")
    events = list[Event]()
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


def test_a_full_disk_is_found_before_the_training(squares, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=20_000_000))
    with pytest.raises(OutputError, match=r"checkpoint and model needs \d+ MB, but the disk of .* 20 MB"):
        train_detector(gather({"pictures": str(squares), "output": str(tmp_path / "run"), "size": 64}))
    assert not (tmp_path / "run").exists()


def test_a_set_that_the_disk_has_no_room_for_is_trained_anyway_and_continues_so(squares, tmp_path, monkeypatch):
    monkeypatch.setattr(ViewCache, "fitting", lambda cache, wanted: 0)
    asked = {"pictures": str(squares), "size": 64, "epochs": 2, "threads": 1}
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    events = list[Event]()
    train_detector(gather(asked | {"output": str(whole)}), callbacks=[events.append])
    assert [(event.kept, event.size_bytes) for event in events if isinstance(event, ViewsKept)] == [(False, 0)]

    def stop(event):
        if isinstance(event, StepDone) and event.epoch == 2:
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        train_detector(gather(asked | {"output": str(stopped)}), callbacks=[stop])
    monkeypatch.undo()  # there is room now
    resume_detector(stopped)
    one, other = (Detector.load(path / "model").get_weights() for path in (whole, stopped))
    assert all(np.array_equal(values, other[name]) for name, values in one.items())


@pytest.mark.parametrize(
    ("boxes", "problem"),
    [(0, "no boxes: draw some first"), (1, "1 different image with boxes"), (2, "2 different images with boxes")],
)
def test_too_few_images_with_boxes_are_refused_before_the_training(boxes, problem, squares, tmp_path):
    for labels in sorted((squares / "labels").iterdir())[boxes:]:
        labels.write_text("")
    with pytest.raises(DataError, match=problem):
        train_detector(gather({"pictures": str(squares), "output": str(tmp_path / "run")}))
    assert not (tmp_path / "run").exists()


def test_odd_images_are_learned(squares, tmp_path):
    """Long and tiny ones, of all modes, with a thousand boxes, a class with one box and one that nobody uses."""
    (squares / "data.yaml").write_text("path: .\ntrain: images\nnames: [square, rare, nobody]\n")
    images, labels = squares / "images", squares / "labels"
    for number, mode in enumerate(("CMYK", "RGBA", "LA", "1", "I;16")):
        path = images / f"{number}.png"
        with Image.open(path) as image:
            grey = image.convert("L")
            path.unlink()
            if mode == "I;16":
                Image.fromarray(np.asarray(grey).astype(np.uint16) * 257).save(path)
            else:
                image.convert(mode).save(path.with_suffix(".tif" if mode == "CMYK" else ".png"))
    Image.new("RGB", (1, 1)).save(images / "5.png")
    Image.new("RGB", (4000, 50), "red").save(images / "6.png")
    (labels / "5.txt").write_text("")
    random = np.random.default_rng(0)
    (labels / "7.txt").write_text("".join(f"0 {x} {y} 0.1 0.1\n" for x, y in random.uniform(0.1, 0.9, (1000, 2))))
    (labels / "8.txt").write_text("1 0.5 0.5 0.3 0.3\n")
    request = gather({"pictures": str(squares), "output": str(tmp_path / "run"), "size": 64, "epochs": 1, "threads": 1})
    result = train_detector(request)
    assert result.detector.classes == ("rare", "square")
    rows = csv.DictReader((tmp_path / "run" / "split.csv").read_text().splitlines())
    assert sum(row["split"] != "" for row in rows) == 12
