"""The whole way from images with boxes to a detector."""

import numpy as np
import pytest

from eyebright.runs.request import Request, gather
from eyebright.system.errors import DataError, SettingsError
from eyebright.tasks.detection.model.detector import Detector
from eyebright.tasks.detection.runs.train import RECIPE, open_boxes, require_for_detectors, resolved, train_detector
from eyebright.training.events import AnyEvent, BoxesChecked, Judged, SidesNamed
from eyebright.training.settings import Settings


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


@pytest.mark.parametrize(("mirror", "flip"), [(False, False), (True, True)])
def test_names_with_a_side_turn_mirroring_off_unless_it_is_asked_for(mirror, flip, squares):
    (squares / "data.yaml").write_text("path: .\ntrain: images\nnames: [turn_left]\n")
    prepared = open_boxes(Request(pictures=str(squares), size=64), lambda event: None)
    assert resolved(Settings(), prepared, mirror=mirror).flip == flip


@pytest.mark.parametrize("option", [{"network": "resnet18"}, {"dropout": 0.2}])
def test_options_for_classifiers_are_refused_by_name(option):
    with pytest.raises(SettingsError, match=f"{next(iter(option))}: only for classifiers"):
        require_for_detectors(gather({"pictures": "x", **option}))


@pytest.mark.parametrize(
    "option",
    [{"mixup": 0.2}, {"cutmix": 1.0}, {"erasing": 0.3}, {"hue": 0.1}, {"rotation": 0.2}, {"shear": 0.1},
     {"sampling": "balanced"}, {"class_weights": "balanced"}, {"label_smoothing": 0.2}, {"resize": "crop"}],
)  # fmt: skip
def test_settings_that_do_nothing_are_refused_by_name(option):
    with pytest.raises(SettingsError, match=f"^{next(iter(option))}: only for classifiers"):
        require_for_detectors(gather({"pictures": "x", **option}))


def test_settings_of_the_recipe_are_taken():
    require_for_detectors(gather({"pictures": "x", "resize": "pad", **RECIPE}))


def test_augment_is_refused_with_the_settings_that_do_something():
    with pytest.raises(SettingsError, match=r"augment: only for classifiers.*by flip, zoom, shift"):
        require_for_detectors(gather({"pictures": "x", "augment": "flip"}))


def test_the_kept_layers_stay_frozen():
    with pytest.raises(SettingsError, match="frozen: the layers _blocks of a detector are always frozen"):
        require_for_detectors(gather({"pictures": "x", "frozen": ["_conv_stem"]}))
    require_for_detectors(gather({"pictures": "x", "frozen": [*RECIPE["frozen"], "fpn"]}))


@pytest.mark.parametrize("promise", ["coverage=0.9", "accuracy=0.99"])
def test_promises_of_classifiers_are_refused_by_name(promise):
    with pytest.raises(SettingsError, match=rf"such as recall=0.99, got '{promise}'"):
        require_for_detectors(gather({"pictures": "x", "promise": promise}))


def test_a_promise_that_the_held_back_images_cannot_prove_is_refused_before_the_training(squares, tmp_path):
    request = gather({"pictures": str(squares), "output": str(tmp_path / "run"), "size": 64, "promise": "recall=0.9"})
    with pytest.raises(DataError, match=r"recall=0.9 takes at least \d+ held-back images with objects"):
        train_detector(request)
    assert not (tmp_path / "run").exists()


def test_a_size_that_no_pyramid_has_is_refused():
    with pytest.raises(SettingsError, match="multiple of 32"):
        require_for_detectors(gather({"pictures": "x", "size": 100}))
