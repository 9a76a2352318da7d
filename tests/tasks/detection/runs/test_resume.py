"""A training of a detector that was stopped continues to the same weights."""

import numpy as np
import pytest

from eyebright.runs.folder import Run
from eyebright.runs.options import gather
from eyebright.system.errors import DataError, SettingsError
from eyebright.tasks.detection.model.detector import Detector
from eyebright.tasks.detection.runs.resume import resume_detector
from eyebright.tasks.detection.runs.train import train_detector
from eyebright.training.events.event import Event
from eyebright.training.events.fitting import EpochEnded
from eyebright.training.events.starting import Resumed


class Killed(BaseException):
    """The process is gone."""


def kill(event: Event) -> None:
    """Kill a training at the end of its second epoch, of which there is no checkpoint yet."""
    if isinstance(event, EpochEnded) and event.epoch == 2:
        raise Killed


def test_a_killed_training_continues_to_the_same_weights(squares, tmp_path):
    whole, killed = Run(tmp_path / "whole"), Run(tmp_path / "killed")
    asked = {"pictures": str(squares), "size": 64, "epochs": 3, "threads": 1, "excluded": ("images/3.png",)}
    train_detector(gather(asked | {"output": str(whole.path)}))
    with pytest.raises(Killed):
        train_detector(gather(asked | {"output": str(killed.path)}), callbacks=[kill])

    labels = squares / "labels" / "5.txt"
    before = labels.read_text()
    labels.write_text("0 0.5 0.5 0.2 0.2\n")  # another box: their number is the same
    with pytest.raises(DataError, match="no longer those"):
        resume_detector(killed.path)
    labels.write_text(before)

    found = list[Event]()
    resume_detector(killed.path, callbacks=[found.append])
    assert [event.epoch for event in found if isinstance(event, Resumed)] == [1]
    one, other = (Detector.load(run.model) for run in (whole, killed))
    weights = one.get_weights()
    assert all(np.array_equal(weights[name], values) for name, values in other.get_weights().items())
    assert len(one.history.validation_loss) == 3
    assert one.history.validation_loss == other.history.validation_loss  # of each epoch, whichever is the best
    assert killed.split.read_bytes() == whole.split.read_bytes()
    assert b"images/3.png" not in killed.split.read_bytes() and b"1 square" in killed.split.read_bytes()
    with pytest.raises(SettingsError, match="is complete"):
        resume_detector(killed.path)
