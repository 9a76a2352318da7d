import os
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

import eyebright as eb
from eyebright.data.prepare import Prepared, prepare
from eyebright.model.card import Seen
from eyebright.network import initial_weights
from eyebright.runs import checks
from eyebright.runs.request import Request
from eyebright.runs.start import SourceModel
from eyebright.system.errors import DataError, OutputError, SettingsError
from eyebright.training import processes
from eyebright.training.settings import AUGMENTATIONS, Settings


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"minutes": 0.29}, r"minutes = 0\.29 is too short .*: give 0\.3 or more"),
        ({"weights": "published"}, "weights = published and network = auto contradict each other"),
        ({"weights": "w.pth", "network": ""}, "auto finds its own weights"),
        ({"network": "mlp", "epochs": 0}, "epochs = 0 would not train anything: give epochs or minutes"),
        ({"split": "s.csv", "test": 0.3}, r"split = s\.csv and test = 0\.3 contradict each other"),
        ({"promise": "accuracy=99"}, r"share above 0 and below 1, such as accuracy=0\.99, got '99'"),
        ({"split": "s.csv", "validation": 0.1}, r"split = s\.csv and validation = 0\.1 contradict each other"),
    ],
)
def test_contradictions_are_named(options, words):
    with pytest.raises(SettingsError, match=words):
        checks.require_sound(Request().changed(**options))


@pytest.mark.parametrize(
    "options",
    [{"output": "o\udcff"}, {"start_from": "m\udcff"}, {"split": "s\udcff"}, {"excluded": ("a", "b\udcff.png")}],
)
def test_what_could_not_be_written_into_a_config_is_refused_before_the_work(options):
    (name,) = options
    with pytest.raises(SettingsError, match=rf"{name} = \w\\udcff\S* is not valid UTF-8.*: rename it"):
        checks.require_sound(Request().changed(**options))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"minutes": 0.3},
        {"epochs": 0},  # auto: only a head is trained
        {"network": "mlp", "epochs": 0, "minutes": 1.0},
        {"network": "mlp", "epochs": 0, "weights": "w.pth"},  # the model with these weights
        {"epochs": 0, "start_from": "old"},
        {"start_from": "old", "weights": "w.pth"},  # `require_agreement` says more about it
        {"split": "s.csv", "test": 0.15, "validation": 0.15},  # the defaults
        {"test": 0.3},
    ],
)
def test_what_does_not_contradict_is_accepted(options):
    checks.require_sound(Request().changed(**options))


def test_every_process_must_get_as_many_images_of_a_batch():
    with processes.joined(processes.ProcessPlace(0, 3, 3)):
        checks.require_sound(Request().changed(batch_size=33))
        with pytest.raises(SettingsError, match=r"32.*3"):
            checks.require_sound(Request().changed(batch_size=32))


@pytest.mark.parametrize(
    ("name", "value"),
    [("learning_rate", 0.01), ("optimizer", "sgd"), ("ema", 0.9), ("patience", 3), ("frozen", ("conv1",))]
    + [(name, 0.3) for name in AUGMENTATIONS if name != "flip"],
)
def test_settings_that_have_no_effect_on_a_head_are_refused(name, value):
    more = {"weight_decay": 0.0} if name == "optimizer" else {}
    with pytest.raises(SettingsError, match=rf"{name} = .* has no effect when only the head .* give minutes or epochs"):
        checks.require_effect(Settings(epochs=0).changed({name: value} | more))


def test_settings_that_matter_for_a_head_too_are_accepted():
    settings = Settings(epochs=0, seed=3, threads=1, device="cpu", precision="float32", checkpoint_s=0, batch_size=8)
    checks.require_effect(settings.changed({"flip": False}))


@pytest.mark.parametrize("output", [".", "run", "a/run", "..", "../link/run"])
def test_a_run_and_its_images_are_not_inside_each_other(output, pictures):
    (pictures.parent / "link").symlink_to(pictures)
    with pytest.raises(OutputError, match="are inside each other: use another output"):
        checks.require_place(pictures / output, eb.Dataset.open(pictures))


