import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyebright.runs.evaluate import evaluate
from eyebright.runs.folder import Run
from eyebright.system.errors import OutputError
from eyebright.training.events.event import Event
from eyebright.training.events.fitting import EpochEnded
from eyebright.training.events.results import Evaluated
from eyebright.training.receivers import EventLog
from eyebright.trust.intervals import wilson_interval


def test_an_evaluation_is_recorded_in_the_log_of_the_run(make_folder, train_mlp, tmp_path, monkeypatch):
    train_mlp(make_folder(), tmp_path / "run", epochs=1)
    new = make_folder("new", classes=("blue", "green"), count=20)  # four of each class are new
    found = evaluate(tmp_path / "run", new)
    last = events_of(tmp_path / "run", Evaluated)[-1]
    assert (last.side, last.pictures, last.seen) == (str(new), found.pictures, found.seen)
    assert found.seen > 0 and found.pictures + found.seen == 40
    count = len(events_of(tmp_path / "run", Evaluated))
    shutil.copytree(tmp_path / "run" / "model", tmp_path / "model")
    assert evaluate(tmp_path / "model", new) == found
    assert {path.name for path in tmp_path.iterdir()} == {"pictures", "run", "new", "model"}

    def denied(self: EventLog, event: Event) -> None:
        raise OutputError("no permission")

    monkeypatch.setattr(EventLog, "__call__", denied)
    assert evaluate(tmp_path / "run", new) == found  # a run that may only be read
    assert len(events_of(tmp_path / "run", Evaluated)) == count
    assert len(events_of(tmp_path / "run", EpochEnded)) == 1


def events_of(path: Path, kind: type) -> list:
    return [event for event in Run(path).read_events() if isinstance(event, kind)]


@pytest.fixture
def bursts(tmp_path: Path) -> Path:
    """Images in sets of four that hardly differ; their names tell the set, and colours the class only sometimes."""
    random = np.random.default_rng(3)
    for label in ("blue", "green", "red"):
        (tmp_path / "pictures" / label).mkdir(parents=True)
        for scene in range(14):
            coarse = random.integers(30, 220, (6, 6, 3)).astype(np.uint8)
            picture = np.asarray(Image.fromarray(coarse).resize((48, 48), Image.Resampling.BICUBIC)).astype(int)
            for shot in range(4):
                pixels = np.clip(picture + random.integers(-2, 3, picture.shape), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(tmp_path / "pictures" / label / f"{scene:02d}_{shot}.png")
    return tmp_path / "pictures"


@pytest.mark.parametrize("group_by", ["", r"(\d+)_\d"])
def test_the_same_images_have_the_same_interval_as_in_the_training(bursts, train_mlp, tmp_path, group_by):
    """Groups that the training found or was given count: four shots of one scene are no four independent images."""
    trained = train_mlp(bursts, tmp_path / "run", epochs=2, group_by=group_by).test
    found = evaluate(tmp_path / "run", bursts)
    assert (found.pictures, found.accuracy) == (trained.pictures, trained.accuracy)
    assert 0 < found.groups == trained.groups < found.pictures
    assert found.interval == trained.interval != wilson_interval(round(found.accuracy * found.pictures), found.pictures)
    new = tmp_path / "new"  # without the images of the training, and with names of another kind
    for row in (tmp_path / "run" / "split.csv").read_text().splitlines()[1:]:
        name, label, side, *_ = row.split(",")
        if side == "test":
            (new / label).mkdir(parents=True, exist_ok=True)
            shutil.copy(bursts / name, new / label / Path(name).name.replace("_", "-"))
    assert evaluate(tmp_path / "run", new).accuracy == found.accuracy


def test_a_test_accuracy_that_is_far_from_that_on_validation_is_reported(bursts, train_mlp, tmp_path, monkeypatch):
    result = train_mlp(bursts, tmp_path / "run", epochs=1)
    (event,) = events_of(tmp_path / "run", Evaluated)
    share, other = result.test.share, result.classifier.metrics["validation"].share
    assert (event.apart is not None) == (share.low > other.high or other.low > share.high)
    assert (share.right, share.of, share.low, share.high) == (
        round(result.test.accuracy * result.test.pictures), result.test.pictures, *result.test.interval,
    )  # fmt: skip
