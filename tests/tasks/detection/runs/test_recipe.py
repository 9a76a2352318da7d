"""What a training of a detector refuses, and what its images decide."""

from types import SimpleNamespace

import numpy as np
import pytest

from eyebright.runs.options import gather
from eyebright.system.errors import SettingsError
from eyebright.tasks.detection.geometry.boxes import Boxes
from eyebright.tasks.detection.runs.recipe import (
    RECIPE,
    choose_size,
    epochs_for,
    require_for_detectors,
    resolved,
    views_for,
)
from eyebright.training.settings import Settings


class Images(SimpleNamespace):
    def __len__(self):
        return len(self.boxes)


def set_of(side_px, *, count=300, size=1000, classes=("a",)):
    boxes = Boxes.of([[0, 0, side_px, side_px]], [0])
    return Images(boxes=(boxes,) * count, sizes=np.full((count, 2), size), classes=classes)


@pytest.mark.parametrize(
    ("share", "size"),
    [(0.16, 320), (0.075, 320), (0.07, 384), (0.0476, 512), (0.04, 640), (0.01, 640)],  # 24 pixels / share, by 64
)
def test_small_objects_get_larger_images(share, size):
    chosen = choose_size(set_of(1000 * share))
    assert chosen.size == chosen.wanted == size
    assert chosen.object_px == pytest.approx(320 * share, abs=0.01)


def test_images_are_not_enlarged_for_small_objects():
    assert choose_size(set_of(4, size=400)).size == 448


def test_little_time_and_many_images_keep_the_size_small():
    sizes = [choose_size(set_of(10), minutes=minutes).size for minutes in (0.5, 2.0, 30.0)]
    assert sizes[0] == 320 < sizes[1] < sizes[2] == 640
    many = choose_size(set_of(10, count=10_000))
    assert (many.size, many.wanted) == (320, 640)


@pytest.mark.parametrize(("count", "epochs", "views"), [(20, 100, 7), (205, 26, 7), (442, 12, 3), (10_000, 8, 3)])
def test_epochs_and_views_by_the_number_of_images(count, epochs, views):
    assert epochs_for(count) == epochs
    assert views_for(count, Settings(minutes=2.0)) == views
    assert views_for(count, Settings(epochs=2)) == 2


@pytest.mark.parametrize(("options", "flip"), [({}, False), ({"flip": True}, True), ({"flip": False}, False)])
def test_names_with_a_side_turn_mirroring_off_unless_it_is_asked_for(options, flip):
    request = gather({"pictures": "x", **options})
    assert resolved(request, set_of(50, classes=("turn_left",)), 200).flip == flip
    assert resolved(request, set_of(50), 200).flip == options.get("flip", True)


def test_a_setting_that_is_given_is_kept_also_where_it_is_the_default_of_classifiers():
    usual = Settings()
    given = {"batch_size": usual.batch_size, "set": ["patience=10", f"learning-rate={usual.learning_rate}"]}
    settings = resolved(gather({"pictures": "x", **given}), set_of(50), 205)
    assert (settings.batch_size, settings.patience, settings.learning_rate) == (32, 10, usual.learning_rate)
    assert (settings.weight_decay, settings.epochs) == (RECIPE["weight_decay"], 26)


def test_frozen_may_not_be_empty():
    with pytest.raises(SettingsError, match="frozen: the layers _conv_stem, _blocks"):
        require_for_detectors(gather({"pictures": "x", "frozen": []}))


@pytest.mark.parametrize("option", [{"network": "resnet18"}, {"dropout": 0.2}])
def test_options_for_classifiers_are_refused_by_name(option):
    with pytest.raises(SettingsError, match=f"{next(iter(option))}: only for classifiers"):
        require_for_detectors(gather({"pictures": "x", **option}))


@pytest.mark.parametrize(
    "option",
    [{"mixup": 0.2}, {"cutmix": 1.0}, {"hue": 0.1}, {"rotation": 0.2}, {"shear": 0.1},
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


def test_a_size_that_no_pyramid_has_is_refused():
    with pytest.raises(SettingsError, match="multiple of 32"):
        require_for_detectors(gather({"pictures": "x", "size": 100}))