def test_a_run_beside_its_images_is_accepted(pictures):
    checks.require_place(pictures.parent / "pictures_run", eb.Dataset.open(pictures))
    memory = eb.Dataset.from_arrays(np.zeros((4, 8, 8, 3), np.uint8), ["a", "b"] * 2)
    checks.require_place(Path("run"), memory)


def test_a_folder_of_images_whose_name_is_not_utf8_is_refused(pictures):
    """config.toml, which is UTF-8, could not name it."""
    strange = pictures.rename(pictures.parent / os.fsdecode(b"bad \xff"))
    with pytest.raises(DataError, match=r"bad \\udcff is not valid UTF-8: rename it"):
        checks.require_place(pictures.parent / "run", eb.Dataset.open(strange))


NETWORK = eb.zoo.mlp(3, input_size=8)


@pytest.fixture
def prepared(pictures) -> Prepared:
    return prepare(eb.Dataset.open(pictures), eb.Preparation(width=8, height=8))


@pytest.fixture
def source(pictures, tmp_path) -> SourceModel:
    """A model that was never trained, saved in a folder."""
    model = eb.Classifier(NETWORK, ["blue", "green", "red"])
    card = model.save(tmp_path / "runs" / "old" / "model")
    return SourceModel(tmp_path / "runs" / "old", card, NETWORK, initial_weights(NETWORK))


def test_the_model_to_start_from_is_not_replaced(source, tmp_path):
    for output in ("runs", "runs/old"):
        with pytest.raises(OutputError, match=r"the model to start from, .*old, is inside .*: use another output"):
            checks.require_source_kept(source, tmp_path / output)
    for output in ("runs/new", "runs/old/new"):
        checks.require_source_kept(source, tmp_path / output)


def test_a_test_set_that_the_model_was_trained_on_is_refused(source, prepared):
    test = prepared.pack.digests.at(prepared.indices("test"))
    for known in (test, test[1:]):
        known_source = source._replace(card=msgspec.structs.replace(source.card, seen=Seen().union(known)))
        if len(known) < len(test):
            checks.require_new_test(known_source, prepared)
            continue
        with pytest.raises(DataError, match=rf"was trained on all {len(test)} images of the test set"):
            checks.require_new_test(known_source, prepared)


def test_a_full_disk_is_found_before_the_training(tmp_path, monkeypatch):
    needed = 76 * NETWORK.parameter_count
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=needed))
    checks.require_space(tmp_path / "run", NETWORK)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=needed - 1))
    with pytest.raises(OutputError, match=r"the run with its checkpoint and model .* MB"):
        checks.require_space(tmp_path / "run", NETWORK)


def test_a_run_needs_a_test_set(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8), np.uint8)
    pictures = eb.Dataset.from_arrays(images, ["a", "b"] * 10, test=0)
    with pytest.raises(SettingsError, match=r"test = 0 leaves no test set, .*: use test = 0\.15"):
        eb.train(pictures, tmp_path / "run", network="mlp", size=8, epochs=1)
    assert not (tmp_path / "run").exists()


def test_a_promise_is_refused_before_the_training_where_even_no_mistake_would_prove_it(make_folder):
    dataset = eb.Dataset.from_folder(make_folder(count=60))
    prepared = prepare(dataset.holding_back(), eb.Preparation(width=8, height=8))
    images = len(prepared.indices("held_back"))
    assert images == 12
    checks.require_promise("accuracy=0.75", prepared, Seen())
    with pytest.raises(DataError, match=r"takes at least 59 held-back images, .* there are 12; 12 prove 77\.9% at"):
        checks.require_promise("accuracy=0.95", prepared, Seen())
    with pytest.raises(DataError, match=r"or give --validation 0\.30, half of which is held back"):
        checks.require_promise("accuracy=0.88", prepared, Seen())
    known = Seen().union(prepared.pack.digests.at(prepared.indices("held_back")))
    with pytest.raises(DataError, match=r"there are 0: promise less, or add images$"):
        checks.require_promise("accuracy=0.75", prepared, known)
    with pytest.raises(DataError, match=r"there are 0: promise less, or add images$"):  # not --validation 0.15
        checks.require_promise("accuracy=0.01", prepared, known)
