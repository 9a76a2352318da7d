import csv
import itertools
import json
import shutil

import numpy as np
import pytest

import eyebright as eb
from eyebright.data.sources.source import ArraySource
from eyebright.model.backbone import Backbone
from eyebright.network import zoo
from eyebright.network.answering import features_place
from eyebright.runs import auto, resume, train
from eyebright.runs.folder import NETWORK, Run
from eyebright.runs.options import gather
from eyebright.runs.request import Request
from eyebright.system.errors import DownloadError, SettingsError
from eyebright.training import budget
from eyebright.training.events.event import StepDone
from eyebright.training.events.fitting import (
    CrossValidated,
    EpochEnded,
    LabelsSuspected,
    MirroringChecked,
    Planned,
    StartValidated,
    Stopped,
    Tried,
    Unavailable,
)
from eyebright.training.events.results import VerdictReached
from eyebright.training.receivers import EventLog, read_events
from eyebright.training.stages import frozen_layers


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Two classes of forty small images: coarse and fine patterns."""
    from PIL import Image

    root, stream = tmp_path_factory.mktemp("choosing") / "pictures", np.random.default_rng(0)
    for number in range(80):
        folder = root / ("coarse", "fine")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        cells = (4, 16)[number % 2]
        small = Image.fromarray(stream.integers(0, 256, (cells, cells, 3), np.uint8))
        small.resize((32, 32), Image.Resampling.NEAREST).save(folder / f"{number:02d}.png")
    return root


@pytest.fixture(scope="module")
def module_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_cache(module_cache, monkeypatch):
    """What the backbone computes for the same images is kept from one test to the next."""
    monkeypatch.setenv("EYEBRIGHT_CACHE", str(module_cache))
    return module_cache


def events_of(path, kind):
    return [event for event in read_events(path / "events.jsonl") if isinstance(event, kind)]


def test_by_default_a_published_network_gets_a_new_head(pictures, tmp_path):
    result = eb.train(pictures, tmp_path / "run")
    assert result.classifier.network.to_json() == (tmp_path / "run" / "network.json").read_text()
    (tried,), (cross,) = events_of(tmp_path / "run", Tried), events_of(tmp_path / "run", CrossValidated)
    assert "efficientnet_lite0" in tried.what and tried.validation_accuracy > 0.9
    assert cross.pictures == 80 and cross.low < cross.accuracy <= cross.high
    published = zoo.published_weights("efficientnet_lite0")
    for name, value in result.classifier.get_weights().items():
        assert name.startswith("_fc.") or (value == published[name]).all()
    assert result.test.accuracy == 1.0
    assert (tmp_path / "run" / "curves.png").exists()  # of the penalties: there were no epochs
    assert not events_of(tmp_path / "run", MirroringChecked)  # no image is augmented
    again = eb.train(pictures, tmp_path / "again")
    for name, value in again.classifier.get_weights().items():
        assert (value == result.classifier.get_weights()[name]).all(), name


def test_the_head_may_read_the_means_of_every_stage_from_the_third_and_unknown_images_are_found_by_the_last_maps():
    backbone = Backbone(middle=auto.MIDDLE)
    places = backbone.network.places
    assert [places[name].shape[0] for name in auto.MIDDLE] == [40, 80, 112, 192, 320]  # Source: EfficientNet, table 1
    narrow, wide = (backbone.with_head(5, count) for count in (1280, 1280 + 40 + 80 + 112 + 192 + 320))
    assert features_place(narrow) == features_place(wide) and features_place(wide)[1].shape[0] == 1280


@pytest.mark.parametrize(("side", "tuned"), [(32, 11), (64, 11), (65, 5), (180, 5)])
def test_more_of_the_16_blocks_are_tuned_for_small_images_with_more_augmentation(side, tuned):
    network = Backbone(size_px=128, middle=auto.MIDDLE).with_head(5, 1280)
    named = {name.split(".")[1] for name in network.tensors if name.startswith("_blocks")}
    frozen = frozen_layers(network, auto._tuning(side)["frozen"])
    left = {
        name.split(".")[1]
        for name in network.tensors
        if name.startswith("_blocks") and name.rpartition(".")[0] not in frozen
    }
    assert left == {str(number) for number in range(16 - tuned, 16)} and len(named) == 16
    settings = eb.Settings().changed(auto._tuning(side))
    assert (settings.zoom, settings.brightness, settings.label_smoothing) == (
        (0.3, 0.4, 0.1) if tuned == 11 else (0.1, 0, 0)
    )


def test_labels_that_are_swapped_are_suspected_and_asked_about_in_the_report(pictures, tmp_path, monkeypatch):
    """Of two swapped labels of each class, those outside the test set; with so few images no head is very sure."""
    monkeypatch.setattr("eyebright.data.audit.labels.UNLIKELY", 0.3)
    swapped = {"coarse/01.png": "fine", "coarse/03.png": "fine", "fine/00.png": "coarse", "fine/02.png": "coarse"}
    shutil.copytree(pictures, tmp_path / "pictures")
    for name, true in swapped.items():
        shutil.move(tmp_path / "pictures" / true / name[-6:], tmp_path / "pictures" / name)
    run = Run(eb.train(tmp_path / "pictures", tmp_path / "run").path)
    (found,) = events_of(run.path, LabelsSuspected)
    rows = csv.DictReader(run.split.read_text().splitlines())
    used = {row["name"] for row in rows if row["split"] in ("train", "validation")}
    assert found.pictures == len(used) and found.count == len(found.names)
    assert dict(zip(found.names, found.suggested, strict=True)) == {
        name: swapped[name] for name in swapped.keys() & used
    }
    page = run.report.read_text("utf-8")
    assert all(f'data-name="{name}"' in page for name in found.names) and len(found.names) > 1
    assert f"{len(found.names)} labels of {found.pictures} training and validation images" in page


def test_a_run_that_was_killed_before_its_model_was_saved_continues(pictures, tmp_path):
    def kill(event):
        if isinstance(event, Stopped):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        eb.train(pictures, tmp_path / "run", callbacks=[kill])
    assert not (tmp_path / "run" / "model").exists()
    resumed = resume.resume(tmp_path / "run")
    whole = eb.train(pictures, tmp_path / "whole")
    for name, value in whole.classifier.get_weights().items():
        assert (value == resumed.classifier.get_weights()[name]).all(), name


def test_without_published_weights_a_network_is_trained_from_scratch_with_a_notice(pictures, tmp_path, monkeypatch):
    def nothing(*_, **__):
        raise DownloadError("no way there")

    monkeypatch.setattr(auto, "features", nothing)
    events = []
    dataset, request = eb.Dataset.from_folder(pictures), Request(training=eb.Settings(epochs=0), mirror=True)
    start, prepared = auto.choose(dataset, "crop", request, events.append, started_at=0.0)
    assert start.name == "compact" and start.network.input_shape == (3, 32, 32) and start.settings.epochs == 15
    assert start.keep and prepared.pack.preparation == eb.Preparation(width=32, height=32)
    assert [event.reason for event in events if isinstance(event, Unavailable)] == ["no way there"]


@pytest.fixture
def hasty_clock(monkeypatch):
    """A clock that jumps half a second each time that it is read: a budget lasts some tens of steps."""
    ticks = itertools.count(0.0, 0.5)

    class Clock:
        @staticmethod
        def monotonic():
            return next(ticks)

    for module in (budget, auto, train):
        monkeypatch.setattr(module, "time", Clock)
    monkeypatch.setattr(train, "watched", lambda emit, *_: emit)  # it would read the clock for each image
    monkeypatch.setattr(auto, "BACKBONE_SIZES", range(64, 65, 32))


def test_an_interrupt_during_a_trial_interrupts_the_run(pictures, tmp_path, hasty_clock):
    def interrupt(event):
        if isinstance(event, StepDone):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        eb.train(pictures, tmp_path / "run", minutes=1.2, callbacks=[interrupt])
    assert not (tmp_path / "run").exists()


def test_more_epochs_after_a_head_tune_the_network_and_do_no_harm(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(auto, "BACKBONE_SIZES", range(64, 65, 32))
    head = eb.train(pictures, tmp_path / "run").classifier.get_weights()
    tuned = resume.resume(tmp_path / "run", epochs=1).classifier
    published = zoo.published_weights("efficientnet_lite0")
    assert events_of(tmp_path / "run", StartValidated)
    assert (tuned.get_weights()["_conv_stem.weight"] == published["_conv_stem.weight"]).all()
    if not tuned.history.best_epoch:
        assert all((value == head[name]).all() for name, value in tuned.get_weights().items())


def test_a_head_that_reads_the_middle_is_healed_from_its_own_start(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(auto, "BACKBONE_SIZES", range(64, 65, 32))
    monkeypatch.setattr("eyebright.training.head.above_error", lambda *_: True)
    eb.train(pictures, tmp_path / "run")
    advised = VerdictReached(kind="overfitting", text="", advice="", remedy={"epochs": 1, "dropout": 0.4}, others=())
    EventLog(tmp_path / "run" / "events.jsonl")(advised)
    healing = eb.heal(tmp_path / "run")
    (start,), (head,) = events_of(healing.path, StartValidated), events_of(tmp_path / "run", Tried)
    assert start.validation_accuracy == head.validation_accuracy
    (reads, *_), *_ = eb.Classifier.load(healing.path).network.places["_fc"].input_shapes
    assert (reads, Run(healing.path).read()[0].dropout) == (1280 + 744, 0.4)


def test_settings_that_have_no_effect_on_a_head_are_refused(pictures, tmp_path):
    with pytest.raises(SettingsError, match=r"learning_rate = 0\.01 has no effect when only the head .* give minutes"):
        eb.train(pictures, tmp_path / "run", settings=eb.Settings(epochs=0, learning_rate=0.01))
    assert not (tmp_path / "run").exists()


def test_a_run_that_was_moved_can_be_repeated_in_its_own_folder(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(auto, "BACKBONE_SIZES", range(64, 65, 32))
    first = eb.train(pictures, tmp_path / "run").classifier.get_weights()
    (tmp_path / "run").rename(tmp_path / "moved")
    moved = tmp_path / "moved"
    for _ in range(2):
        train.run_request(gather({"output": str(moved), "overwrite": True}, moved / "config.toml"))
        again = eb.Classifier.load(tmp_path / "moved").get_weights()
        assert all((value == again[name]).all() for name, value in first.items())


def test_without_published_weights_mirroring_is_checked_too(pictures, tmp_path, monkeypatch):
    def nothing(*_, **__):
        raise DownloadError("no way there")

    monkeypatch.setattr(auto, "features", nothing)
    eb.train(pictures, tmp_path / "run", epochs=1, size=24)
    assert events_of(tmp_path / "run", MirroringChecked)
    assert "size = 24" in (tmp_path / "run" / "config.toml").read_text()


def test_with_a_budget_both_networks_are_tried_on_small_images_and_the_better_is_trained(
    pictures, tmp_path, hasty_clock
):
    result = eb.train(pictures, tmp_path / "run", minutes=1.2)
    tried = events_of(tmp_path / "run", Tried)
    assert [event.what.split(",")[0].split(" ")[0] for event in tried] == ["efficientnet_lite0"] * 2 + ["compact"]
    winner = max(tried[1:], key=lambda event: event.validation_accuracy).what.split(",")[0]
    config = (tmp_path / "run" / "config.toml").read_text()
    assert f'network = "{winner if winner in zoo.NETWORKS else NETWORK}"' in config
    assert events_of(tmp_path / "run", StartValidated) and events_of(tmp_path / "run", Planned)
    assert events_of(tmp_path / "run", Stopped)[-1].reason in ("budget", "patience")
    best = max(event.validation_accuracy for event in events_of(tmp_path / "run", EpochEnded | StartValidated))
    card = json.loads((tmp_path / "run" / "model" / "model.json").read_text())
    assert card["metrics"]["validation"]["accuracy"] == pytest.approx(best, abs=0.11)
    assert result.test.accuracy > 0.6


@pytest.mark.parametrize(("side", "size"), [(32, 128), (100, 160), (128, 192), (150, 224), (4000, 224)])
def test_the_published_network_gets_images_one_and_a_half_times_as_large(side, size):
    assert auto.backbone_px(side) == size


@pytest.mark.parametrize("given", ["sides", "groups"])
def test_a_cross_validation_keeps_near_duplicates_in_one_fold_and_leaves_excluded_images_out(given, monkeypatch):
    """Forty images, each also mirrored, with random labels and features: only a duplicate in training would help."""
    stream = np.random.default_rng(3)
    pictures = stream.integers(0, 256, (40, 8, 8, 3), np.uint8).repeat(4, axis=1).repeat(4, axis=2)
    images = [image for picture in pictures for image in (picture, picture[:, ::-1])]
    labels, points = np.arange(80) // 2 % 2, np.repeat(stream.normal(size=(40, 50)), 2, axis=0).astype(np.float32)
    images, labels, points = [*images, pictures[0]], [*labels, 0], np.concatenate([points, points[:1]])
    sides = [
        *np.repeat(["train", "validation", "test", "train"], 20),
        "test",
    ]  # with a duplicate in training
    options = {"sides": {"sides": sides}, "groups": {"groups": ["one", *[""] * 60, "one", *[""] * 19]}}[given]

    class Seen:
        @staticmethod
        def read(indices):
            return points[indices]

    monkeypatch.setattr(auto, "features", lambda *_, **__: Seen)
    dataset, events = eb.Dataset(ArraySource(images), ["a", "b"], labels, **options), []
    request = Request(training=eb.Settings(epochs=0), mirror=True)
    auto.choose(dataset, "crop", request, events.append, started_at=0.0)
    (cross,) = (event for event in events if isinstance(event, CrossValidated))
    assert cross.pictures == {"sides": 80, "groups": 81}[given]
    assert 0.3 < cross.accuracy < 0.65


def test_features_of_test_images_are_only_computed_for_a_cross_validation(monkeypatch):
    stream, wanted = np.random.default_rng(5), []
    images = list(stream.integers(0, 256, (40, 16, 16, 3), np.uint8))
    sides = np.repeat(["train", "validation", "test"], (20, 10, 10)).tolist()

    class Computed:
        @staticmethod
        def read(indices):
            return stream.normal(size=(len(indices), 50)).astype(np.float32)

    def features(_read, digests, *_, **__):
        wanted.append(sum(bool(digest) for digest in digests))
        return Computed

    monkeypatch.setattr(auto, "features", features)
    request = Request(training=eb.Settings(epochs=0), mirror=True)
    for few in (100, 10):
        monkeypatch.setattr(auto, "FEW", few)
        dataset = eb.Dataset(ArraySource(images), ["a", "b"], np.arange(40) % 2, sides=sides)
        auto.choose(dataset, "crop", request, lambda event: None, started_at=0.0)
    assert wanted == [40, 30]
